"""The benchmark of the nearest image: what counts as a success, and who is missing. No test claims speed."""

import io
from contextlib import nullcontext

import numpy as np
import pytest
from attack_nets import digits, relu_net
from rich.console import Console
from typer.testing import CliRunner

import nnpg
from benchmarks.attacks import nearest, rivals
from benchmarks.commands import app
from benchmarks.measuring.agreement import Disagreement


@pytest.fixture(scope="module")
def net():
    return relu_net("numba")


@pytest.fixture(scope="module")
def images(net):
    x, labels = digits(60, seed=5, m=64)
    return x[:4].reshape(-1, 1, 8, 8), labels[:4], x[4:].reshape(-1, 1, 8, 8)


def made_up(net, starts):
    """Four attacks: far but right, nothing changed, out of the box, and broken."""

    def broken(x, labels):
        raise RuntimeError("no way out")

    attacks = {
        rivals.PACE: lambda x, labels: starts,
        "lazy": lambda x, labels: x,
        "outside": lambda x, labels: starts + 2,
        "broken": broken,
    }
    return rivals.Rivals(
        attacks, {"absent": "not run: no such module"}, lambda x: nnpg.predict(net, x).argmax(axis=1), nullcontext
    )


def test_only_images_of_another_class_in_the_box_count(net, images):
    x, labels, pool = images
    starts = nearest.others(net, x, labels, pool)
    assert (nnpg.predict(net, starts).argmax(axis=1) != labels).all()
    console = Console(file=io.StringIO(), record=True, width=120)
    theirs = made_up(net, starts)
    rows = nearest.run(net, x, labels, theirs, 2, console)
    assert list(rows) == ["ours", "ours, quick", rivals.PACE, "lazy", "outside"]
    assert np.isfinite(rows["ours"].size).all()
    far = np.linalg.norm((starts - x).reshape(4, -1), axis=1)
    np.testing.assert_allclose(rows[rivals.PACE].size, far, rtol=1e-6)
    assert (rows["ours"].size < far).all()
    assert np.isinf(rows["lazy"].size).all()
    assert np.isinf(rows["outside"].size).all()
    assert len(rows["ours"].seconds) == len(rows[rivals.PACE].seconds) == 2
    nearest.report("made up", rows, theirs.missing, console)
    said = console.export_text()
    assert "broken: failed: no way out" in said
    assert "not run: no such module" in said
    for name in ("ours", "ours, quick"):
        assert f"{name}: best of the other 3 smaller by over 0.1%: 0 of 4; larger: 4 of 4" in said
        assert f"{name}: {rivals.PACE}, takes" in said
    assert "median of 2 rounds in turn" in said


def test_the_nearest_image_of_another_class_is_the_nearest(net, images):
    x, labels, pool = images
    classes = nnpg.predict(net, pool).argmax(axis=1)
    for one, t, start in zip(x, labels, nearest.others(net, x, labels, pool), strict=True):
        far = [np.linalg.norm(p - one) for p, c in zip(pool, classes, strict=True) if c != t]
        assert np.linalg.norm(start - one) == pytest.approx(min(far))


def test_what_is_not_installed_is_named_and_left_out(net, images, monkeypatch):
    real = rivals.import_module

    def without(*names):
        def find(name):
            if name.split(".")[0] in names:
                raise ImportError(f"No module named {name!r}")
            return real(name)

        monkeypatch.setattr(rivals, "import_module", find)
        return rivals.rivals(net, images[0], images[0])

    nothing = without("torch")
    assert not nothing.attacks
    assert set(nothing.missing) == {*rivals.FOOLBOX, *rivals.ADV_LIB}
    assert nothing.missing[rivals.PACE].startswith("not run: No module named 'torch'; pip install 'nnpg[rivals]'")


@pytest.mark.oracle
def test_the_copy_in_pytorch_is_the_network_or_nothing_is_run(net, images):
    torch = pytest.importorskip("torch")
    x = images[0]
    model = rivals.torch_copy(net, x)
    ours = net.forward(x, stop="dense1").y
    np.testing.assert_allclose(model(torch.tensor(x)).numpy(), ours, atol=1e-5 * abs(ours).max())
    with pytest.raises(ValueError, match="relu1 is a Step"):
        rivals.torch_copy(net.replace("relu1", nnpg.Step()), x)


@pytest.mark.oracle
def test_a_copy_that_is_off_is_refused(net, images, monkeypatch):
    pytest.importorskip("torch")
    right = rivals._translated

    def wrong(nn, name, layer):
        copy = right(nn, name, layer)
        if name == "dense1":
            copy.weight.data *= 1.001
        return copy

    monkeypatch.setattr(rivals, "_translated", wrong)
    with pytest.raises(Disagreement, match="the logits of the PyTorch copy are off by"):
        rivals.torch_copy(net, images[0])


def test_the_command_says_what_is_missing(tmp_path):
    result = CliRunner().invoke(app, ["attack", "--rivals", "--data-dir", str(tmp_path)])
    assert result.exit_code == 2
    assert "is missing" in result.output
