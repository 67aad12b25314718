"""The files in which trained networks are kept: same causes, same file; another cause, another file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nnpg
from experiments.experiment import Context
from experiments.models.face_data import FEW
from experiments.models.faces import SHORT, face_nets
from experiments.models.hinthorn.base import SMOKE, base_net, base_nets
from experiments.models.hinthorn.pairs import adversarial_pairs
from experiments.models.kept import KeptTraining, kept_file, kept_files_recorded
from experiments.models.mnist.lbfgs import Training
from experiments.models.mnist.nets import mnist_nets
from nnpg.data import Dataset


def context(folder, backend="numpy"):
    return Context(Path(folder), Path(folder) / "models", None, None, backend, progress=False)


def images(value):
    return Dataset(np.full((2, 1, 2, 2), value, np.float32), np.array([0, 1]), ("a", "b"), "toy")


def test_auto_and_the_backend_it_stands_for_give_one_file(tmp_path):
    resolved = nnpg.load_backend("auto").name
    other = "numpy" if resolved != "numpy" else "numba"
    facts = {"seed": 1, "data": images(0.5)}
    auto = kept_file(context(tmp_path, "auto"), "net", facts)
    assert auto == kept_file(context(tmp_path, resolved), "net", facts)
    assert auto != kept_file(context(tmp_path, other), "net", facts)


def test_a_run_notes_which_files_it_found_and_which_it_made(tmp_path):
    kept_file(context(tmp_path), "net", {"seed": 1}).write_text("of an earlier run")
    with kept_files_recorded() as kept:
        for _ in range(2):
            found, made = (kept_file(context(tmp_path), "net", {"seed": seed}) for seed in (1, 2))
            made.write_text("of this run")
    assert kept == {found: True, made: False}


def test_every_cause_counts(tmp_path):
    facts = {"seed": 1, "lr": 0.1, "data": images(0.5), "x": np.arange(3), "shape": (1, 2), "training": Training()}
    first = kept_file(context(tmp_path), "net", facts)
    assert first == kept_file(context(tmp_path), "net", dict(reversed(facts.items())))
    changes = {
        "seed": 2,
        "lr": np.nextafter(0.1, 1),
        "data": images(np.nextafter(np.float32(0.5), np.float32(1))),
        "x": np.arange(3.0),
        "shape": (2, 1),
        "training": Training(iterations=301),
    }
    files = {kept_file(context(tmp_path), "net", {**facts, key: value}) for key, value in changes.items()}
    assert len(files | {first}) == len(changes) + 1
    assert kept_file(context(tmp_path), "another net", facts) != first
    assert kept_file(context(tmp_path), "net", facts, version=2) != first
    assert kept_file(context(tmp_path), "net", facts, version=1) == first


def test_a_trained_network_depends_on_all_that_the_training_is_given(tmp_path):
    """The untrained network stands for the recipe, the first weights and the dtype."""
    data = replace(images(0.5), conditions=("normal", "happy"))

    def net(units=2, dtype="float32", rng=0):
        recipe = [nnpg.Flatten(), nnpg.dense(units), nnpg.Tanh(), nnpg.dense(2), nnpg.Softmax()]
        return nnpg.build(recipe, input_shape=(1, 2, 2), rng=rng, dtype=dtype, backend="numpy")

    training = KeptTraining("net", net(), data, 2, 1, nnpg.SGD(lr=0.1), 7)
    changes = {
        "recipe": {"net": net(units=3)},
        "dtype": {"net": net(dtype="float64")},
        "first weights": {"net": net(rng=1)},
        "images": {"data": replace(data, x=data.x + np.float32(0.1))},
        "conditions": {"data": replace(data, conditions=("happy", "normal"))},
        "epochs": {"epochs": 3},
        "batch": {"batch": 2},
        "optimiser": {"optimiser": nnpg.SGD(lr=0.1, momentum=0.5)},
        "seed": {"seed": 8},
        "loss": {"loss": "binary_cross_entropy"},
        "validation": {"validation": data},
    }
    files = {name: replace(training, **change).file(context(tmp_path)) for name, change in changes.items()}
    assert len({*files.values(), training.file(context(tmp_path))}) == len(changes) + 1


def test_a_kept_training_is_read_back_and_one_without_a_context_leaves_no_file(tmp_path):
    recipe = [nnpg.Flatten(), nnpg.dense(2), nnpg.Softmax()]
    net = nnpg.build(recipe, input_shape=(1, 2, 2), rng=0, backend="numpy")
    training = KeptTraining("net", net, images(0.5), 2, 1, nnpg.SGD(lr=0.1), 7)
    alone = training.run(None)
    assert not (tmp_path / "models").exists()
    first, again = (training.run(context(tmp_path)) for _ in range(2))
    for one in (first, again):
        assert (one.net.layers["dense1"].W == alone.net.layers["dense1"].W).all()
    assert len(list((tmp_path / "models").iterdir())) == 1


def test_a_training_is_done_when_it_has_had_all_its_epochs(tmp_path):
    recipe = [nnpg.Flatten(), nnpg.dense(2), nnpg.Softmax()]
    net = nnpg.build(recipe, input_shape=(1, 2, 2), rng=0, backend="numpy")
    training = KeptTraining("net", net, images(0.5), 2, 1, nnpg.SGD(lr=0.1), 7)
    assert not training.is_done(context(tmp_path))
    nnpg.train(
        net, training.data.x, training.data.labels, epochs=1, batch=1, optimiser=training.optimiser, rng=7,
        checkpoint=training.file(context(tmp_path)), progress=False,
    )  # fmt: skip
    assert not training.is_done(context(tmp_path)), "it was interrupted after an epoch"
    training.run(context(tmp_path))
    assert training.is_done(context(tmp_path))


@pytest.mark.slow
def test_networks_that_processes_and_clusters_train_are_those_trained_here(tmp_path):
    distributed = pytest.importorskip("distributed")
    epochs = SHORT + 1
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster:
        places = {"here": {"workers": 1}, "processes": {"workers": 2}, "cluster": {"dask": cluster.scheduler_address}}
        nets = {
            place: face_nets(FEW, epochs, [1, 2, 3], replace(context(tmp_path / place, "numba"), **settings))
            for place, settings in places.items()
        }
    for here, in_processes, on_cluster in zip(*nets.values(), strict=True):
        for layer, weights in here.net.parameters.items():
            for name, array in weights.items():
                assert (array == in_processes.net.parameters[layer][name]).all()
                assert (array == on_cluster.net.parameters[layer][name]).all()


def test_a_name_begins_with_words_and_fits_any_file_system(tmp_path):
    name = kept_file(context(tmp_path), "net F", {"seed": 7, "long": "x" * 500, **{f"k{i}": i for i in range(99)}}).name
    assert name.startswith("net-F-backend-numpy-")
    assert len(name) < 160
    assert name.isascii()


def test_what_has_no_fixed_meaning_is_refused(tmp_path):
    with pytest.raises(TypeError, match=r"made_from must hold .* not function"):
        kept_file(context(tmp_path), "net", {"loss": lambda: 0})


def test_networks_of_either_name_of_the_backend_are_trained_once(tmp_path, monkeypatch):
    """The commands of the README say `--backend numba` or nothing."""
    resolved = nnpg.load_backend("auto").name
    config = Training("faces", iterations=2)
    first = mnist_nets(("softmax1",), config, context(tmp_path, resolved))
    faces = face_nets(FEW, 1, [5], context(tmp_path, resolved))
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "models").iterdir()}
    again = mnist_nets(("softmax1",), config, context(tmp_path, "auto"))
    face_nets(FEW, 1, [5], context(tmp_path, "auto"))
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "models").iterdir()} == before
    assert (again[0].net.layers["dense1"].W == first[0].net.layers["dense1"].W).all()
    assert len(faces) == 1


def test_lbfgs_networks_of_two_backends_are_two_files(tmp_path):
    config = Training("faces", iterations=1)
    files = {mnist_nets(("softmax1",), config, context(tmp_path, name))[0].file for name in ("numpy", "numba")}
    assert len(files) == 2


@pytest.mark.slow
def test_pairs_of_other_networks_are_other_files(tmp_path):
    for config in (replace(SMOKE, epochs=1, pairs=1), replace(SMOKE, epochs=2, pairs=1)):
        adversarial_pairs(base_net(config, context(tmp_path)), config, context(tmp_path))
    assert len([f for f in (tmp_path / "models").iterdir() if f.name.startswith("pairs")]) == 2


@pytest.mark.slow
def test_base_networks_are_those_of_their_seeds(tmp_path):
    nets = base_nets(replace(SMOKE, epochs=1), context(tmp_path), 3)
    assert [net.seed for net in nets] == [0, 1, 2]
    alone = base_net(replace(SMOKE, epochs=1, seed=2), context(tmp_path / "alone"))
    assert (alone.net.layers["dense1"].W == nets[2].net.layers["dense1"].W).all()
    assert (nets[1].net.layers["dense1"].W != nets[2].net.layers["dense1"].W).any()
    assert alone.file.name == nets[2].file.name
