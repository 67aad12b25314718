"""Reports of what is compiled, demands for it, and its record in results; no other module reads a backend's name."""

from __future__ import annotations

import re
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from geometries import NETS, examples, network

import nnpg
import nnpg_kernels.numba.backend
from nnpg import conv, dense, programs
from nnpg.programs.plan import plan_of

TASKS = ["predict", "prediction_gradient", "class_gradient", "knock_out_curve", "train"]


def run(task: str, net: nnpg.Network) -> Any:
    x, t = examples(net, 5)
    units = [(name, 0) for name in nnpg.filter_layers(net)]
    return {
        "predict": lambda: nnpg.predict(net, x),
        "prediction_gradient": lambda: nnpg.prediction_gradient(net, x),
        "class_gradient": lambda: nnpg.class_gradient(net, x, t, progress=False),
        "knock_out_curve": lambda: nnpg.knock_out_curve(net, x, t, units, progress=False),
        "train": lambda: nnpg.train(net, x, t, epochs=1, batch=2, rng=0, progress=False),
    }[task]()


@pytest.mark.parametrize("task", TASKS)
def test_every_task_of_the_papers_network_is_compiled_and_says_so(task: str) -> None:
    net = network("faces")
    with nnpg.require_compiled():
        result = run(task, net)
    assert nnpg.compilation_report(net)[task].computed == "compiled"
    assert task == "predict" or result.computed == "compiled"
    slow = net.to("numpy")
    assert (
        nnpg.compilation_report(slow)[task].computed
        == "layer by layer, because the backend 'numpy' has no compiled programs"
    )
    assert task == "predict" or run(task, slow).computed == nnpg.compilation_report(slow)[task].computed


@pytest.mark.parametrize("task", TASKS)
def test_what_is_demanded_and_not_there_names_task_network_and_reason(task: str) -> None:
    net = network("faces").replace("tanh1", nnpg.Step())
    name = "prediction_gradient" if task == "class_gradient" else task  # a mean of prediction gradients
    with (
        nnpg.require_compiled(),
        pytest.raises(nnpg.NotCompiled, match=rf"^{name}, Network .* layer by layer, because tanh1 \(Step\)"),
    ):
        run(task, net)
    run(task, net)  # outside, it goes layer by layer


def test_own_steps_are_not_compiled() -> None:
    net = network("faces")
    x, t = examples(net, 5)

    def take(*arguments: Any) -> Any:
        return nnpg.training.step(*arguments[:-1])

    with nnpg.require_compiled(), pytest.raises(nnpg.NotCompiled, match="take_step"):
        nnpg.train(net, x, t, epochs=1, batch=2, rng=0, take_step=take, progress=False)


@pytest.mark.parametrize("name", NETS)
def test_the_report_of_every_geometry(name: str) -> None:
    assert set(nnpg.compilation_report(network(name)).to_dict().values()) == {"compiled"}


@pytest.mark.parametrize(
    ("layer", "task", "reason"),
    [
        (conv(4, 3, groups=2), "predict", "conv2 has groups"),
        (nnpg.Dropout(0.5), "train", "dropout1 is drawn anew for each step"),
        (nnpg.AvgPool(2), "predict", r"avgpool1 \(AvgPool\) begins no block"),
    ],
)
def test_reasons(layer: Any, task: str, reason: str) -> None:
    recipe = [conv(4, 3), nnpg.Tanh(), layer, nnpg.Flatten(), dense(3), nnpg.Softmax()]
    net = nnpg.build(recipe, input_shape=(1, 12, 12), rng=0, backend="numba")
    assert re.match(reason, nnpg.compilation_report(net)[task].why_not)


def test_the_report_says_what_a_layer_without_a_block_costs() -> None:
    layers = [conv(5, 3), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.AvgPool(2), conv(7, 2), nnpg.Flatten(), dense(3)]
    net = nnpg.build(layers, input_shape=(1, 12, 12), rng=0, backend="numba")
    before, after = 10 * 10 * 5 * 9, 7 * 5 * 4 + 3 * 7  # maps of 10 x 10 pixels; of 1 x 1 pixels, and the dense layer
    says = (
        f"avgpool1 (AvgPool) begins no block: no program runs this network. Its {before + after:,} multiply-adds per "
        f"image are computed layer by layer, {after / (before + after):.0%} of them after the last block"
    )
    assert str(plan_of(net)).splitlines()[-1] == says
    assert str(nnpg.compilation_report(net)).splitlines()[-1] == says
    assert not nnpg.compilation_report(net.to("numpy")).cost
    planned = nnpg.build([*layers[:3], *layers[4:]], input_shape=(1, 12, 12), rng=0, backend="numba")
    assert not nnpg.compilation_report(planned).cost


def test_a_backend_of_ones_own_runs_its_own_kernels() -> None:
    mine = types.ModuleType(nnpg_kernels.numba.backend.__name__)  # of the same name, and not the same
    mine.__dict__.update(vars(nnpg_kernels.numba.backend))
    mine.conv_forward = lambda *arguments: 2 * nnpg_kernels.numba.backend.conv_forward(*arguments)  # type: ignore[attr-defined]
    net = network("faces").to(mine)
    x, _ = examples(net, 5)
    assert not nnpg.compilation_report(net)["predict"]
    assert not np.allclose(nnpg.predict(net, x), nnpg.predict(network("faces"), x))


def test_nobody_else_asks_for_a_backends_name() -> None:
    root = Path(nnpg.__file__).parent
    asks = re.compile(r"""name\s*(==|!=|in|not in)\s*[\[({]?\s*["'](numba|numpy|cupy)["']""")
    lines = [
        f"{path.relative_to(root)}: {line.strip()}"
        for path in sorted(root.rglob("*.py"))
        if path.relative_to(root).parts[0] != "programs"
        for line in path.read_text().splitlines()
        if asks.search(line)
    ]
    assert not lines


@pytest.mark.parametrize("filters", [17, 16])
def test_a_few_large_images_of_filters_that_step_over_columns_go_by_layers(filters: int) -> None:
    """17 filters leave lanes empty; 16 fill them, which is then how up to 8 images are computed."""
    net = nnpg.build([conv(filters, 7, stride=2), nnpg.ReLU(), nnpg.Flatten(), dense(3), nnpg.Softmax()],
                     input_shape=(3, 120, 120), rng=0, backend="numba")  # fmt: skip
    x = np.random.default_rng(0).standard_normal((17, 3, 120, 120)).astype("f4")
    asks = [
        lambda: nnpg.predict(net, x[:16]),
        lambda: nnpg.prediction_gradient(net, x[:4], layers="relu1"),
        lambda: nnpg.prediction_gradient(net, x[:4], layers="input"),
        lambda: nnpg.train(net, x, np.zeros(17, int), epochs=1, batch=4, rng=0, progress=False),
        lambda: nnpg.predict(net, x[:8]),
        lambda: nnpg.prediction_gradient(net, x[:4], layers="conv1"),  # inside a block
    ]
    with nnpg.require_compiled():
        compiled = nnpg.predict(net, x)
        for i, ask in enumerate(asks):
            if filters == 16 and i in (1, 2, 3, 4):
                ask()
                continue
            with pytest.raises(nnpg.NotCompiled, match=r"(16|8|4) images would be one vector of 16 lanes"):
                ask()
    np.testing.assert_allclose(nnpg.predict(net, x[:16]), compiled[:16], rtol=0, atol=1e-6)
    np.testing.assert_allclose(nnpg.predict(net, x[:8]), compiled[:8], rtol=0, atol=1e-6)
    with (
        nnpg.require_compiled(),
        pytest.raises(nnpg.NotCompiled, match="gaps of zeros that the strides of conv1 leave"),
    ):
        nnpg.prediction_gradient(net, x, layers="input")


def test_what_is_computed_inside_is_recorded_and_nothing_else() -> None:
    compiled = network("faces")
    x, labels = examples(compiled, 3)
    with programs.recorded() as ways:
        nnpg.predict(compiled, x)
        with programs.recorded() as inner:
            nnpg.predict(compiled.to("numpy"), x)
        nnpg.class_gradient(compiled, x, labels, progress=False)
    nnpg.predict(compiled.to("numpy"), x)
    assert ways == {"predict": {"compiled"}, "prediction_gradient": {"compiled"}, "class_gradient": {"compiled"}}
    (way,) = inner["predict"]
    assert way.startswith("layer by layer, because")
