"""The compiled programs against the layers: every task, over geometries that use each op. Run with NNPG_CHECK=1."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from parameters import flat, with_biases

import nnpg
from mutation import own_steps
from mutation.forks import Target
from nnpg import conv, dense, programs
from nnpg.attacks.answers import Margin
from nnpg.attacks.least_distortion.boundary.steps import Descents, step_of
from nnpg.attacks.least_distortion.norms import Box
from nnpg.losses import Loss, binary, binary_seed, cross_entropy, cross_entropy_seed, squares, squares_seed
from nnpg.programs import guards
from nnpg.programs.numba.knockouts.steps import outputs_of_sweeps
from nnpg.programs.plan import plan_of
from nnpg.programs.tasks import Outputs, Reading, Train
from nnpg.training_methods.selective_dropout import SelectiveDropout
from nnpg.training_methods.volatility import unit_output
from nnpg_kernels import use_threads
from nnpg_kernels.numba.simd import lanes

MEAN = np.random.default_rng(3).standard_normal((1, 12, 11))
NETS: dict[str, tuple[tuple[int, ...], list[Any]]] = {
    "faces": (
        (1, 12, 11),
        [nnpg.Center(MEAN), conv(17, 3), nnpg.Tanh(), nnpg.MaxPool(2), conv(5, 2, padding=(1, 0, 2, 1)), nnpg.ReLU(),
         nnpg.Flatten(), dense(6), nnpg.Tanh(), dense(19), nnpg.Softmax()],
    ),
    "steps and gaps": (
        (2, 13, 12),
        [conv(3, (3, 2), stride=(2, 1), padding=1), nnpg.MaxPool(3, 2, padding=1), nnpg.Sigmoid(),
         conv(2, 2, dilation=(1, 2), padding=(2, 0, 0, 0)), nnpg.Tanh(), nnpg.Flatten(), dense(3), nnpg.Softmax()],
    ),
    "one filter, wide": (
        (1, 9, 24),
        [conv(1, (2, 9), padding=(0, 0, 2, 0)), nnpg.Tanh(), conv(4, 3, padding=(0, 2, 0, 0)), nnpg.Flatten(), dense(2),
         nnpg.Softmax()],
    ),
    "columns": (
        (2, 9, 13),
        [conv(3, (2, 3), stride=(2, 3), dilation=(2, 1), padding=(1, 0, 0, 2)), nnpg.ReLU(),
         nnpg.MaxPool((2, 3), (1, 2), padding=(0, 1, 1, 1)), nnpg.Flatten(), dense(4), nnpg.Tanh(), dense(5),
         nnpg.Sigmoid()],
    ),
    "one row": (
        (2, 3, 27),
        [conv(3, (1, 9), dilation=(1, 2)), nnpg.Tanh(), nnpg.MaxPool((1, 3), (1, 2), padding=(0, 0, 2, 0)),
         nnpg.Flatten(), dense(4), nnpg.Softmax()],
    ),
    "one column": (
        (2, 11, 3),
        [conv(2, (3, 1), stride=(2, 1), bias=False), nnpg.MaxPool((2, 1), (1, 2)), nnpg.Flatten(), dense(4, bias=False),
         nnpg.Softmax()],
    ),
    "steps": (
        (1, 3, 9),
        [conv(2, (1, 2), stride=(1, 2)), nnpg.MaxPool((1, 2), (2, 1), padding=(0, 0, 1, 1)), nnpg.ReLU(),
         nnpg.Flatten(), dense(4), nnpg.Softmax()],
    ),
    "three convolutions": (
        (1, 14, 15),
        [conv(4, 3), nnpg.Tanh(), nnpg.MaxPool(2), conv(5, (3, 2), padding=(1, 0, 2, 0)), nnpg.ReLU(),
         nnpg.MaxPool(3, 2, padding=(1, 0, 1, 1)), conv(3, (2, 3), bias=False), nnpg.Tanh(), nnpg.Flatten(), dense(5),
         nnpg.Softmax()],
    ),
    "filters": (
        (3, 13, 12),
        [nnpg.Center(np.array(0.3)), conv(8, (5, 3), stride=(3, 2), padding=(2, 1, 1, 1)), nnpg.Tanh(),
         nnpg.MaxPool(2, 1), conv(16, (2, 3), padding=(1, 0, 1, 1), bias=False), nnpg.ReLU(),
         nnpg.MaxPool(2, padding=(0, 1, 1, 0)), nnpg.Flatten(), dense(21), nnpg.Tanh(), dense(4), nnpg.Softmax()],
    ),
    "many": ((1, 3, 4), [conv(2, 2, dilation=(2, 1), padding=3), nnpg.Flatten(), dense(4), nnpg.Tanh()]),
    "rows": ((7,), [dense(5), nnpg.ReLU(), dense(4), nnpg.Sigmoid()]),
}  # fmt: skip


def cases() -> list[tuple[str, str, int]]:
    """Name, type and number of images: whole vectors of them and some more, or so few that each is by itself."""
    wide, narrow = lanes(np.float64), lanes(np.float32)
    return [
        ("faces", "float64", 2 * wide + 3),
        ("steps and gaps", "float32", 2),
        ("columns", "float32", narrow + 1),
        ("rows", "float64", wide + 1),
        ("one filter, wide", "float64", 1),
        ("one row", "float64", wide + 1),
        ("one column", "float32", 1),
        ("steps", "float64", 2),
        ("three convolutions", "float64", wide + 3),
        ("filters", "float64", 3),
        ("filters", "float64", 3 * wide + 4),
        ("many", "float64", 30 * wide + 1),
    ]


@cache
def example(name: str, dtype: str, N: int) -> tuple[nnpg.Network, Any, Any]:
    shape, recipe = NETS[name]
    rng = np.random.default_rng(1)
    net = nnpg.build(recipe, input_shape=shape, rng=rng, dtype=dtype, backend="numba")
    net = with_biases(net, rng)
    x = rng.standard_normal((N, *shape)).astype(dtype)
    return net, x, rng.integers(0, net.K, N)


Answers = Iterator[tuple[str, Any]]


def blocks_of(net: nnpg.Network) -> list[str]:
    return [block.name for block in plan_of(net).blocks]


def units_of(net: nnpg.Network) -> list[tuple[str, int]]:
    """Some filters of each hidden block, from the last block on, one of them twice."""
    hidden = blocks_of(net)[:-1]
    return [(name, f) for name in hidden[::-1] for f in (net.shapes[name][0] - 1, 0)] + [(hidden[0], 0)]


def predict(net: nnpg.Network, x: Any, labels: Any) -> Answers:
    yield "predict", nnpg.predict(net, x)
    yield "no image", nnpg.predict(net, x[:0])
    if x.ndim == 4:  # what ends in maps
        maps = nnpg.build(
            [conv(2, 2), nnpg.Tanh()], input_shape=x.shape[1:], rng=5, dtype=net.dtype, backend=net.backend
        )
        yield "maps", nnpg.predict(maps, x)


def outputs(net: nnpg.Network, x: Any, labels: Any) -> Answers:
    names = tuple(name for name in plan_of(net).places if plan_of(net).index(name) >= 0)
    program = programs.find(net, Outputs(names)) if programs.has_programs(net) else None
    for images in (x, x[:0]):
        answer = program.run(images) if program is not None and program.run is not None else net.forward(images)
        yield from ((f"output {name}", answer[name]) for name in names)


def head_of(net: nnpg.Network) -> str:
    return plan_of(net).head


def gradients(net: nnpg.Network, x: Any, labels: Any) -> Answers:
    blocks = tuple(blocks_of(net)[:-1])
    across = [c % net.K for c in (0, 6, 2, 3, 1)]  # so many are sent back side by side, where that is possible
    asked: list[tuple[Any, str, Any]] = [
        (net.names[:-1], "prob", "true"),
        (net.names[:-1], "logit", [1, 0]),
        (("input", *blocks), "prob", "all"),
        (("input", *blocks), "logprob", "true"),
        (("input", *blocks), "logit", across if len(set(across)) == 5 else 1),
        (("input",), "logprob", "all"),
        (blocks[-1:], "logit", "all"),
    ]
    for layers, of, classes in asked:
        of = of if head_of(net) else "logit"
        answer = nnpg.prediction_gradient(net, x, layers=layers, labels=labels, of=of, classes=classes)  # type: ignore[arg-type]
        yield from ((f"{of} {name}", delta) for name, delta in answer.deltas.items())
    yield "no image", nnpg.prediction_gradient(net, x[:0], layers="input", of="logit")["input"]


def means(net: nnpg.Network, x: Any, labels: Any) -> Answers:
    for method in ("gradient_of_average", "average_of_gradients"):
        answer = nnpg.class_gradient(net, x, labels, layers="input", of="logit", method=method, progress=False)  # type: ignore[arg-type]
        yield method, answer["input"]


def sweeps(net: nnpg.Network, x: Any, labels: Any) -> Answers:
    units, reference = units_of(net), 9 * abs(x)
    for to in ("zero", "mean"):
        curve = nnpg.knock_out_curve(net, x, labels, units, to=to, reference=reference, progress=False)  # type: ignore[arg-type]
        yield to, curve.predictions
    yield "no image", nnpg.knock_out_curve(net, x[:0], labels[:0], units, progress=False).predictions
    if head_of(net) == "softmax":  # of two classes that round to the same probability, the first one counts
        last = blocks_of(net)[-1]
        W, b = np.zeros_like(net.parameters[last]["W"]), np.full(net.K, -5, net.dtype)
        b[:2] = 0.1, np.nextafter(net.dtype.type(0.1), net.dtype.type(1))
        yield "equal", nnpg.knock_out_curve(net.replace(last, W=W, b=b), x, labels, units, progress=False).predictions
    changed = net.intervene(blocks_of(net)[0], part_of(net))
    yield "changed", nnpg.knock_out_curve(changed, x, labels, units, progress=False).predictions


def several_sweeps(net: nnpg.Network, x: Any, labels: Any) -> Answers:
    units = units_of(net)
    orders = [units, units[::-1], [*units[1:3], units[1], units[0]], []]
    with_means = nnpg.knock_out_curves(net, x, labels, orders, to="mean", reference=9 * abs(x), progress=False)
    for i, curve in enumerate((*nnpg.knock_out_curves(net, x, labels, orders, progress=False), *with_means)):
        yield f"classes {i}", curve.predictions
    for i, order in enumerate(orders):
        yield f"outputs {i}", outputs_of_sweep(net, x, orders, i)
        yield f"alone {i}", outputs_of_sweep(net, x, [order], 0)


def outputs_of_sweep(net: nnpg.Network, x: Any, orders: list[list[tuple[str, int]]], i: int) -> Any:
    """Outputs before a softmax without the first filters of order i: by the program of all orders, or by layers."""
    plan = plan_of(net)
    if net.backend.name == "numba":
        return outputs_of_sweeps(plan, orders, guards.images(net.as_input(x), plan.input_shape, plan.dtype))[i]
    name = net.names[-1] if plan.head == "sigmoid" else plan.last
    nets = [nnpg.knock_out(net, orders[i][:step]) if step else net for step in range(len(orders[i]) + 1)]
    return np.stack([without.forward(x)[name] for without in nets])


def part_of(net: nnpg.Network) -> Any:
    """A change of some units of the first block: of maps, some pixels."""
    shape = net.shapes[blocks_of(net)[0]]
    return nnpg.Override(
        np.arange(np.prod(shape)).reshape(shape) % 3 == 1, np.linspace(-1, 1, int(np.prod(shape))).reshape(shape)
    )


def changed(net: nnpg.Network, x: Any, labels: Any) -> Answers:
    out = nnpg.knock_out(net.intervene(blocks_of(net)[0], part_of(net)), units_of(net)[:2], to="mean", reference=x)
    yield from predict(out, x, labels)
    for classes in ("true", "all"):
        answer = nnpg.prediction_gradient(
            out, x, layers=("input", *blocks_of(net)[:-1]), labels=labels, of="logit", classes=classes
        )  # type: ignore[arg-type]
        yield from ((f"changed {name}", delta) for name, delta in answer.deltas.items())
    yield from trained(out, x, labels, losses_of(net)[-1], nnpg.SGD(lr=0.05))


def reading(net: nnpg.Network, x: Any, labels: Any) -> Answers:
    rng, at = np.random.default_rng(2), plan_of(net).last
    many = np.concatenate([x] * (1 + 100 // len(x)))
    seeds = [rng.standard_normal(shape) for shape in ((2, len(many), net.K), (len(x), net.K), (0, net.K))]
    program = programs.find(net, Reading(at)) if programs.has_programs(net) else None
    session = program.run() if program is not None and program.run is not None else None
    for images, seed in zip((many, x, x[:0]), seeds, strict=True):
        if session is not None:
            z, dx = session(images, lambda z, rows, seed=seed: seed[..., rows, :])
        else:
            trace = net.forward(images, stop=at)
            z, dx = trace.y, net.backward(trace, seed.astype(net.dtype))["input"]
        yield "scores", z
        yield "back", dx


def losses_of(net: nnpg.Network) -> tuple[str, str]:
    """Those that have kernels behind the network's head."""
    if head_of(net) == "sigmoid":
        return "binary_cross_entropy", "squared_error"
    return ("softmax_cross_entropy" if head_of(net) else "squared_error",) * 2


def training(net: nnpg.Network, x: Any, labels: Any) -> Answers:
    targets = np.random.default_rng(4).dirichlet(np.ones(net.K), len(x)).astype(net.dtype)
    rates = {n: 0.1 * (i + 1) for i, n in enumerate(net.parameters)}
    plain = nnpg.SGD(lr=0.05, momentum=0.5, decay=nnpg.PlainDecay(0.02), lr_decay=0.1)
    first, second = losses_of(net)
    for value, seed in ((cross_entropy, cross_entropy_seed), (binary, binary_seed), (squares, squares_seed)):
        yield "elsewhere", bool(programs.look(net, Train(Loss("own", net.names[1], value, seed), plain)))
    yield from trained(net, x, labels, first, nnpg.SGD(lr=0.05, decay=nnpg.DecayPerUnit(rates)))
    yield from trained(net, x, targets, first, plain)
    yield from resumed(net, x, labels, second, plain)


def trained(net: nnpg.Network, x: Any, t: Any, loss: str, sgd: nnpg.SGD, epochs: int = 2, **settings: Any) -> Answers:
    batch = max(1, len(x) // 3) if len(x) < 100 else 3 * len(x) // 5  # several steps; or more blocks than slots
    done = nnpg.train(
        net, x, t, epochs=epochs, batch=batch, rng=1, optimiser=sgd, loss=loss, progress=False, **settings
    )
    yield "losses", [[epoch.loss, epoch.error] for epoch in done.history]
    yield from flat(done.net.parameters).items()


def resumed(net: nnpg.Network, x: Any, t: Any, loss: str, sgd: nnpg.SGD) -> Answers:
    """The first epoch, and the second one from what was kept of the first."""
    with TemporaryDirectory() as folder:
        for epochs in (1, 2):
            settings = {"checkpoint": Path(folder) / "kept", "resume": epochs > 1}
            yield from trained(net, x, t, loss, sgd, epochs, **settings)


def selected(net: nnpg.Network, x: Any, labels: Any) -> Answers:
    """Selective dropout on the first layer and on the last one, in steps one image at a time."""
    sgd, few = nnpg.SGD(lr=0.05, momentum=0.5, decay=nnpg.PlainDecay(0.02)), slice(None, 5)
    for layer in (next(iter(net.parameters)), list(net.parameters)[-1]):
        if unit_output(net, layer=layer) in plan_of(net).places:  # not behind a last sigmoid
            step = SelectiveDropout(x[few][::-1], layer=layer, keep=0.4)
            done = nnpg.train(net, x[few], labels[few], epochs=1, batch=1, rng=1, optimiser=sgd, loss=losses_of(net)[0],
                              take_step=step, progress=False)  # fmt: skip
            yield from flat(done.net.parameters).items()


def descents(net: nnpg.Network, x: Any, labels: Any) -> Answers:
    """Steps along a boundary, of more descents than one thread takes."""
    rng, shape = np.random.default_rng(5), (40, 37)
    x0 = rng.random(shape).astype(net.dtype)
    now, mean, gradient = (rng.standard_normal(shape).astype(net.dtype) for _ in range(3))
    size = np.where(rng.random(len(x0)) < 0.5, np.inf, 0.01)
    at = Descents(np.arange(len(x0)), now.clip(0, 1), mean, 0.1 * rng.random(len(x0)), x0.copy(), size, labels_of(x0))
    margin = Margin(0.1 * rng.standard_normal(len(x0)), np.full(len(x0), 1e-5), labels_of(x0) + 1, gradient)
    for epsilon, share, newton_steps in ((None, 1.0, 5), (0.05, 0.3, 1)):
        step_of(net)(at, x0, margin, Box(0.0, 1.0, epsilon), share, newton_steps)
        yield from ((name, getattr(at, name).copy()) for name in ("x", "mean", "best", "rival"))
        yield "size", np.where(np.isfinite(at.size), at.size, -1)


def labels_of(x: Any) -> Any:
    return np.arange(len(x)) % 3


Task = Callable[[nnpg.Network, Any, Any], Answers]


@cache
def reference_answers(task: Task, case: tuple[str, str, int]) -> list[tuple[str, Any]]:
    net, x, labels = example(*case)
    return list(task(net.to("numpy"), x, labels))


def battery(*tasks: Task) -> None:
    for task in tasks:
        for case in cases():
            net, x, labels = example(*case)
            tolerance, known = 1e-9 if case[1] == "float64" else 3e-5, reference_answers(task, case)
            with nnpg.require_compiled(), use_threads(1):
                for (name, got), (same, expected) in zip(task(net, x, labels), known, strict=True):
                    assert name == same
                    agree(np.asarray(got), np.asarray(expected), tolerance)


def agree(got: Any, expected: Any, tolerance: float) -> None:
    assert got.shape == expected.shape
    scale = np.nanmax(abs(expected)) if expected.size else 0
    assert np.allclose(got, expected, rtol=tolerance, atol=tolerance * scale, equal_nan=True)


OUTSIDE = ("why_not", "_of_block", "_bytes")  # what says in words why nothing is compiled


def functions_of(module: str) -> tuple[str, ...]:
    """Every function and method of a module."""
    tree = ast.parse(Path(str(importlib.import_module(module).__file__)).read_text(encoding="utf-8"))
    answer = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            answer.append(node.name)
        elif isinstance(node, ast.ClassDef):
            answer += [f"{node.name}.{f.name}" for f in node.body if isinstance(f, ast.FunctionDef)]
    return tuple(name for name in answer if name not in OUTSIDE)


PLANES, OPS = "nnpg_kernels.numba.planes", "nnpg_kernels.numba.ops"
BATTERIES: dict[str, tuple[Task, ...]] = {
    "predict": (predict, changed),
    "outputs": (outputs,),
    "gradients": (gradients, changed, means),
    "class_sums": (means,),
    "knockouts.one": (sweeps,),
    "knockouts.several": (several_sweeps,),
    "knockouts.steps": (sweeps, several_sweeps),
    "reading": (reading,),
    "training": (training, changed),
    "steps": (training, changed, selected),
    "blocks": (predict, gradients, training, changed, reading),
}
OPS_BY_TASK: tuple[tuple[str, tuple[str, ...], tuple[Task, ...]], ...] = (
    ("images", functions_of(f"{OPS}.images"), (predict, gradients, training)),
    ("fields", functions_of(f"{OPS}.fields"), (predict, gradients, training)),
    ("convolutions", ("convolution", "_convolution", "unpooling", "convolution_delta"), (predict, gradients, training)),
    ("convolutions", ("convolution_gradient",), (training,)),
    ("convolutions", ("sparse_delta", "first_winners"), (gradients,)),
    ("convolutions", ("channel_parts", "channel_sums"), (sweeps,)),
    ("dense_layers", ("dense", "dense_delta", "dense_delta_of_one"), (predict, gradients, training)),
    ("dense_layers", ("dense_gradient",), (training,)),
    ("elementwise", ("activation", "activation_delta"), (predict, gradients, training)),
    ("elementwise", ("activation_delta_of_one",), (gradients,)),
    ("elementwise", ("set_units",), (changed,)),
    ("elementwise", ("set_maps", "set_field"), (sweeps,)),
    ("training", ("seed",), (gradients,)),
    ("training", ("cross_entropy", "loss_of_each", "bias_gradient", "momentum_step"), (training,)),
)
TARGETS = [
    *(
        Target(f"nnpg.programs.numba.{name}", functions_of(f"nnpg.programs.numba.{name}"), partial(battery, *tasks))
        for name, tasks in BATTERIES.items()
    ),
    *(
        Target(name, functions_of(name), partial(own_steps.battery, task))
        for name, task in (
            ("nnpg.programs.numba.selected_training", own_steps.selected),
            ("nnpg.programs.numba.pooled_training", own_steps.pooled),
        )
    ),
    Target("nnpg.programs.sweeps", functions_of("nnpg.programs.sweeps"), partial(battery, sweeps, several_sweeps)),
    Target("nnpg.programs.planned_steps", ("loss_of", "decay_of"), partial(battery, training, changed)),
    Target("nnpg_kernels.numba.boundary_steps", ("boundary_steps",), partial(battery, descents)),
    Target(PLANES, functions_of(PLANES), partial(battery, predict, gradients, training)),
    *(Target(f"{OPS}.{name}", functions, partial(battery, *tasks)) for name, functions, tasks in OPS_BY_TASK),
]
