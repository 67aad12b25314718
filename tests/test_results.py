"""All results have the same methods: a table when printed, `to_frame`, and `plot` where there is something to draw."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

import nnpg
from nnpg.analysis.gains import Gain, LipschitzBounds
from nnpg.analysis.groups import Groups
from nnpg.analysis.spectral import FrameBounds
from nnpg.attacks import ClassMask, Distorted, MaskOutcome, Outcome, Stepped, Sweep
from nnpg.explanation import Nudge, explain_passes
from nnpg.gradient_check.report import GradientRow
from nnpg.maps.maximisation import Maximised
from nnpg.maps.receptive_fields import ReceptiveField
from nnpg.maps.results import Localisation
from nnpg.maps.strongest import StrongestUnits
from nnpg.network import Network
from nnpg.programs.reports import compilation_report
from nnpg.support.tables import text_table
from nnpg.training_methods.hard_negatives import HardNegatives
from nnpg.training_methods.volatility import Change


def network() -> Network:
    return nnpg.build([nnpg.dense(2), nnpg.Softmax()], input_shape=(3,), rng=0, backend="numpy")


KNOCKOUT = nnpg.Knockout(
    (nnpg.Filter("pool1", 2), nnpg.Filter("pool2", 0)),
    np.array([[0, 0, 1, 1], [0, 1, 1, 1], [1, 1, 1, 1]]),
    np.array([0, 0, 1, 1]),
    3,
)
GRADIENT = nnpg.PredictionGradient({"pool1": np.array([[[[3.0, -4.0]]]])}, "true", "prob", ("image 0",))
HISTORY = (nnpg.Epoch(1, 2.5, 0.75, None, 0.1), nnpg.Epoch(2, 0.5, 0.25, 0.5, 0.1))
SWEEP = Sweep(
    etas=np.array([0.0, 1.0]),
    labels=np.array([0, 1]),
    targets=np.array([[1], [0]]),
    predicted=np.array([[[0], [1]], [[1], [1]]], np.int16),
    target_confidence=np.zeros((2, 2, 1), np.float32),
    label_confidence=np.zeros((2, 2, 1), np.float32),
    distortion=np.array([[[0.0], [0.0]], [[0.25], [0.75]]], np.float32),
    clipped=True,
)
DISTORTED = Distorted(
    adversarial=np.full((3, 1, 4, 4), 0.5),
    targets=np.array([1, 2, 0]),
    outcome=np.array([Outcome.FOUND, Outcome.NOT_FOUND, Outcome.FOUND], np.int8),
    distortion=np.array([0.25, np.nan, 0.75]),
    size=np.array([1.0, np.nan, 3.0]),
    c=np.array([2.0, np.nan, 4.0]),
    evaluations=np.array([10, 20, 30]),
)
STEPPED = Stepped(
    adversarial=np.full((2, 2, 1, 4, 4), 0.5),
    targets=np.array([[1, 2], [0, 2]]),
    predicted=np.array([[1, 0], [0, 1]]),
    outcome=np.array([[0, 2], [0, 2]], np.int8),
    distortion=np.full((2, 2), 0.125),
    confidence=np.array([[0.75, 0.25], [0.25, 0.5]]),
)
LOCALISATION = Localisation(
    points={"saliency": np.array([[1, 2], [3, 4]])},
    hits={"saliency": np.array([True, False])},
    mass={"saliency": np.array([0.5, 0.25])},
    area=np.array([0.125, 0.125]),
    groups=("beard", "ears"),
)
ADDED = nnpg.Network({"dense1": nnpg.Dense(np.array([[2.0, -1.0]]), np.array([0.5]))}, (2,))
RESULTS = {
    "Trace": ADDED.forward([[1.0, 3.0]]),
    "Passes": explain_passes(ADDED, [[1.0, 3.0]], of="logit"),
    "Explanation": replace(
        nnpg.explain(ADDED, [[1.0, 3.0]], unit="dense1:0", of="logit"),
        nudge=Nudge(0.25, -0.75, -0.25, 1.25, 1.0, 1.5, "the slope of relu1 jumps at (0, 0)"),
    ),
    "FilterScores": nnpg.FilterScores({"pool1": np.array([[0.25, 0.5]])}, ("class 0",), "l1", "prob"),
    "Knockout": KNOCKOUT,
    "Training": nnpg.Training(network(), HISTORY),
    "LBFGSTraining": nnpg.LBFGSTraining(network(), (2.5, 0.5, 0.25), 7, True, "converged"),
    "Localisation": LOCALISATION,
    "Distorted": DISTORTED,
    "Stepped": STEPPED,
    "Sweep": SWEEP,
    "ClassMask": ClassMask(np.zeros((1, 2, 2)), 1, np.array([0.5, 0.25])),
    "HardNegatives": HardNegatives(
        nnpg.Training(network(), HISTORY), np.array([0, 80]), {"held out": np.array([0.25, 0.5])}, np.array([1.0, 0.0])
    ),
    "LipschitzBounds": LipschitzBounds(
        (Gain("dense1", FrameBounds(0.5, 8.0), 8.0, 8.0), Gain("sigmoid1", None, 0.25, 2.0))
    ),
    "Groups": Groups(np.array([0, 1, 1]), ("0 to 9", "9 to 1")),
    "Change": Change(np.array([[3.0, 1.0]]), np.array([[1.0, 1.5]]), np.array([[4.0, 2.5]])),
    "StrongestUnits": StrongestUnits(
        outputs=np.zeros((2, 1, 2, 2)),
        gradients=np.array([[[[0.25, 0.0], [0.0, 0.0]]], [[[0.0, 0.0], [0.0, 0.5]]]]),
        field=ReceptiveField((0, 0), (1, 1), (3, 3)),
        filters=np.array([0, 0]),
        units=np.array([[0, 0], [1, 1]]),
        places=np.array([[1, 1], [2, 2]]),
    ),
    "Maximised": Maximised(np.array([[3.0, 4.0], [0.0, 1.0]]), np.array([2.5, 0.5]), np.array([1.5, 0.5])),
    "PredictionGradient": GRADIENT,
    "CompilationReport": compilation_report(network()),
    "GradientReport": nnpg.GradientReport((GradientRow("tanh1", "x", "complex step", 2e-16, True),)),
}
PRINTED = {
    "Trace": """
output  shape  lowest  highest  root mean square
input   1x2         1        3             2.236
dense1  1x1      -0.5     -0.5               0.5""",
    "Passes": """
L = logit of class 0 = -0.5
output  shape    |o|  Eq. 2         delta  |delta|  gradients   formula
input   2      3.162  dy/do         2        2.236  -           the image
dense1  1        0.5  dL/dy, do/dw  1            1  W 1x2, b 1  y[n,f] = sum_d W[f,d] x[n,d] + b[f]""",
    "Explanation": """
dense1:0 = -0.5
forward: y[n,f] = sum_d W[f,d] x[n,d] + b[f]
input     x  dy/dx  product
input:1   3     -1       -3
input:0   1      2        2
constant  -      -      0.5
sum       -      -     -0.5

backward: L = logit of class 0 = -0.5, dL/do = 1
the seed enters here: this is its entry

measured: moved by -0.25 and +0.25, L is -0.75 and -0.25
  foretold 1, happened 1.25 (relative difference 2.0e-01)
  kink: the slope of relu1 jumps at (0, 0); below 1, above 1.5""",
    "Maximised": """
image  output before  output  norm
    0            1.5     2.5     5
    1            0.5     0.5     1""",
    "PredictionGradient": """
output  shape    largest magnitude  root mean square
pool1   1x1x1x2                  4             3.536
""",
    "Knockout": """
off  filter    overall error  classes lost
  0  (intact)  0.0%                      0
  1  pool1[2]  25.0%                     0
  2  pool2[0]  50.0%                     1""",
    "Training": """
epoch  loss  training error  held-out error  seconds
    1   2.5            0.75               -      0.1
    2   0.5            0.25             0.5      0.1""",
    "LBFGSTraining": """
iteration  loss
        0   2.5
        1   0.5
        2  0.25
7 evaluations; converged""",
    "Distorted": """
outcome    images  mean distortion  largest
FOUND           2              0.5     0.75
ALREADY         0                -        -
UNSETTLED       0                -        -
NOT_FOUND       1                -        -""",
    "Stepped": """
outcome      adversarial  mean distortion  mean confidence
MASKED                 2            0.125              0.5
ALREADY                0                -                -
NOT_MASKED             2            0.125            0.375
NO_GRADIENT            0                -                -""",
    "ClassMask": """
epoch  loss
    1   0.5
    2  0.25""",
    "HardNegatives": """
steps  held out
    0      0.25
   80       0.5""",
    "LipschitzBounds": """
layer     lower bound  constant  product
dense1            0.5         8        8
sigmoid1            -      0.25        2""",
    "Groups": """
group   pairs
0 to 9      1
9 to 1      2""",
    "Change": """
unit  before  after  volatility  shift
   0       3      1           2      4
   1       1    1.5         0.5    2.5""",
    "StrongestUnits": """
image  filter  unit row  unit column  gradient  pixel row  pixel column
    0       0         0            0      0.25          1             1
    1       0         1            1       0.5          2             2""",
}
FIRST_LINES = {
    "Trace": {"output": "input", "shape": "1x2", "lowest": 1.0, "highest": 3.0},
    "Passes": {"output": "input", "shape": "2", "Eq. 2": "dy/do", "delta": "2", "formula": "the image"},
    "Explanation": {"direction": "forward", "unit": "input:1", "value": 3.0, "slope": -1.0, "product": -3.0},
    "FilterScores": {"row": "class 0", "layer": "pool1", "filter": 0, "score": 0.25},
    "PredictionGradient": {"output": "pool1", "shape": "1x1x1x2", "largest magnitude": 4.0},
    "Knockout": {"step": 0, "layer": "", "overall error": 0.0, "class 0": 0.0, "class 1": 0.0},
    "Training": {"epoch": 1, "loss": 2.5, "training error": 0.75, "seconds": 0.1},
    "LBFGSTraining": {"iteration": 0, "loss": 2.5},
    "Localisation": {
        **{"image": 0, "group": "beard", "method": "saliency", "row": 1, "column": 2},
        **{"hit": True, "mass": 0.5, "area": 0.125},
    },
    "Distorted": {
        "image": 0,
        "target": 1,
        "outcome": "FOUND",
        "distortion": 0.25,
        "size": 1,
        "c": 2,
        "evaluations": 10,
    },
    "Stepped": {
        **{"image": 0, "target": 1, "predicted": 1, "outcome": "MASKED"},
        **{"distortion": 0.125, "confidence": 0.75},
    },
    "Sweep": {"eta": 0.0, "success": 0.0, "low": 0.0, "error": 0.0, "mean distortion": 0.0},
    "ClassMask": {"epoch": 1, "loss": 0.5},
    "HardNegatives": {"steps": 0, "held out": 0.25},
    "LipschitzBounds": {"layer": "dense1", "lower bound": 0.5, "constant": 8.0, "product": 8.0},
    "Groups": {"group": "0 to 9", "pairs": 1},
    "Change": {"pair": 0, "unit": 0, "before": 3.0, "after": 1.0, "volatility": 2.0, "shift": 4.0},
    "StrongestUnits": {"image": 0, "filter": 0, "gradient": 0.25, "pixel row": 1, "pixel column": 1},
    "Maximised": {"image": 0, "output before": 1.5, "output": 2.5, "norm": 5.0},
    "CompilationReport": {
        "function": "predict",
        "computed": "layer by layer, because the backend 'numpy' has no compiled programs",
    },
    "GradientReport": {"layer": "tanh1", "array": "x", "method": "complex step", "error": 2e-16, "passed": True},
}
LENGTHS = {
    **{"Trace": 2, "Passes": 2, "Explanation": 2},
    **{"FilterScores": 2, "Knockout": 3, "Training": 2, "LBFGSTraining": 3, "Localisation": 2},
    **{"Distorted": 3, "Stepped": 4, "Sweep": 2, "ClassMask": 2, "GradientReport": 1},
    **{"HardNegatives": 2, "LipschitzBounds": 2, "Change": 2, "Groups": 2, "StrongestUnits": 2, "Maximised": 2},
    "PredictionGradient": 1,
    "CompilationReport": len(compilation_report(network()).found),
}
NOT_DRAWN = {
    "Trace": "a figure needs the outputs of an image: nnpg.plots.feature_maps",
    "Passes": "formulas and sizes",
    "PredictionGradient": "a figure needs one number per filter: nnpg.convolutional_gradient",
    "GradientReport": "its errors are near 0",
    "Maximised": "a figure needs to know which units: nnpg.plots.image_grid(maximised.images)",
    "Change": "one number per pair and unit",
    "Groups": "their sizes",
    "StrongestUnits": "a figure needs the images: nnpg.plots.strongest_regions",
    "CompilationReport": "sentences",
}
DRAWN = [name for name in RESULTS if name not in NOT_DRAWN]


@pytest.mark.parametrize("name", PRINTED)
def test_a_result_prints_as_a_table(name: str) -> None:
    assert str(RESULTS[name]) == PRINTED[name].strip("\n")


@pytest.mark.parametrize("name", RESULTS)
def test_no_result_prints_arrays(name: str) -> None:
    lines = str(RESULTS[name]).splitlines()
    assert len(lines) >= 2
    assert "array(" not in str(RESULTS[name])


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_goes_to_a_data_frame(name: str) -> None:
    frame = RESULTS[name].to_frame()
    assert len(frame) == LENGTHS[name]
    first = frame.iloc[0]
    assert {column: first[column] for column in FIRST_LINES[name]} == FIRST_LINES[name]


def classes_with(method: str) -> set[str]:
    """Return the names of the classes of nnpg that have this method."""
    modules = [
        importlib.import_module(m.name) for m in pkgutil.walk_packages(nnpg.__path__, "nnpg.") if "__" not in m.name
    ]
    return {
        name
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type) and value.__module__ == module.__name__ and hasattr(value, method)
    }


def test_every_result_is_tested_here() -> None:
    assert classes_with("to_frame") == set(RESULTS)
    assert classes_with("plot") == set(DRAWN)


def test_a_sweeps_frame_holds_its_intervals_and_a_knock_outs_its_filters() -> None:
    last = SWEEP.to_frame().iloc[1]
    assert (last["success"], last["error"], last["mean distortion"]) == (0.5, 0.5, 0.5)
    assert last["low"] < 0.5 < last["high"]
    frame = KNOCKOUT.to_frame()
    assert list(frame["filter"][1:]) == [2, 0]
    assert list(frame["class 0"]) == [0, 0.5, 1]
    assert "class 2" not in frame.columns  # a class without images has no error


@pytest.mark.parametrize("name", RESULTS)
def test_without_pandas_the_error_says_what_to_install(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"to_frame needs pandas: pip install 'nnpg\[table\]'"):
        RESULTS[name].to_frame()


@pytest.mark.parametrize("name", DRAWN)
def test_a_result_plots_itself_and_writes_the_figure(name: str, tmp_path) -> None:
    path = tmp_path / "figure.png"
    figure = RESULTS[name].plot(path)
    assert isinstance(figure, Figure)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_knockout_plots_the_chosen_classes() -> None:
    lines = KNOCKOUT.plot(classes=[0]).axes[0].lines
    assert [list(line.get_ydata()) for line in lines] == [[0, 0.25, 0.5], [0, 0.5, 1]]


def test_a_table_without_rows_is_its_header() -> None:
    assert text_table(("a", "long name"), []) == "a  long name"


def test_outcomes_are_named_in_frames() -> None:
    assert set(STEPPED.to_frame()["outcome"]) == {MaskOutcome.MASKED.name, MaskOutcome.NOT_MASKED.name}
