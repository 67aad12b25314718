"""Arrays of other types, shapes and orders than a kernel expects: the layers' answer, or an error; never other memory.

Most run in a child process, since a wrong address may end the process.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from agreement import agree
from child import child
from parameters import changed
from selection import slow_except

import nnpg
from nnpg import conv, dense, programs
from nnpg.programs import guards
from nnpg.programs.tasks import Predict

RECIPE = [
    nnpg.Center(np.full((2, 1, 1), 0.25)),
    *(conv(3, 3, padding=1), nnpg.Tanh(), nnpg.MaxPool(2), conv(4, 3), nnpg.ReLU()),
    *(nnpg.Flatten(), dense(6), nnpg.Tanh(), dense(3), nnpg.Softmax()),
]
NAMES = ("input", "pool1", "relu1", "tanh2")  # what the plan has in memory


def small(dtype: str = "float32") -> nnpg.Network:
    return nnpg.build(RECIPE, input_shape=(2, 10, 9), rng=0, dtype=dtype, backend="numba")


MIXED = """
import sys
import numpy as np
import nnpg
from agreement import agree
from test_guards import NAMES, small

for layer, parameters in small().parameters.items():
    for name, weights in parameters.items():
        net = small().replace(layer, **{name: (weights > 0.1).astype(sys.argv[1])})
        with nnpg.require_compiled():
            nnpg.predict(net, np.zeros((1, 2, 10, 9)))
        agree(net, gradients=NAMES, rtol=5e-5 if net.dtype == np.float32 else None)
print("all the same")
"""


@pytest.mark.parametrize("kind", slow_except({"f2"}, ["f8", "u1", "i8", "f2", ">f4", "?"]))
def test_every_parameter_of_another_type_gives_the_answers_of_the_layers(kind: str) -> None:
    script = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n{MIXED}"
    assert child(script, kind) == "all the same\n"


def test_a_bias_of_float64_is_read_as_what_it_is() -> None:
    net = nnpg.build([dense(20), nnpg.Tanh(), dense(3), nnpg.Softmax()], input_shape=(40,), rng=0, backend="numba")
    net = net.replace("dense2", b=np.array([0.0, 1.0, 0.0]))
    x = np.random.default_rng(0).standard_normal((9, 40))
    np.testing.assert_allclose(nnpg.predict(net, x), nnpg.predict(net.to("numpy"), x), rtol=1e-12)


LARGE = """
import numpy as np
import nnpg
recipe = [nnpg.dense(300), nnpg.Tanh(), nnpg.dense(10), nnpg.Softmax()]
net = nnpg.build(recipe, input_shape=(784,), rng=0, backend="numba")
net = net.replace("dense1", W=net.layers["dense1"].W.astype("f8"))
x, t = np.random.default_rng(0).random((64, 784)), np.arange(64) % 10
a, b = (nnpg.train(n, x, t, epochs=1, batch=32, rng=0, progress=False).net for n in (net, net.to("numpy")))
np.testing.assert_allclose(nnpg.predict(a, x), nnpg.predict(b, x), rtol=1e-9)
print(a.dtype)
"""


def test_one_large_layer_of_float64_trains() -> None:
    assert child(LARGE) == "float64\n"


SHAPES = """
import numpy as np
import pytest
import nnpg
from nnpg import conv, dense, programs

net = nnpg.build([conv(3, 3), nnpg.Tanh(), nnpg.Flatten(), dense(6), nnpg.Softmax()], input_shape=(1, 8, 8), rng=0,
                 backend="numba")
x, t = np.ones((5, 1, 8, 8)), [0, 1, 2, 3, 4]
wrong = [net.replace("conv1", W=np.ones((3, C, 3, 3), "f4")) for C in (2, 400, 400_000)]
wrong += [net.replace("conv1", W=np.ones((F, 1, 3, J), "f4"), b=None) for F, J in ((3, 12), (4, 3))]
wrong += [net.replace("dense1", W=np.ones((6, D), "f4")) for D in (1, 107, 45_000)]
wrong += [net.replace("conv1", groups=3)]
for other in wrong:
    for backend in ("numba", "numpy"):
        n = other.to(backend)
        for task in (
            lambda: nnpg.predict(n, x),
            lambda: n.forward(x),
            lambda: nnpg.prediction_gradient(n, x),
            lambda: nnpg.class_gradient(n, x, t, progress=False),
            lambda: nnpg.knock_out_curve(n, x, t, [("tanh1", 0)], progress=False),
            lambda: nnpg.train(n, x, t, epochs=1, batch=2, rng=0, progress=False),
        ):
            with pytest.raises(ValueError, match="conv1|dense1"):
                task()
print("all refused")
"""


def test_shapes_that_do_not_fit_are_refused_by_every_task() -> None:
    assert child(SHAPES) == "all refused\n"


KERNELS = """
import numpy as np
import pytest
from nnpg_kernels import Window, load

k, window = load("numba"), Window((3, 3))
x, W, delta, winner = np.ones((2, 1, 8, 8)), np.ones((4, 1, 3, 3)), np.ones((2, 4, 6, 6)), np.zeros((2, 4, 2, 2), "i1")
pool = Window((3, 3), (3, 3))
for wrong in (
    lambda: k.conv_forward(x, np.ones((4, 9999, 3, 3)), None, window),
    lambda: k.conv_forward(x, W, np.ones(3), window),
    lambda: k.conv_delta(delta[:, :3], W, window, 1, (8, 8)),
    lambda: k.conv_delta(delta, W, window, 1, (800, 8)),
    lambda: k.conv_gradient(delta, x[:1], window),
    lambda: k.conv_gradient(np.ones((2, 4, 60, 60)), x, window),
    lambda: k.max_pool_delta(np.ones((2, 4, 9, 9)), winner, pool, (6, 6)),
    lambda: k.max_pool_delta(np.ones((2, 4, 2, 2)), winner[:, :3], pool, (6, 6)),
):
    with pytest.raises(ValueError, match="do not fit"):
        wrong()
print("all refused")
"""


def test_the_backend_refuses_arrays_that_do_not_fit() -> None:
    assert child(KERNELS) == "all refused\n"


ORDERS = {
    "Fortran": np.asfortranarray,
    "from behind": lambda w: np.ascontiguousarray(w[::-1])[::-1],
    "every second": lambda w: np.repeat(w, 2, axis=-1)[..., ::2],
    "transposed": lambda w: np.ascontiguousarray(w.T).T,
    "big-endian": lambda w: w.astype(w.dtype.newbyteorder(">")),
    "not aligned": lambda w: np.frombuffer(b"x" + w.tobytes(), w.dtype, offset=1).reshape(w.shape),
    "broadcast": lambda w: np.broadcast_to(w[..., :1], w.shape),
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_in_any_order_give_the_answers_of_the_layers(order: str, dtype: str) -> None:
    net = small(dtype)
    agree(net.with_parameters(changed(net.parameters, ORDERS[order])), gradients=NAMES)


@pytest.mark.parametrize("order", ORDERS)
def test_a_plan_reads_a_layer_in_any_order_that_came_past_the_network(order: str) -> None:
    net = small()
    layer = net.layers["conv2"]
    object.__setattr__(layer, "W", ORDERS[order](layer.W * 2))
    agree(net, gradients=NAMES)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.zeros((2, 3), "f4").T.tolist(), "dense1.W is a list"),
        (np.zeros((3, 3), "f4"), r"dense1.W is \(3, 3\), not \(2, 3\)"),
        (np.zeros((2, 3), "c8"), "dense1.W is an array of complex64"),
        (np.ma.masked_array(np.zeros((2, 3), "f4")), "dense1.W is a MaskedArray"),
    ],
)
def test_what_no_copy_mends_is_refused_by_name(weights: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        guards.parameter("dense1.W", weights, (2, 3), np.dtype("f4"))


def test_numbers_that_kernels_go_by_are_held_to_their_range() -> None:
    for wrong in (np.array([0, 3]), np.array([-1, 0]), np.array([0.0, 1.0]), np.zeros((2, 1), int), np.zeros(3, int)):
        with pytest.raises(ValueError, match=r"labels must be 2 whole numbers 0 \.\. 2"):
            guards.indices("labels", wrong, 2, 3)


def test_planes_that_no_address_reaches_have_no_program() -> None:
    net = nnpg.Network({"conv1": nnpg.Conv(np.ones((2, 1, 3, 3), "f4"), padding=2**27)}, (1, 4, 4))
    assert "bytes" in nnpg.compilation_report(net)["predict"].why_not


def test_complex_images_are_for_complex_weights_which_have_no_program() -> None:
    net = small()
    x = np.random.default_rng(0).standard_normal((3, 2, 10, 9)) * (1 + 1j)
    with pytest.raises(ValueError, match=r"x must be images of shape .*, of real numbers"):
        nnpg.predict(net, x)
    name = next(name for name, parameters in net.parameters.items() if "b" in parameters)
    stepped = net.replace(name, b=net.parameters[name]["b"] + 1e-3j)
    assert "array of complex" in programs.find(stepped, Predict()).why_not
    assert abs(nnpg.predict(stepped, x).imag).max() > 0
