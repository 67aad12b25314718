"""The gradient check itself: what passes, what fails, and whether its messages name the cause."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import pytest

import nnpg
from nnpg.gradient_check import GradientRow
from nnpg.gradient_check.diagnosis import likely_cause
from nnpg_kernels import Array, Backend


@dataclass(frozen=True, eq=False)
class Scale:
    """A student's layer, y = a x^2 + b, one a and b for each unit; every mistake below is made in a copy of it."""

    a: Array
    b: Array
    parameters: ClassVar[tuple[str, ...]] = ("a", "b")

    def forward(self, k: Backend, x: Array) -> tuple[Array, Any]:
        return self.a * x * x + self.b, x

    def backward(self, k: Backend, delta: Array, saved: Any) -> Array:
        return 2 * self.a * saved * delta

    def gradients(self, k: Backend, delta: Array, saved: Any) -> dict[str, Array]:
        return {"a": (delta * saved * saved).sum(axis=-2), "b": delta.sum(axis=-2)}


def scale(cls: type[Scale] = Scale) -> Scale:
    rng = np.random.default_rng(5)
    return cls(rng.standard_normal(4), rng.standard_normal(4))


def rows(model: Any, **options: Any) -> dict[tuple[str, str], nnpg.gradient_check.GradientRow]:
    report = nnpg.gradcheck(model, raise_on_failure=False, **options)
    return {(row.array, row.method): row for row in report.rows}


# What passes


def test_a_layer_of_another_class_passes_alone_and_in_a_network() -> None:
    checks = rows(scale(), input_shape=(4,))
    assert all(row.passed for row in checks.values())
    # y is affine in a and b, not in x; it is analytic in all three
    assert {array for array, method in checks if method == "adjoint"} == {"a", "b"}
    assert {array for array, method in checks if method == "finite differences"} == {"x", "a", "b"}
    assert {array for array, method in checks if method == "complex step"} == {"x", "a", "b"}
    net = nnpg.build([nnpg.dense(4), ("mine", scale()), nnpg.Softmax()], input_shape=(6,), rng=0)
    arrays = {row.array for row in nnpg.gradcheck(net).rows if row.layer == "mine"}
    assert arrays == {"-", "x", "a", "b", 'deltas["mine"]', 'gradients["mine"]["a"]', 'gradients["mine"]["b"]'}


def test_the_same_seed_gives_the_same_report() -> None:
    reports = [nnpg.gradcheck(nnpg.Tanh(), input_shape=(5,), rng=seed) for seed in (3, np.random.default_rng(3), 4)]
    assert reports[0] == reports[1] != reports[2]


def test_float32_networks_are_checked_in_float64() -> None:
    net = nnpg.build([nnpg.dense(4), nnpg.Tanh()], input_shape=(6,), rng=0)
    assert net.dtype == np.float32
    exact = [row.error for row in nnpg.gradcheck(net).rows if row.method == "complex step"]
    assert len(exact) >= 5
    assert max(exact) < 1e-13
    assert net.dtype == np.float32


def test_errors_are_small_against_the_tolerance() -> None:
    """Finite differences reach 1e-9, the exact methods 1e-14: tolerances of 1e-6 and 1e-10 are wide enough."""
    for row in nnpg.gradcheck(nnpg.Softmax(), input_shape=(6,)).rows:
        assert row.error < (1e-9 if row.method == "finite differences" else 1e-14)


def test_report_as_a_table_and_as_json() -> None:
    report = nnpg.gradcheck(nnpg.Dense(np.ones((3, 2))), input_shape=(2,))
    lines = str(report).splitlines()
    assert lines[0].split() == ["layer", "array", "method", "error"]
    assert len(lines) == len(report.rows) + 2
    assert lines[-1] == f"{len(report.rows)} checks, all passed"
    back = json.loads(json.dumps(report.to_dicts(), allow_nan=False))
    assert [row["passed"] for row in back] == [True] * len(report.rows)
    assert {"layer", "array", "method", "error", "passed", "note", "index", "analytic", "numeric"} == set(back[0])


# What fails: the row of the array with the mistake, with its cause


@dataclass(frozen=True, eq=False)
class FlippedSign(Scale):
    def backward(self, k: Backend, delta: Array, saved: Any) -> Array:
        return -super().backward(k, delta, saved)


@dataclass(frozen=True, eq=False)
class MissingFactor(Scale):
    def backward(self, k: Backend, delta: Array, saved: Any) -> Array:
        return self.a * saved * delta


@dataclass(frozen=True, eq=False)
class MeanOverImages(Scale):
    def gradients(self, k: Backend, delta: Array, saved: Any) -> dict[str, Array]:
        return super().gradients(k, delta, saved) | {"a": (delta * saved * saved).mean(axis=-2)}


@dataclass(frozen=True, eq=False)
class Zero(Scale):
    def gradients(self, k: Backend, delta: Array, saved: Any) -> dict[str, Array]:
        return {name: 0 * g for name, g in super().gradients(k, delta, saved).items()}


@dataclass(frozen=True, eq=False)
class Infinite(Scale):
    def backward(self, k: Backend, delta: Array, saved: Any) -> Array:
        dx = super().backward(k, delta, saved)
        dx[..., 1, 2] = np.nan
        return dx


@dataclass(frozen=True, eq=False)
class OneUnitWrong(Scale):
    def backward(self, k: Backend, delta: Array, saved: Any) -> Array:
        dx = super().backward(k, delta, saved)
        dx[..., 3] *= -1
        return dx


@dataclass(frozen=True, eq=False)
class HalfPrecision(Scale):
    def backward(self, k: Backend, delta: Array, saved: Any) -> Array:
        return super().backward(k, delta, saved).astype(np.float32).astype(np.float64)


@pytest.mark.parametrize(
    ("wrong", "array", "words"),
    [
        (FlippedSign, "x", "the sign is flipped"),
        (MissingFactor, "x", "a constant factor 0.5 = 1/2"),
        (MeanOverImages, "a", "a constant factor 0.333333: a mean over the 3 images where a sum belongs"),
        (Zero, "a", "it is 0 everywhere"),
        (Zero, "b", "it is 0 everywhere"),
        (Infinite, "x", "NaN or infinity"),
        (OneUnitWrong, "x", "3 of 12 entries are wrong, by their sign"),
        (HalfPrecision, "x", "a loss of precision, perhaps by float32"),
    ],
)
def test_the_cause_of_each_mistake_is_named(wrong: type[Scale], array: str, words: str) -> None:
    checks = rows(scale(wrong), input_shape=(4,))
    failed = [row for row in checks.values() if not row.passed]
    assert {row.array for row in failed} == ({"a", "b"} if wrong is Zero else {array})
    for row in failed:
        assert row.index is not None
        if row.array == array:
            assert words in row.note, row


def test_the_worst_entry_is_named_with_both_values() -> None:
    x = np.array([[1.0, 2.0, 3.0, 4.0], [0.5, -1.0, 2.0, 50.0]])
    with pytest.raises(nnpg.GradientCheckError) as caught:
        nnpg.gradcheck(scale(OneUnitWrong), x)
    row = caught.value.report.failures[0]
    assert (row.layer, row.array, row.index) == ("OneUnitWrong", "x", (1, 3))  # the largest of the two wrong ones
    assert row.analytic == pytest.approx(-row.numeric, rel=1e-6)
    for part in ("OneUnitWrong", "x", "(1, 3)", f"{row.analytic:.9g}", f"{row.numeric:.9g}", "likely cause"):
        assert part in str(caught.value)
    assert isinstance(caught.value, AssertionError)


def test_a_wrong_layer_is_named_in_its_network() -> None:
    net = nnpg.build([nnpg.dense(4), ("mine", scale(FlippedSign)), nnpg.Softmax()], input_shape=(6,), rng=0)
    report = nnpg.gradcheck(net, raise_on_failure=False)
    assert {(row.layer, row.array) for row in report.failures} == {("mine", "x")}
    with pytest.raises(nnpg.GradientCheckError, match=r"^mine, x, finite differences: worst at .* the sign is flipped"):
        nnpg.gradcheck(net)


def test_a_wrong_intervention_is_found_by_the_deltas_of_the_network() -> None:
    """Every layer is right, and the network is not."""

    class Doubled(nnpg.Perturb):
        def backward(self, k: Backend, delta: Array, saved: None) -> Array:
            return 2 * delta

    net = nnpg.build([nnpg.dense(4), nnpg.Tanh(), nnpg.dense(3)], input_shape=(6,), rng=0)
    report = nnpg.gradcheck(net.intervene("tanh1", Doubled(np.array(0.5))), raise_on_failure=False)
    assert {row.array for row in report.failures} == {
        'deltas["input"]', 'deltas["dense1"]', 'gradients["dense1"]["W"]', 'gradients["dense1"]["b"]',
    }  # fmt: skip
    assert all("a constant factor 2" in row.note for row in report.failures)


def test_the_tolerance_is_what_decides() -> None:
    @dataclass(frozen=True, eq=False)
    class Nearly(Scale):
        def backward(self, k: Backend, delta: Array, saved: Any) -> Array:
            return (1 + 1e-5) * super().backward(k, delta, saved)

    assert not rows(scale(Nearly), input_shape=(4,))["x", "finite differences"].passed
    loose = rows(scale(Nearly), input_shape=(4,), tolerance=1e-4)["x", "finite differences"]
    assert loose.passed
    assert 1e-6 < loose.error < 1e-4


# Broken contracts


def changed(**methods: Any) -> Scale:
    return scale(type("Mine", (Scale,), methods))  # type: ignore[arg-type]


def _write_into_x(self: Scale, k: Backend, x: Array) -> Any:
    x *= x
    return self.a * x + self.b, x


def _write_into_delta(self: Scale, k: Backend, delta: Array, saved: Any) -> Array:
    delta *= 2 * self.a * saved
    return delta


def _write_into_saved(self: Scale, k: Backend, delta: Array, saved: Any) -> Array:
    saved *= 2 * self.a
    return saved * delta


def _write_into_self(self: Scale, k: Backend, delta: Array, saved: Any) -> dict[str, Array]:
    self.a[...] += 1e-9
    return Scale.gradients(self, k, delta, saved)


@pytest.mark.parametrize(
    ("methods", "words"),
    [
        ({"forward": lambda s, k, x: s.a * x}, r"must return the pair \(y, saved\), not an array of shape \(3, 4\)"),
        ({"forward": lambda s, k, x: None}, r"the pair \(y, saved\), not NoneType: end it with `return y, saved`"),
        ({"forward": lambda s, k, x: (x.sum(), x)}, "the 3 images along axis 0"),
        ({"forward": lambda s, k, x: (x.astype("f"), x)}, "forward turned float64 into float32"),
        ({"forward": _write_into_x}, "forward modifies its input: never write into x"),
        ({"forward": lambda s, k, x: (x + np.random.default_rng().random(), x)}, "another result the second time"),
        (
            {"backward": lambda s, k, d, x: d * d[x > 0].sum()},
            r"backward chooses entries by an array of booleans that does not fit: along axis 0 it has the size 3",
        ),
        ({"forward": lambda s, k, x: x.nonsense}, "forward raised AttributeError .* no attribute 'nonsense'"),
        ({"backward": lambda s, k, d, x: d.sum(axis=-1)}, r"dL/dx in the shape of x, \(3, 4\), not an array .* \(3,\)"),
        ({"backward": lambda s, k, d, x: None}, r"dL/dx in the shape of x, \(3, 4\), not NoneType"),
        ({"backward": lambda s, k, d, x: (d * x).reshape(-1, 4)}, r"\(2, 3, 4\) when 2 seeds are stacked in front"),
        ({"backward": lambda s, k, d, x: d + d.sum()}, "dL/dx of 2 stacked seeds .* differs from"),
        ({"backward": _write_into_delta}, "backward modifies its input: never write into delta or saved"),
        ({"backward": _write_into_saved}, "backward modifies its input: never write into delta or saved"),
        ({"gradients": lambda s, k, d, x: {}}, r"a dict with the keys \['a', 'b'\], not \[\]"),
        ({"gradients": lambda s, k, d, x: d}, r"a dict with the keys \['a', 'b'\], not an array"),
        ({"gradients": lambda s, k, d, x: {"a": d, "b": d}}, r'\["a"\] must have the shape of a, \(4,\), not'),
        ({"gradients": _write_into_self}, "gradients modifies the layer's own arrays"),
        ({"gradients": lambda s, k, d, x: {"a": d.sum(0), "b": d.sum(0)}}, r"of a, \(2, 4\) when 2 seeds are stacked"),
        ({"parameters": ("W",)}, r"parameters must be a tuple of field names of the layer, not \('W',\)"),
        ({"parameters": "ab"}, "parameters must be a tuple of field names of the layer, not 'ab'"),
    ],
)  # fmt: skip
def test_broken_contracts_are_explained(methods: dict[str, Any], words: str) -> None:
    layer = changed(**methods)
    with pytest.raises(nnpg.GradientCheckError, match=f"^Mine, -, contract: .*{words}"):
        nnpg.gradcheck(layer, input_shape=(4,))
    if "parameters" not in methods:  # in a network the same words, under the layer's name
        net = nnpg.Network({"first": nnpg.Tanh(), "mine": layer}, (4,))
        with pytest.raises(nnpg.GradientCheckError, match=f"^mine, -, contract: .*{words}"):
            nnpg.gradcheck(net)


def _wrong_product(x: Array) -> Array:
    return np.tensordot(x, x, axes=((0,), (1,)))


def test_an_error_inside_of_numpy_is_told_with_the_line_of_the_layer() -> None:
    line = _wrong_product.__code__.co_firstlineno + 1
    words = rf"shape-mismatch for sum \(line {line} of test_gradient_check.py, in _wrong_product\)"
    with pytest.raises(nnpg.GradientCheckError, match=f"forward raised ValueError .*{words}"):
        nnpg.gradcheck(changed(forward=lambda s, k, x: (_wrong_product(x), x)), input_shape=(4,))
    line = nnpg.Dense.forward.__code__.co_firstlineno  # of nnpg's own layer it is the method that the check called
    with pytest.raises(nnpg.GradientCheckError, match=rf"\(line {line + 2} of linear.py, in forward\)"):
        nnpg.gradcheck(nnpg.Dense(np.ones((2, 5))), input_shape=(4,))


def test_a_layer_that_lacks_a_method() -> None:
    class Half:
        def forward(self, k: Backend, x: Array) -> tuple[Array, None]:
            return x, None

    with pytest.raises(nnpg.GradientCheckError, match="Half has no backward, gradients, parameters: a layer has the"):
        nnpg.gradcheck(Half(), input_shape=(4,))  # type: ignore[arg-type]
    with pytest.raises(
        TypeError, match="layer 'half' must be a layer, but Half has no backward, gradients, parameters"
    ):
        nnpg.Network({"half": Half()}, (4,))  # type: ignore[dict-item]


def test_what_is_not_a_layer_and_what_has_no_shape() -> None:
    with pytest.raises(TypeError, match="takes a layer or a network, and an instance of it, not <class"):
        nnpg.gradcheck(nnpg.Tanh, input_shape=(4,))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not 'conv1'"):
        nnpg.gradcheck("conv1")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="give x, or input_shape"):
        nnpg.gradcheck(nnpg.Tanh())
    with pytest.raises(nnpg.GradientCheckError, match=r"forward combines arrays of shapes .* array of shape \(3, 3\)"):
        nnpg.gradcheck(scale(), input_shape=(3,))


# Kinks


def test_relu_at_0_is_a_kink_that_is_named_and_avoided() -> None:
    x = np.array([[1.0, -1.0, 0.0], [2.0, 3.0, -1.0]])
    row = rows(nnpg.ReLU(), x=x)["x", "finite differences"]
    assert row.passed
    assert row.note.startswith("kink: the slope of ReLU jumps at (0, 2)")
    assert "measured at a point beside it" in row.note


def test_a_kink_does_not_excuse_a_wrong_gradient() -> None:
    class Wrong(nnpg.ReLU):
        def backward(self, k: Backend, delta: Array, saved: Array) -> Array:
            return delta * (saved >= 0)  # 1 everywhere

    x = np.array([[1.0, -1.0, 0.0], [2.0, 3.0, -1.0]])
    row = rows(Wrong(), x=x)["x", "finite differences"]
    assert not row.passed
    assert "kink" in row.note
    assert "likely cause" in row.note


def test_a_pooling_tie_is_a_kink() -> None:
    row = rows(nnpg.MaxPool(2), x=np.round(np.random.default_rng(0).standard_normal((2, 1, 6, 6))))
    assert row["x", "finite differences"].passed
    assert "kink: the slope of MaxPool jumps at" in row["x", "finite differences"].note


def test_a_direction_that_crosses_a_kink_nearby_is_drawn_again() -> None:
    """3e-5 from the kink: the first step, 1e-4, crosses it; a smaller one does not."""
    x = np.array([[3e-5, 1.0, -1.0, 2.0]])
    row = rows(nnpg.ReLU(), x=x)["x", "finite differences"]
    assert row.passed
    assert "other directions drawn" in row.note


def test_a_jump_is_a_kink() -> None:
    row = rows(nnpg.Step(), x=np.array([[0.0, 1.0, -1.0]]))["x", "finite differences"]
    assert row.passed
    assert "kink: the slope of Step jumps at (0, 0)" in row.note


def test_the_layer_of_the_kink_is_named_in_a_network() -> None:
    """Behind ReLU whole windows are 0, a tie: restarting there hits the pool's kink whatever the direction."""
    net = nnpg.build([nnpg.conv(3, 3), nnpg.ReLU(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(3)],
                     input_shape=(1, 10, 10), rng=0)  # fmt: skip
    row = next(r for r in nnpg.gradcheck(net).rows if r.array == 'deltas["relu1"]')
    assert "kink: the slope of pool1 jumps at" in row.note


def test_a_row_with_kinks_in_every_direction_fails() -> None:
    """A comb so fine that no step is free of jumps; its claimed gradient is as good as any."""

    @dataclass(frozen=True)
    class Comb:
        parameters: ClassVar[tuple[str, ...]] = ()

        def forward(self, k: Backend, x: Array) -> tuple[Array, None]:
            return x + 1e-3 * np.sign(np.sin(1e13 * x)), None

        def backward(self, k: Backend, delta: Array, saved: None) -> Array:
            return delta

        def gradients(self, k: Backend, delta: Array, saved: None) -> dict[str, Array]:
            return {}

    row = rows(Comb(), input_shape=(4,))["x", "finite differences"]
    assert not row.passed
    assert row.note.startswith("unknown: every direction crosses a kink (the slope of Comb jumps at")
    assert np.isnan(row.error)


# Complex step: only where forward means it


def test_complex_step_is_not_used_where_forward_is_not_analytic() -> None:
    @dataclass(frozen=True)
    class Modulus:
        """y = sum of x and |x|^2, through the conjugate: right for real x, not analytic."""

        parameters: ClassVar[tuple[str, ...]] = ()
        casts: bool = field(default=False)

        def forward(self, k: Backend, x: Array) -> tuple[Array, Array]:
            if self.casts:
                x = np.asarray(x, dtype=np.float64)  # a ComplexWarning, and the imaginary part is gone
            return x * np.conj(x), x

        def backward(self, k: Backend, delta: Array, saved: Array) -> Array:
            return 2 * saved * delta

        def gradients(self, k: Backend, delta: Array, saved: Array) -> dict[str, Array]:
            return {}

    for layer in (Modulus(), Modulus(casts=True)):
        checks = rows(layer, input_shape=(4,))
        assert checks["x", "finite differences"].passed
        assert ("x", "complex step") not in checks


def test_a_slope_below_the_rounding_error_is_reported() -> None:
    """If y changes by no more than the rounding error, finite differences measure nothing, and the row says so."""
    checks = rows(nnpg.Tanh(), x=np.array([[15.0, 14.0, 16.0]]))
    assert checks["x", "finite differences"].note.startswith("imprecise: the error of rounding is")


# From pattern to cause


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (lambda g: g.swapaxes(-1, -2), "transposed: axes 2 and 3"),
        (lambda g: g.swapaxes(0, 1), "transposed: axes 0 and 1"),
        (lambda g: g[..., ::-1, ::-1], "flipped in its last two axes"),
        (lambda g: g[:, ::-1], "reversed along axis 1"),
        (lambda g: np.roll(g, 1, -1), "shifted along axis 3: off by one"),
        (lambda g: np.roll(g, -1, -2), "shifted along axis 2: off by one"),
        (lambda g: 3 * g, "1/N with N = 3 is missing"),
        (lambda g: g / 3, "a mean over the 3 images"),
        (lambda g: g / 7, "= 1/7"),
        (lambda g: g + 2, "2 is added to every entry"),
        (lambda g: np.pad(g[..., 1:-1, 1:-1], [(0, 0), (0, 0), (1, 1), (1, 1)]), "wrong only at the border"),
        (lambda g: g * (np.arange(4) != 1), "all of them 0: a term is missing there"),
        (lambda g: g + np.random.default_rng(1).standard_normal(g.shape), "no known pattern"),
    ],
)
def test_patterns(mistake: Any, words: str) -> None:
    right = np.random.default_rng(0).standard_normal((3, 3, 4, 4))
    assert words in likely_cause(mistake(right), right, images=3)


def test_patterns_are_seen_in_a_sample_too() -> None:
    right = np.random.default_rng(0).standard_normal((3, 3, 4, 4))
    sample = np.where(np.random.default_rng(1).random(right.shape) < 0.3, right, np.nan)
    assert likely_cause(-right, sample) == "the sign is flipped"
    assert "transposed: axes 0 and 1" in likely_cause(right.swapaxes(0, 1), sample)


def test_the_rounding_of_a_much_larger_number_is_printed_as_0() -> None:
    row = GradientRow("dense1", "x", "adjoint", 1.0, False, "why", (0, 1), 1e-18, -0.5)
    assert str(row) == "dense1, x, adjoint: worst at (0, 1): analytic 0, numeric -0.5; why"
    assert "analytic 1e-18, numeric 3e-18" in str(replace(row, analytic=1e-18, numeric=3e-18))


def test_a_gradient_that_should_be_0() -> None:
    assert "it should be 0" in likely_cause(np.ones(3), np.zeros(3))
    assert "nothing could be measured" in likely_cause(np.ones(3), np.full(3, np.nan))


def test_a_large_layer_is_diagnosed_from_a_sample() -> None:
    layer = nnpg.Dense(np.random.default_rng(0).standard_normal((40, 50)))

    class Wrong(nnpg.Dense):
        def gradients(self, k: Backend, delta: Array, saved: Array) -> dict[str, Array]:
            return {"W": -(delta.swapaxes(-1, -2) @ saved)}

    row = rows(Wrong(layer.W), input_shape=(50,))["W", "adjoint"]
    assert "the sign is flipped" in row.note
    assert replace(row, note="") != row


def test_a_summary_counts_every_row_once_and_has_the_largest_errors_and_each_failure() -> None:
    net = nnpg.build([nnpg.conv(2, 3), nnpg.ReLU(), nnpg.MaxPool(2)], input_shape=(1, 6, 6), rng=0)
    report = nnpg.gradcheck(net)
    lines = [line.split() for line in report.summary().splitlines()[1:-1]]
    assert [line[0] for line in lines] == ["conv1", "relu1", "pool1", "whole", "whole", "whole"]
    assert lines[0][1:5] == ["x,", "W,", "b", "9"]
    assert sum(next(int(word) for word in line if word.isdigit()) for line in lines) == len(report.rows)
    of_conv1 = [row for row in report.rows if row.layer == "conv1" and "[" not in row.array]
    largest = max(row.error for row in of_conv1 if row.method == "finite differences")
    assert lines[0][5] == f"{largest:.0e}"
    kinks = sum("kink" in row.note for row in report.rows if row.layer == "pool1" and row.array == "x")
    assert kinks == 1
    assert lines[2][-4:] == ["ok", "1", "kink", "avoided"]
    wrong = GradientRow("conv1", "W", "adjoint", np.nan, False, "likely cause: the sign is flipped", (0,), 1.0, -1.0)
    words = nnpg.GradientReport((*report.rows, wrong)).summary().splitlines()
    assert words[1].split()[-3:] == ["nan", "1", "FAILED"]
    assert words[-2] == str(wrong)
    assert words[-1] == f"{len(report.rows) + 1} checks, 1 failed"
