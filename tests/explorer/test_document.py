"""What the explorer's page is given: exact arrays, sources, and digests that show any wrong number."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from explorer.cases import DEEP, K

import nnpg
from nnpg.explorer import explorer_document
from nnpg.explorer.document import digest, document_text, packed

ROOT = Path(nnpg.__file__).parents[1]


def deep(*head: Any) -> nnpg.Network:
    recipe = [*DEEP[:-1], *head] if head else DEEP
    return nnpg.build(recipe, input_shape=(2, 9, 9), rng=1, backend="numpy")


def images(n: int = 4) -> np.ndarray:
    return np.random.default_rng(0).random((n, 2, 9, 9))


def document(net: nnpg.Network, x: np.ndarray | None = None, **more: Any) -> dict[str, Any]:
    x = images() if x is None else x
    return explorer_document(net, x, np.arange(len(x)) % net.K, **{"attack": False, **more})


def numbers(array: dict[str, Any]) -> np.ndarray:
    stored = np.frombuffer(base64.b64decode(array["data"]), f"<{array['type']}").reshape(array["shape"])
    return stored.astype(np.float32) / np.float32(255) if array["type"] == "u1" else stored


def test_arrays_are_exact_in_the_smallest_type_that_holds_them() -> None:
    rng = np.random.default_rng(0)
    bytes_ = rng.integers(0, 256, (2, 3, 4)).astype(np.float32) / np.float32(255)
    for a, kind in (
        (bytes_, "u1"),
        (rng.random((3, 2), np.float32), "f4"),
        (rng.random(5), "f8"),
        (np.array(0.1), "f8"),
    ):
        array = packed(a)
        assert array["type"] == kind
        assert numbers(array).shape == a.shape
        assert (numbers(array) == a).all()
    assert packed(np.array([-1.0, 2.0, 1e300]))["type"] == "f8"


def test_the_arrays_of_a_document_are_those_of_the_network() -> None:
    net = deep()
    made = document(net)
    assert (numbers(made["images"]) == images()).all()
    for entry, (name, layer) in zip(made["layers"], net.layers.items(), strict=True):
        arrays = nnpg.layers.arrays(layer)
        assert (entry["name"], entry["layer"]) == (name, type(layer).__name__)
        assert set(entry["arrays"]) - {"mask"} == set(arrays)
        for p, a in arrays.items():
            assert (numbers(entry["arrays"][p]) == a).all()
    (mask,) = (entry["arrays"]["mask"] for entry in made["layers"] if entry["layer"] == "Dropout")
    trace = net.forward(images(1))
    assert ((trace["dropout1"][0] != 0) == (numbers(mask) * trace["flatten1"][0] != 0)).all()


def test_the_text_can_stand_in_a_page_and_gives_the_document_again() -> None:
    made = document(deep(), class_names=["</script>", "<!--", "ü"])
    text = document_text(made)
    assert "<" not in text
    assert text.isascii()
    assert json.loads(text) == json.loads(json.dumps(made))


def test_the_sources_are_the_lines_of_the_layers() -> None:
    sources = document(deep())["sources"]
    assert set(sources) == {type(layer).__name__ for layer in deep().layers.values()}
    for name, of in sources.items():
        lines = (ROOT / of["file"]).read_text(encoding="utf-8").splitlines()
        for method in ("forward", "backward", "gradients"):
            first, text = of[method]["line"], of[method]["text"].splitlines()
            assert [line.strip() for line in lines[first - 1 : first - 1 + len(text)]] == [
                line.strip() for line in text
            ]
            assert text[0].startswith(f"def {method}(self"), name
            assert of[method]["equation"] == text[1].strip().strip('"').removesuffix("."), name


def test_a_change_of_any_entry_and_an_exchange_of_two_change_the_digest() -> None:
    rng = np.random.default_rng(0)
    for n in (1, 2, 40, 15680):
        a = rng.standard_normal(n)
        before = np.array(digest(a))
        for at in (*range(min(n, 5)), n - 1):
            wrong = a.copy()
            wrong[at] += 1e-8
            assert abs(np.array(digest(wrong)) - before).max() > 4e-9
        for at in range(min(n - 1, 5)):
            other = int(rng.integers(at + 1, n))
            wrong = a.copy()
            wrong[[at, other]] = a[[other, at]]
            assert abs(np.array(digest(wrong)) - before).max() > 1e-4 * abs(a[at] - a[other])


def test_the_digests_are_those_of_every_output_delta_and_gradient_with_all_kinds_of_seeds() -> None:
    net = deep()
    of_images = document(net)["digests"]
    assert [of["of"] for of in of_images] == ["prob", "logit", "logprob", "loss"]
    exact = net.astype("float64")
    trace = exact.forward(images()[:1])
    deltas = exact.backward(trace, np.eye(K)[:1])
    gradients = exact.gradients(trace, deltas)
    arrays = [trace[o] for o in exact.names] + [deltas[o] for o in exact.names]
    arrays += [gradients[o][p] for o in exact.layers if o in gradients for p in exact.parameters[o]]
    np.testing.assert_allclose(of_images[0]["values"], [digest(a) for a in arrays], rtol=1e-12, atol=1e-15)
    assert [of["of"] for of in document(deep(nnpg.Tanh()))["digests"]] == ["logit", "loss"] * 2


SMALL = nnpg.build(
    [nnpg.dense(8), nnpg.Tanh(), nnpg.dense(K), nnpg.Softmax()], input_shape=(6,), rng=1, backend="numpy"
)
SMALL_X = np.random.default_rng(0).random((3, 6), np.float32)


def test_the_least_distortions_that_were_found_are_in_the_document() -> None:
    net, x = SMALL, SMALL_X
    made = document(net, x, attack=True)["found"]
    done = nnpg.minimal_distortion(net, x, "all", labels=[0, 1, 2])
    assert {found["outcome"] for found in made} == {"ALREADY", "FOUND"}
    for n, found in enumerate(made):
        change = numbers(found["change"]) * found["change"]["scale"]
        r = done.adversarial[n].astype(float) - x[n]
        assert (found["target"], found["distortion"]) == (done.targets[n], done.distortion[n])
        assert abs(change - r).max() <= abs(r).max() / 65534 * 1.001
    assert document(net, x - 1, attack=True)["found"] == [None] * 3  # outside the range of pixels
    assert document(net, x)["found"] == [None] * 3
    fixed = nnpg.Network({"dense": nnpg.Dense(np.zeros((2, 6)), np.array([1.0, 0.0]))}, (6,))
    (found,) = document(fixed, x[:1], attack=True)["found"]
    assert found == {"target": 1, "outcome": "NOT_FOUND", "distortion": None, "change": None}


@dataclass(frozen=True, eq=False)
class Loud(nnpg.Tanh):
    pass


OFF = nnpg.Override(np.array([True, False, False]), np.array(0.0))
WRONG: list[tuple[Any, dict[str, Any], str]] = [
    (nnpg.Network({"loud": Loud()}, (3,)), {}, "does not know layer 'loud', a Loud, but only Dense.*nnpg explain"),
    (nnpg.Network({"tanh": nnpg.Tanh()}, (3,)).intervene("tanh", OFF), {}, "without interventions.*tanh: nnpg.explain"),
    (nnpg.build([nnpg.dense(2500)], input_shape=(2000,), rng=0), {}, "at most 5,000,000.*5,002,500: nnpg explain"),
    (nnpg.Network({"dense": nnpg.Dense(np.array([[np.nan, 1.0]]))}, (2,)), {}, r"dense\.W holds NaN"),
    (nnpg.build([nnpg.dense(3)], input_shape=(2,), rng=0), {"x": np.zeros((46, 2))}, "at most 45 images, not 46"),
    (nnpg.build([nnpg.dense(3)], input_shape=(2,), rng=0), {"x": np.zeros((0, 2))}, "at least one image"),
]  # fmt: skip


@pytest.mark.parametrize(("net", "more", "says"), WRONG)
def test_what_the_page_cannot_compute_is_refused(net: nnpg.Network, more: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        document(net, **{"x": np.zeros((1, *net.input_shape)), **more})


def test_a_document_of_the_face_net_is_small() -> None:
    x = np.random.default_rng(0).random((3, 1, 60, 60), np.float32)
    net = nnpg.face_net(x, backend="numpy")
    three, two = (len(document_text(document(net, images))) for images in (x, x[:2]))
    change = 4 * -(-2 * 3600 // 3)  # two bytes a pixel in base64
    assert three + 12 * (three - two) + 15 * change < 550_000


# In the browser


def checked(browser: Any, made: dict[str, Any] | str, url: str = "", crc32: int | None = None) -> Any:
    text = made if isinstance(made, str) else document_text(made)
    return browser.evaluate(
        "checked", url or browser.engine(), text, zlib.crc32(text.encode()) if crc32 is None else crc32
    )


def eighths(shape: tuple[int, ...]) -> np.ndarray:
    """Pixels of 8 bits, with wide plain regions."""
    return np.random.default_rng(0).choice([0, 0, 0, 1, 37, 255], shape).astype("float32") / np.float32(255)


NETS: dict[str, Any] = {
    "deep": lambda: (deep(), images()),
    "sigmoid": lambda: (deep(nnpg.Sigmoid()), images()),
    "without probabilities": lambda: (deep(nnpg.Tanh()), images()),
    "float64": lambda: (deep().astype("float64"), images()),
    "faces": lambda: (nnpg.face_net(np.zeros((1, 1, 60, 60))), np.random.default_rng(0).random((4, 1, 60, 60), "f4")),
    "digits": lambda: (nnpg.digit_net(np.zeros((1, 1, 28, 28)), K=4), eighths((4, 1, 28, 28))),
    "colours": lambda: (nnpg.cifar_net(np.zeros((1, 3, 16, 16)), K=4), np.random.default_rng(0).random((4, 3, 16, 16))),
}  # fmt: skip


@pytest.mark.browser
@pytest.mark.parametrize("name", NETS)
def test_the_page_agrees_with_what_nnpg_computed(browser: Any, name: str) -> None:
    net, x = NETS[name]()
    found = checked(browser, document(net, x))
    assert found["agrees"]
    assert found["difference"] <= 1e-12, found["where"]
    assert found["arrays"] > 4 * len(net.names)


@pytest.mark.browser
def test_the_page_unpacks_what_was_packed(browser: Any) -> None:
    rng = np.random.default_rng(0)
    arrays = [eighths((3, 4)), rng.random((2, 3), np.float32), rng.standard_normal(5), np.array(0.1)]
    sent = [packed(a) for a in arrays]
    assert [a["type"] for a in sent] == ["u1", "f4", "f8", "f8"]
    changes = document(SMALL, SMALL_X, attack=True)["found"]
    sent += [found["change"] for found in changes]
    arrays += [numbers(found["change"]) * found["change"]["scale"] for found in changes]
    function = (
        "async (url, sent) => sent.map((await engineOf(url)).unpacked).map(({shape, data}) => [shape, [...data]])"
    )
    for (shape, data), a in zip(browser.evaluate(function, browser.engine(), sent), arrays, strict=True):
        assert shape == list(a.shape)
        assert data == a.astype(float).ravel().tolist()


@pytest.mark.browser
def test_a_damaged_document_is_noticed(browser: Any) -> None:
    text = document_text(document(deep()))
    crc32 = zlib.crc32(text.encode())
    for at in np.random.default_rng(0).integers(len(text), size=8):
        letter = "A" if text[at] != "A" else "B"
        assert "damaged" in checked(browser, text[:at] + letter + text[at + 1 :], crc32=crc32)
    assert "damaged" in checked(browser, text[:-1], crc32=crc32)


@pytest.mark.browser
def test_another_weight_image_label_or_digest_is_noticed(browser: Any) -> None:
    def changed(path: list[Any], value: Any) -> dict[str, Any]:
        made = json.loads(document_text(document(deep())))
        place = made
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value(place[path[-1]])
        return made

    def one_bit(data: str) -> str:
        raw = bytearray(base64.b64decode(data))
        raw[-2] ^= 1
        return base64.b64encode(bytes(raw)).decode()

    layers = {layer["name"]: n for n, layer in enumerate(document(deep())["layers"])}
    for name, p in (("conv1", "W"), ("conv2", "W"), ("dense1", "b"), ("center1", "mean")):
        found = checked(browser, changed(["layers", layers[name], "arrays", p, "data"], one_bit))
        assert not found["agrees"], name
    assert not checked(browser, changed(["images", "data"], one_bit))["agrees"]
    assert not checked(browser, changed(["digests", 2, "class"], lambda c: (c + 1) % K))["agrees"]
    assert not checked(browser, changed(["digests", 1, "values"], lambda values: values[:-1]))["agrees"]
    assert not checked(browser, changed(["digests", 1, "values", 5, 0], lambda v: None))["agrees"]
    assert not checked(browser, changed(["layers", layers["pool1"], "settings", "stride"], lambda _: [1, 1]))["agrees"]
    answer = checked(browser, changed(["layers", layers["relu1"], "layer"], lambda kind: "Loud"))
    assert "does not know the layer relu1, a Loud" in answer


@pytest.mark.browser
def test_a_wrong_engine_is_noticed(browser: Any) -> None:
    from explorer.conftest import module_text

    made, text = document(deep()), module_text("layers.js")
    for right, wrong in (
        ("sums[o + q] += w[k]", "sums[o + q] -= w[k]"),
        ("2 * alpha * beta", "alpha * beta"),
        ("const found = { W: dW };", "const found = { W: each(dW, (v, i) => (i ? v : v * 1.0001)) };"),
    ):
        assert text.count(right) == 1, right
        found = checked(browser, made, browser.engine(layers=text.replace(right, wrong)))
        assert not found["agrees"], right
