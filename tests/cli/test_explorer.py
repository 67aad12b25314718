"""`nnpg explore`: the page of a model and its own images."""

from __future__ import annotations

import numpy as np

import nnpg
from nnpg.data import load
from nnpg.explorer import read_page


def test_it_writes_the_page_of_the_model_and_as_many_images_of_each_class(run, model, bars, tmp_path) -> None:
    out = tmp_path / "bars.html"
    answer = run("explore", model, "--images", 6, "--out", out)
    assert answer.code == 0, answer.err
    assert answer.out == f"wrote {out}: {out.stat().st_size / 1e6:.2f} MB, 6 images; open it in a browser\n"
    page, net, data = read_page(out), nnpg.load_network(model), load(bars)
    chosen = np.concatenate([np.flatnonzero(data.labels == c)[:2] for c in range(3)])
    assert (page.x == data.x[chosen]).all()
    assert page.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert page.class_names == data.class_names
    for name, arrays in net.parameters.items():
        for p, a in arrays.items():
            assert (page.net.parameters[name][p] == a).all()
    assert f"<title>{model.stem}</title>" in out.read_text(encoding="utf-8")


def test_it_is_written_beside_the_model_and_opened(run, model, tmp_path, monkeypatch) -> None:
    copied = tmp_path / "bars.safetensors"
    copied.write_bytes(model.read_bytes())
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    report = run("explore", copied, "--images", 3, "--open", "--json").json
    page = tmp_path / "bars.html"
    assert report["page"] == str(page)
    assert report["bytes"] == page.stat().st_size < 1_000_000
    assert len(report["images"]) == 3
    assert opened == [page.resolve().as_uri()]


def test_a_page_that_cannot_be_written_is_one_error_before_any_work(run, model, tmp_path) -> None:
    answer = run("explore", model, "--out", tmp_path / "bars.pdf")
    assert answer.code == 2
    assert "must end in .html or .htm" in answer.err
    assert run("explore", model, "--images", 46).code == 2
    assert list(tmp_path.iterdir()) == []
