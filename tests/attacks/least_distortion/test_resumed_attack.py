"""Interrupted attacks and their checkpoints."""

import numpy as np
import pytest
from attack_nets import assert_same, digits, other_targets, sigmoid_net

import nnpg
from nnpg import ModelFileError, Softmax, build, dense
from nnpg.attacks import minimal_distortion
from nnpg.files import read_tensors, write_tensors
from nnpg.files.checkpoints import sum_of
from nnpg.losses import softmax_cross_entropy


@pytest.fixture(scope="module")
def sigmoid():
    return sigmoid_net()


@pytest.fixture(scope="module")
def images():
    x, labels = digits(70)
    return x, labels, other_targets(labels, 6)


def test_an_interrupted_attack_continues_where_it_stopped(sigmoid, images, tmp_path, monkeypatch):
    """What was finished is not done again, and all results have the same bits."""
    from nnpg.attacks.least_distortion.solver import Solver

    x, _, t = images
    file, whole = tmp_path / "attack.safetensors", minimal_distortion(sigmoid, x, t)
    iterations, iterate = [0], Solver.iterate

    def interrupted(self):
        iterations[0] += 1
        if iterations[0] == 16:
            raise KeyboardInterrupt
        return iterate(self)

    monkeypatch.setattr("nnpg.attacks.least_distortion.solver.Solver.iterate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        minimal_distortion(sigmoid, x, t, checkpoint=file)
    monkeypatch.setattr("nnpg.attacks.least_distortion.solver.Solver.iterate", iterate)
    indices, add = [], Solver.add

    def watched(self, index, *arguments):
        indices.extend(index.tolist())
        return add(self, index, *arguments)

    monkeypatch.setattr("nnpg.attacks.least_distortion.solver.Solver.add", watched)
    assert_same(minimal_distortion(sigmoid, x, t, checkpoint=file, resume=True), whole)
    assert 0 < len(indices) < len(x), "some were done, some were not"
    indices.clear()
    assert_same(minimal_distortion(sigmoid, x, t, checkpoint=file, resume=True), whole)
    assert not indices
    assert [p.name for p in tmp_path.iterdir()] == ["attack.safetensors"]


def test_a_checkpoint_is_neither_overwritten_nor_mixed_with_another_attack(sigmoid, images, tmp_path):
    x, _, t = images
    file = tmp_path / "attack.safetensors"
    minimal_distortion(sigmoid, x[:3], t[:3], checkpoint=file)
    with pytest.raises(FileExistsError, match="resume=True"):
        minimal_distortion(sigmoid, x[:3], t[:3], checkpoint=file)
    clamped = [sigmoid.intervene("dense1", nnpg.Clamp(-1, high)) for high in (1, 2)]
    minimal_distortion(clamped[0], x[:3], t[:3], checkpoint=tmp_path / "clamped.safetensors")
    for words, other in {
        "its images": {"x": x[1:4]},
        "its targets": {"targets": (t[:3] + 1) % 6},
        "its norm": {"norm": "l1"},
        "its polish": {"polish": False},
        "its settings, 1 is 0.01, this run's is 0.02": {"tolerance": 0.02},
        "its settings, 2, 2": {"box": (0, 2)},
        "its settings": {"kappa": 1.0},
        "its loss": {"loss": "squared_error"},
        "its network, layers, dense1, b": {"net": sigmoid.replace("dense1", b=sigmoid.layers["dense1"].b + 1)},
        "its network, backend": {"net": sigmoid.to("numba")},
        "its network, interventions is of": {"net": clamped[1]},
        "its network, interventions, dense1, 1, high is 1": {
            "net": clamped[1], "checkpoint": tmp_path / "clamped.safetensors"},
    }.items():  # fmt: skip
        with pytest.raises(ValueError, match=f"the checkpoint of another run: {words}"):
            minimal_distortion(
                **({"net": sigmoid, "x": x[:3], "targets": t[:3], "checkpoint": file, "resume": True} | other)
            )


def test_what_a_checkpoint_cannot_identify_is_refused_before_the_attack(sigmoid, images, tmp_path):
    class Mine(nnpg.Tanh):
        pass

    x, _, t = images
    network = build([dense(5), ("mine", Mine()), dense(6), Softmax()], input_shape=x.shape[1:], rng=0)
    for words, changed in {
        "your own loss": {"loss": lambda net: softmax_cross_entropy(net)},
        "the network holds a Mine, which is not nnpg's own": {"net": network},
    }.items():
        with pytest.raises(ValueError, match=words):
            minimal_distortion(
                **({"net": sigmoid, "x": x, "targets": t, "checkpoint": tmp_path / "attack.safetensors"} | changed)
            )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.pop("adversarial"),
        lambda t: t.update(size=t["size"][:1]),
        lambda t: t.update(outcome=t["outcome"] + np.int8(50)),
        lambda t: t.update(rows=t["rows"] + 10**12),
        lambda t: t.update(rows=t["rows"][::-1].copy()),
        lambda t: t.update(adversarial=t["adversarial"][:, :5]),
        lambda t: t.update(evaluations=t["evaluations"].astype(np.int32)),
    ],
)
def test_a_damaged_checkpoint_of_an_attack_is_refused_by_name(sigmoid, images, tmp_path, change):
    x, _, t = images
    file = tmp_path / "attack.safetensors"
    minimal_distortion(sigmoid, x[:3], t[:3], checkpoint=file)
    tensors, about = read_tensors(file)
    change(tensors)
    write_tensors(file, tensors, about | {"sum": sum_of(tensors, about["state"])})
    with pytest.raises(ModelFileError, match=r"attack\.safetensors: a damaged checkpoint"):
        minimal_distortion(sigmoid, x[:3], t[:3], checkpoint=file, resume=True)
