"""What is wrong with an argument is said before any work: what was given, what was expected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from selection import WITH_DEVICE

import nnpg
from nnpg.support.arguments import as_array, as_count, as_flag, as_labels, as_number, described
from nnpg_kernels import Array, Backend

X = np.random.default_rng(0).random((6, 1, 6, 6)).astype("float32")
T = np.array([0, 1, 2, 0, 1, 2])


def net(backend: str = "auto") -> nnpg.Network:
    recipe = [nnpg.conv(3, 3), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(3), nnpg.Softmax()]
    return nnpg.build(recipe, input_shape=(1, 6, 6), rng=0, backend=backend)


# Wrong answers that an earlier version gave without an error


@pytest.mark.parametrize("backend", WITH_DEVICE)
@pytest.mark.parametrize(
    "labels", [T[:, None], None, [0], T.astype(str), np.full(6, np.nan), T.astype(float), T == 1, T - 1, T + 1, T[:5]]
)
def test_error_rate_answers_for_labels_only(labels: Any, backend: str) -> None:
    with pytest.raises((ValueError, TypeError), match=r"targets must be 6 (whole numbers|labels) 0 .. 2.* not "):
        nnpg.error_rate(net(backend), X, labels)


def test_error_rate_is_right_for_every_way_to_write_labels() -> None:
    pandas = pytest.importorskip("pandas")
    right = nnpg.error_rate(net(), X, T)
    for labels in (T.tolist(), tuple(T), T.astype("uint8"), T.astype(">i4"), pandas.Series(T, index=range(9, 15))):
        assert nnpg.error_rate(net(), X, labels) == right
    assert nnpg.error_rate(net(), X, np.eye(3)[T]) == right


@pytest.mark.parametrize("backend", WITH_DEVICE)
def test_complex_images_are_refused_and_not_cut_to_their_real_part(backend: str) -> None:
    one = net(backend)
    for ask in (lambda x: nnpg.predict(one, x), one.forward, lambda x: nnpg.prediction_gradient(one, x)):
        with pytest.raises(ValueError, match=r"x must be images .*, of real numbers, not an array c"):
            ask(X + 1j)
    trace = one.forward(X)
    with pytest.raises(ValueError, match=r"seed must be an array .* of real numbers, not an array complex"):
        one.backward(trace, trace.y + 1j)
    assert nnpg.gradcheck(one).ok  # whose complex step goes through forward


def test_a_mask_is_not_dropped_from_a_masked_array() -> None:
    with pytest.raises(
        ValueError, match=r"x must be images .* not an array with masked values: fill or leave them out"
    ):
        nnpg.predict(net(), np.ma.MaskedArray(X, X > 0.5))


@pytest.mark.parametrize("images", [np.where(X > 0.9, np.nan, X), np.where(X > 0.9, np.inf, X)])
def test_images_that_are_not_finite_are_named_where_answers_are_averaged(images: Array) -> None:
    for ask in (
        lambda x: nnpg.error_rate(net(), x, T),
        lambda x: nnpg.filter_scores(net(), x, T),
        lambda x: nnpg.class_gradient(net(), x, T),
        lambda x: nnpg.knock_out_curve(net(), x, T, [("pool1", 0)]),
    ):
        with pytest.raises(ValueError, match=r"x must be finite, but image \d holds NaN or infinity"):
            ask(images)


def test_a_word_is_not_taken_for_true() -> None:
    with pytest.raises(TypeError, match="bias must be True or False, not 'no'"):
        nnpg.dense(3, bias="no")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="progress must be True or False, not 'no'"):
        nnpg.class_gradient(net(), X, T, progress="no")  # type: ignore[arg-type]


def test_a_convolution_of_other_channels_is_refused_on_every_backend() -> None:
    layer = nnpg.Conv(np.ones((2, 9, 1, 1)))
    for backend in "numpy", "numba":
        with pytest.raises(ValueError, match=r"layer 'conv1' .* takes images \(N, 9, H, W\), not \(1, 1, 6, 6\)"):
            nnpg.build([layer], input_shape=(1, 6, 6), rng=0, backend=backend)


# Errors of Python or NumPy that did not name the argument


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nnpg.predict(net(), None), r"x must be images of shape \(N, 1, 6, 6\), not None"),
        (lambda: nnpg.predict(net(), "x"), r"x must be images of shape \(N, 1, 6, 6\), not 'x'"),
        (
            lambda: nnpg.predict(net(), [[1, 2], [3]]),
            r"x must be images of shape \(N, 1, 6, 6\), not \[\[1, 2\], \[3\]\]",
        ),
        (
            lambda: nnpg.predict(net(), X[0]),
            r"x must be images of shape \(N, 1, 6, 6\), not an array float32 \(1, 6, 6\)",
        ),
        (lambda: nnpg.conv(-1, 3), "filters must be a whole number of at least 1, not -1"),
        (lambda: nnpg.conv(0, 3), "filters must be a whole number of at least 1, not 0"),
        (lambda: nnpg.conv(3, 0), "size must be one or two positive whole numbers, not 0"),
        (lambda: nnpg.conv(3, 3, stride=0), "stride must be one or two positive whole numbers, not 0"),
        (lambda: nnpg.conv(3, 3, padding=-1), "padding must be a whole number.* none negative, not -1"),
        (lambda: nnpg.conv(3, 3, init="zero"), "init must be 'glorot', 'lecun', 'he' or a function.* not 'zero'"),
        (lambda: nnpg.dense(0), "units must be a whole number of at least 1, not 0"),
        (lambda: nnpg.dense("3"), "units must be a whole number of at least 1, not '3'"),
        (lambda: nnpg.Dropout(1.5), "Dropout: rate must be a finite number of at least 0 and below 1, not 1.5"),
        (lambda: nnpg.MaxPool(0), "MaxPool: size must be one or two positive whole numbers, not 0"),
        (lambda: nnpg.MaxPool(True), "MaxPool: size must be one or two positive whole numbers, not True"),
        (lambda: nnpg.Dense("W"), r"Dense: W must be an array \(F, D\) of numbers, not 'W'"),
        (lambda: nnpg.Override([1, 0], 0.0), "Override: units must be an array of True and False, not"),
        (lambda: build(None), "layer 1 of the recipe must be a layer, an object with forward.* not None"),
        (lambda: build("tanh"), "layer 1 of the recipe must be a layer, an object with forward.* not 'tanh'"),
        (lambda: build(nnpg.Tanh), r"layer 1 of the recipe must be a layer, not the class Tanh: make one, Tanh\(...\)"),
        (lambda: build([nnpg.Tanh()]), "layer 1 of the recipe must be a layer, an object with forward.* not "),
        (lambda: build((3, nnpg.Tanh())), "the name of layer 1 must be a string, not 3"),
        (lambda: build(nnpg.conv(2, 9)), r"'conv1' .* \(36,\).* put it before Flatten"),
        (lambda: nnpg.build("tanh", input_shape=(2,), rng=0), "recipe must be a list of layers.* not 'tanh'"),
        (lambda: nnpg.build([nnpg.conv(2, 9)], input_shape=(1, 6, 6), rng=0), "'conv1'.* 9 x 9 pixels .* 6 x 6"),
        (lambda: nnpg.build([nnpg.dense(3)], input_shape=6, rng=0), "input_shape must be .* not 6"),
        (lambda: nnpg.build([nnpg.dense(3)], input_shape=(6,), rng=None), "rng must be a whole number.* not None"),
        (lambda: nnpg.build([nnpg.dense(3)], input_shape=(6,), rng="0"), "rng must be a whole number.* not '0'"),
        (lambda: nnpg.build([nnpg.dense(3)], input_shape=(6,), rng=0, dtype="int8"), "dtype must be .* not 'int8'"),
        (lambda: nnpg.Network({"a": "tanh"}, (2,)), "layer 'a' must be a layer.* not 'tanh'"),
        (lambda: train(epochs="2"), "epochs must be a whole number of at least 0, not '2'"),
        (lambda: train(epochs=1.5), "epochs must be a whole number of at least 0, not 1.5"),
        (lambda: train(epochs=True), "epochs must be a whole number of at least 0, not True"),
        (lambda: train(batch=None), "batch must be a whole number of at least 1, not None"),
        (lambda: train(rng="0"), r"rng must be a whole number of at least 0 \(a seed\) or a .*Generator, not '0'"),
        (lambda: train(optimiser="sgd"), r"optimiser must be SGD\(lr=...\).* not 'sgd'"),
        (lambda: train(loss="hinge"), "loss must be 'softmax_cross_entropy', .* not 'hinge'"),
        (lambda: train(validation=X), r"validation must be a pair of images and their targets, .* not an array"),
        (lambda: train(validation=(X, T[:5])), "validation: targets must be 6 whole numbers 0 .. 2.* not int64"),
        (lambda: train(resume="yes"), "resume must be True or False, not 'yes'"),
        (lambda: train(checkpoint=3), r"checkpoint must be a path \(str or pathlib.Path\), not 3"),
        (lambda: nnpg.SGD(lr="0.1"), "SGD: lr must be a finite number above 0, not '0.1'"),
        (lambda: nnpg.SGD(lr=0.1, decay="l2"), "SGD: decay must be PlainDecay, DecayPerUnit.* not 'l2'"),
        (lambda: nnpg.prediction_gradient(None, X), "net must be a Network object, not None"),
        (lambda: nnpg.prediction_gradient(net(), X, layers=3), "layers must be several strings, not 3"),
        (lambda: nnpg.prediction_gradient(net(), X, layers="pool9"), "layers: no output named 'pool9'; this"),
        (lambda: nnpg.prediction_gradient(net(), X, classes=[0.5]), "classes must be 'true', 'all', a class 0 .. 2"),
        (lambda: nnpg.knock_out(net(), "pool1"), r"filters must be a list of filters.* not 'pool1'"),
        (lambda: nnpg.knock_out(net(), [("pool1", 9)]), "'pool1' has filters 0 .. 2, not 9"),
        (lambda: nnpg.filter_scores(net(), X, T, class_names=["a"]), "class_names must be 3 strings, not 1"),
        (lambda: net().backward(net().forward(X), np.ones((6, 4))), r"seed: it enters .* \(6, 3\), not \(6, 4\)"),
        (lambda: net().replace("dense1", c=1), "has the fields W, b, not 'c'"),
        (lambda: net().with_parameters({"dense9": {}}), "no layer named 'dense9'; this network has conv1"),
        (lambda: net().intervene("pool1", nnpg.Tanh()), "intervention must be .* such as Override"),
        (lambda: nnpg.save(net(), 3), "path must be a path"),
    ],
)  # fmt: skip
def test_what_was_given_and_what_was_expected(call: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError, KeyError, IndexError), match=message):
        call()


def build(layer: Any) -> nnpg.Network:
    return nnpg.build([nnpg.Flatten(), layer], input_shape=(1, 6, 6), rng=0)


def train(**changes: Any) -> nnpg.Training:
    return nnpg.train(net(), X, T, **{"epochs": 1, "batch": 2, "rng": 0, **changes})


# What a reasonable caller passes


def test_numbers_of_numpy_and_seeds_are_taken() -> None:
    a = nnpg.build([nnpg.dense(np.int64(3))], input_shape=[2], rng=np.int32(0), dtype="f4")
    b = nnpg.build([nnpg.dense(3)], input_shape=(2,), rng=np.random.default_rng(0))
    assert np.array_equal(a.layers["dense1"].W, b.layers["dense1"].W)  # type: ignore[attr-defined]
    done = nnpg.train(net(), X, T, epochs=np.int64(1), batch=np.uint8(2), rng=0, optimiser=nnpg.SGD(np.float32(0.5)))
    assert len(done.history) == 1


def test_whole_weights_become_floats() -> None:
    layer = nnpg.Dense([[1, 2]], [3])
    assert layer.W.dtype == layer.b.dtype == np.float64  # type: ignore[union-attr]
    one = nnpg.Network({"dense1": layer}, (2,))
    assert nnpg.predict(one, [[0.5, 0.25]]).tolist() == [[4.0]]


def test_arrays_of_other_libraries_are_taken() -> None:
    class Tensor:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
            return X

    assert np.array_equal(nnpg.predict(net(), Tensor()), nnpg.predict(net(), X))


@dataclass(frozen=True, eq=False)
class Halving:
    """Someone's own layer: of no class of this library."""

    parameters: ClassVar[tuple[str, ...]] = ()

    def forward(self, k: Backend, x: Array) -> tuple[Array, None]:
        return x / 2, None

    def backward(self, k: Backend, delta: Array, saved: None) -> Array:
        return delta / 2

    def gradients(self, k: Backend, delta: Array, saved: None) -> dict[str, Array]:
        return {}


def test_a_layer_is_known_by_its_methods_and_not_by_its_class() -> None:
    one = nnpg.build([Halving(), nnpg.Flatten(), nnpg.dense(3), nnpg.Softmax()], input_shape=(1, 6, 6), rng=0)
    assert next(iter(one.layers)) == "halving1"
    assert nnpg.gradcheck(one).ok
    nnpg.train(one, X, T, epochs=1, batch=2, rng=0)


# The validators


def test_described_is_short_and_says_what_a_value_is() -> None:
    assert described(list(range(99))) == "a list of length 99"
    assert described(np.zeros((2, 3), "f4")) == "an array float32 (2, 3)"
    assert described(n for n in range(3)) == "an object of type generator"
    assert described(nnpg.Tanh) == "the class Tanh"


@pytest.mark.parametrize("value", [True, np.True_, 1.0, "1", None, [1], np.array([1]), 1j])
def test_a_count_is_a_whole_number_and_nothing_else(value: Any) -> None:
    with pytest.raises(TypeError, match="n must be a whole number from 1 to 5, not "):
        as_count(value, "n", most=5)


def test_ranges_are_said() -> None:
    with pytest.raises(ValueError, match="n must be a whole number from 1 to 5, not 6"):
        as_count(6, "n", most=5)
    with pytest.raises(ValueError, match="r must be a finite number of at least 0 and of at most 1, not 2"):
        as_number(2, "r", least=0, most=1)
    with pytest.raises(ValueError, match="r must be a finite number, not inf"):
        as_number(np.inf, "r")
    assert as_number(np.inf, "r", finite=False) == np.inf
    with pytest.raises(TypeError, match="f must be True or False, not 1"):
        as_flag(1, "f")


def test_an_array_of_objects_is_no_array_of_numbers() -> None:
    for value in (np.array([1, 2], object), np.array(["1"]), {1, 2}, (n for n in range(2)), [object()], 1 << 99):
        with pytest.raises((ValueError, TypeError), match="a must be an array of numbers, not "):
            as_array(value, "a")


def test_no_labels_are_labels_of_no_images() -> None:
    assert as_labels([], 0, 3).dtype == np.int64
