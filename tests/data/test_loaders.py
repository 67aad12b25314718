"""Every loader: small files of the right format, each error message, and the real sets if they are there."""

from __future__ import annotations

import gzip
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nnpg.data import (
    DataError,
    Dataset,
    load,
    load_cifar10,
    load_folder,
    load_mnist,
    load_npz,
    load_yale,
    save_npz,
)
from nnpg.data.locations import data_folder
from nnpg.data.readers import cifar10
from nnpg.data.readers.yale import CONDITIONS, SUBJECTS

# --- Yale


@pytest.fixture
def yale(tmp_path: Path) -> Path:
    """165 flat GIFs; the grey level tells which: 10 * subject + condition."""
    folder = tmp_path / "yalefaces"
    folder.mkdir()
    for s, subject in enumerate(SUBJECTS):
        for c, condition in enumerate(CONDITIONS):
            Image.new("L", (320, 243), 10 * s + c).save(folder / f"{subject}.{condition}", format="GIF")
    return tmp_path


def test_yale_is_sorted_by_subject_then_condition(yale: Path) -> None:
    d = load_yale(yale)
    assert d.x.shape == (165, 1, 60, 60)
    assert d.conditions is not None
    assert d.class_names[14] == "subject15"
    for n in (0, 1, 11, 164):
        subject, condition = divmod(n, 11)
        assert d.labels[n] == subject
        assert d.conditions[n] == sorted(CONDITIONS)[condition]
        np.testing.assert_array_equal(d.x[n], np.float32((10 * subject + condition) / 255))


def test_yale_takes_the_folder_itself_and_ignores_other_files(yale: Path) -> None:
    (yale / "yalefaces" / "Readme.txt").write_text("not an image")
    (yale / "yalefaces" / "subject01.gif").write_text("not an image")
    assert load_yale(yale / "yalefaces", size=7).x.shape == (165, 1, 7, 7)


def test_yale_squeezes_the_whole_frame(yale: Path) -> None:
    frame = Image.new("L", (320, 243), 0)
    frame.paste(255, (0, 0, 160, 243))  # left half white
    frame.paste(128, (0, 0, 320, 20))  # and a band along the whole top
    frame.save(yale / "yalefaces" / "subject01.centerlight", format="GIF")
    image = load_yale(yale).x[0, 0]
    assert (image[10:, :28] > 0.99).all()
    assert (image[10:, 32:] < 0.01).all()
    np.testing.assert_allclose(image[0], 128 / 255, atol=0.01)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda p: p.unlink(), ["1 of 165 images are missing", "subject03.sad", "yalefaces.tar", "NNPG_DATA"]),
        (lambda p: p.write_bytes(b"GIF89a rubbish"), ["subject03.sad", "expected an image", "cannot be read"]),
        (lambda p: p.write_bytes(p.read_bytes()[:60]), ["subject03.sad", "expected an image", "cannot be read"]),
        (lambda p: p.write_bytes(b""), ["subject03.sad", "expected an image", "cannot be read"]),
        (
            lambda p: Image.new("L", (243, 320)).save(p, format="GIF"),
            ["subject03.sad", "expected 320 x 243 pixels, found 243 x 320"],
        ),
    ],
)
def test_yale_names_the_spoilt_file(yale: Path, spoil, words) -> None:
    spoil(yale / "yalefaces" / "subject03.sad")
    with pytest.raises(DataError) as error:
        load_yale(yale)
    assert [w for w in words if w not in str(error.value)] == []


@pytest.mark.parametrize("size", [0, -1])
def test_a_size_without_pixels_is_refused(yale: Path, size: int) -> None:
    with pytest.raises(ValueError, match="size must be a whole number of at least 1, not"):
        load_yale(yale, size)


# --- MNIST


def idx(values: np.ndarray) -> bytes:
    magic = 0x800 + values.ndim
    return struct.pack(f">{1 + values.ndim}I", magic, *values.shape) + values.astype(np.uint8).tobytes()


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    folder = tmp_path / "mnist"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for prefix, N in ("train", 5), ("t10k", 3):
        images = rng.integers(0, 256, (N, 28, 28))
        (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(idx(np.arange(N) + 5))
    return tmp_path


def test_mnist_gzipped_or_not(mnist: Path) -> None:
    train, test = load_mnist(mnist), load_mnist(mnist / "mnist", "test")
    assert (train.x.shape, test.x.shape) == ((5, 1, 28, 28), (3, 1, 28, 28))
    assert train.labels.tolist() == [5, 6, 7, 8, 9]
    assert (train.name, test.name, train.K) == ("mnist train", "mnist test", 10)
    first = np.random.default_rng(0).integers(0, 256, (5, 28, 28))
    np.testing.assert_array_equal(train.x[:, 0], np.float32(first) / np.float32(255))


def test_mnist_unpacked_under_its_gz_name(mnist: Path) -> None:
    path = mnist / "mnist" / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.decompress(path.read_bytes()))
    assert len(load_mnist(mnist)) == 5


IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte"


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        (IMAGES, None, [IMAGES, "is missing", "nnpg.data.download mnist", "NNPG_DATA"]),
        (LABELS, None, ["train-labels-idx1-ubyte.gz is missing"]),
        (IMAGES, gzip.compress(idx(np.zeros(5)), mtime=0), ["magic number 0x00000803, found 0x00000801"]),
        (LABELS, idx(np.zeros((5, 28, 28))), ["magic number 0x00000801, found 0x00000803"]),
        (LABELS, b"", ["magic number", "found an empty file"]),
        (LABELS, idx(np.zeros(5))[:-1], ["expected 13 bytes for the shape (5,)", "found 12"]),
        (LABELS, idx(np.zeros(5)) + b"0", ["expected 13 bytes", "found 14"]),
        (LABELS, idx(np.zeros(6)), ["expected 5 labels", "found 6"]),
        (LABELS, idx(np.array([0, 1, 2, 10, 3])), ["expected labels 0 .. 9, found 10 at position 3"]),
        (IMAGES, idx(np.zeros((5, 27, 28))), ["expected images of 28 x 28, found 27 x 28"]),
        (IMAGES, idx(np.zeros((0, 28, 28))), ["expected images, found none"]),
        (IMAGES, struct.pack(">4I", 0x803, *[2**32 - 1] * 3), ["expected 79228162458924105385300197391 bytes"]),
    ],
)
def test_mnist_names_file_expected_found(mnist: Path, file: str, content: bytes | None, words) -> None:
    path = mnist / "mnist" / file
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(DataError) as error:
        load_mnist(mnist)
    assert [w for w in [file.removesuffix(".gz"), *words] if w not in str(error.value)] == []


def test_mnist_cut_anywhere_is_refused(mnist: Path) -> None:
    labels, images = mnist / "mnist" / LABELS, mnist / "mnist" / IMAGES
    for path, cuts in (labels, range(13)), (images, range(0, images.stat().st_size, 211)):
        whole = path.read_bytes()
        for cut in cuts:
            path.write_bytes(whole[:cut])
            with pytest.raises(DataError, match=path.name):
                load_mnist(mnist)
        path.write_bytes(whole)
    assert len(load_mnist(mnist)) == 5


@pytest.mark.parametrize("loader", [load_mnist, load_cifar10])
def test_only_train_and_test(tmp_path: Path, loader) -> None:
    with pytest.raises(ValueError, match="split must be 'train' or 'test', not 'valid'"):
        loader(tmp_path, "valid")


# --- CIFAR-10


@pytest.fixture
def cifar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four records per file; in each the red, green and blue planes are 10, 20, 30 plus the file's number."""
    monkeypatch.setattr(cifar10, "RECORDS", 4)
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for k, name in enumerate([*cifar10.FILES["train"], *cifar10.FILES["test"]]):
        planes = b"".join(bytes([level + k]) * 1024 for level in (10, 20, 30))
        (folder / name).write_bytes(b"".join(bytes([k + n]) + planes for n in range(4)))
    return tmp_path


def test_cifar10_planes_and_labels(cifar: Path) -> None:
    train, test = load_cifar10(cifar), load_cifar10(cifar / "cifar-10-batches-bin", "test")
    assert (train.x.shape, test.x.shape) == ((20, 3, 32, 32), (4, 3, 32, 32))
    assert train.labels.tolist() == [k + n for k in range(5) for n in range(4)]
    np.testing.assert_array_equal(train.x[6, :, 3, 4], np.float32([11, 21, 31]) / np.float32(255))
    assert train.class_names[int(train.labels[19])] == "horse"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda p: p.unlink(), ["data_batch_3.bin is missing", "cifar-10-binary.tar.gz", "NNPG_DATA"]),
        (lambda p: p.write_bytes(p.read_bytes()[:-3073]), ["data_batch_3.bin", "expected 12292", "found 9219"]),
        (lambda p: p.write_bytes(p.read_bytes() + b"0"), ["data_batch_3.bin", "expected 12292", "found 12293"]),
        (
            lambda p: p.write_bytes(p.read_bytes()[:3073] + b"\x0a" + p.read_bytes()[3074:]),
            ["data_batch_3.bin", "expected labels 0 .. 9, found 10 in record 1"],
        ),
    ],
)
def test_cifar10_names_file_expected_found(cifar: Path, spoil, words) -> None:
    spoil(cifar / "cifar-10-batches-bin" / "data_batch_3.bin")
    with pytest.raises(DataError) as error:
        load_cifar10(cifar)
    assert [w for w in words if w not in str(error.value)] == []


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was opened",))


@pytest.mark.parametrize("place", ["cifar-10-batches-py/data_batch_1", "data_batch_1", "cifar-10-python.tar.gz"])
def test_the_pickled_layout_of_cifar10_is_refused_without_opening_it(tmp_path: Path, place: str) -> None:
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(pickle.dumps(Bomb()))
    for folder in {tmp_path, path.parent}:
        with pytest.raises(DataError, match="pickled") as error:
            load_cifar10(folder)
        assert str(path) in str(error.value)
        assert "Get cifar-10-binary.tar.gz" in str(error.value)


# --- any folder


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    root = tmp_path / "pets"
    for name, colours in ("dog", ["red", "white"]), ("cat", ["black", "blue", "lime"]):
        (root / name).mkdir(parents=True)
        for n, colour in enumerate(colours):
            Image.new("RGB", (5, 4), colour).save(root / name / f"{n}.png")
    (root / ".cache").mkdir()
    (root / "cat" / ".DS_Store").write_bytes(b"hidden")
    (root / "README.txt").write_text("beside the class folders")
    return root


def test_folder_colour_and_grey(pets: Path) -> None:
    d, g = load_folder(pets), load_folder(pets, grey=True)
    assert (d.name, d.class_names, d.labels.tolist()) == ("pets", ("cat", "dog"), [0, 0, 0, 1, 1])
    assert (d.x.shape, g.x.shape) == ((5, 3, 4, 5), (5, 1, 4, 5))
    assert d.x[:, :, 0, 0].tolist() == [[0, 0, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0], [1, 1, 1]]
    np.testing.assert_allclose(g.x[:, 0, 0, 0], [0, 0.114, 0.587, 0.299, 1], atol=0.5 / 255)


def test_folder_mixed_sizes_name_both_files_unless_a_size_is_given(pets: Path) -> None:
    Image.new("RGB", (6, 4)).save(pets / "dog" / "1.png")
    with pytest.raises(DataError) as error:
        load_folder(pets)
    words = ["dog/1.png", "cat/0.png", "expected 5 x 4", "found 6 x 4", "give a size"]
    assert [w for w in words if w not in error.value.args[0].replace("\\", "/")] == []
    assert load_folder(pets, size=(3, 7)).x.shape == (5, 3, 3, 7)
    assert load_folder(pets, size=8).x.shape == (5, 3, 8, 8)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda p: (p / "cat" / "notes.txt").write_text("no"), ["notes.txt", "expected an image"]),
        (lambda p: (p / "cat" / "more").mkdir(), ["more", "expected an image of class 'cat', found a folder"]),
        (lambda p: (p / "emu").mkdir(), ["emu", "expected images of class 'emu', found none"]),
        (
            lambda p: Image.fromarray(np.zeros((4, 5), np.uint16)).save(p / "cat" / "deep.png"),
            ["deep.png", "8 bits per channel", "'I;16'"],
        ),
    ],
)
def test_folder_names_what_is_wrong(pets: Path, spoil, words) -> None:
    spoil(pets)
    with pytest.raises(DataError) as error:
        load_folder(pets)
    assert [w for w in words if w not in str(error.value)] == []


def test_a_path_that_is_not_a_folder_of_images(tmp_path: Path) -> None:
    (tmp_path / "flat").mkdir()
    (tmp_path / "file").touch()
    for name, answer in ("flat", "no folders in it"), ("file", "a file"), ("nowhere", "nothing there"):
        with pytest.raises(DataError, match=f"{name}.*one folder of images per class.*found {answer}"):
            load_folder(tmp_path / name)


def test_folder_palette_transparency_and_turned_photographs(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    palette = Image.new("P", (2, 3), 1)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    palette.save(tmp_path / "a" / "1.png", transparency=b"\x00\x80")
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: stored as 3 x 2, shown as 2 x 3
    Image.new("RGB", (3, 2), "red").save(tmp_path / "a" / "2.png", exif=exif)
    d = load_folder(tmp_path)
    assert d.x.shape == (2, 3, 3, 2)
    np.testing.assert_array_equal(d.x[0], d.x[1])


# --- .npz

X = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


def test_npz_round_trip_is_exact(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    d = Dataset(
        rng.random((3, 2, 4, 5), np.float32),
        np.array([1, 0, 1]),
        ("zwölf", "b"),
        "toys",
        ("x", "y", "z"),
        rng.random((2, 4, 5)) < 0.5,
        ("mole", "brow"),
    )
    save_npz(tmp_path / "toys.npz", d)
    save_npz(tmp_path / "toys.npz", d)  # replaces
    e = load_npz(tmp_path / "toys.npz")
    for key in ("x", "labels", "masks"):
        np.testing.assert_array_equal(getattr(e, key), getattr(d, key))
        assert getattr(e, key).dtype == getattr(d, key).dtype
    assert (e.class_names, e.name, e.conditions, e.features) == (d.class_names, d.name, d.conditions, d.features)
    assert [p.name for p in tmp_path.iterdir()] == ["toys.npz"]


def test_npz_write_that_fails_leaves_the_old_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    d = Dataset(np.zeros((1, 1, 2, 2), np.float32), np.array([0]), ("a",), "old")
    save_npz(tmp_path / "a.npz", d)

    def full(out, **_: object) -> None:
        out.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(OSError, match="disk full"):
        save_npz(tmp_path / "a.npz", d)
    assert load_npz(tmp_path / "a.npz").name == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_npz_scales_bytes_and_keeps_floats(tmp_path: Path) -> None:
    np.savez(tmp_path / "bytes.npz", x=X, labels=np.array([0, 2], np.uint8))
    d = load_npz(tmp_path / "bytes.npz")
    np.testing.assert_array_equal(d.x[:, 0], np.float32(X) / np.float32(255))
    assert (d.class_names, d.name) == (("0", "1", "2"), "bytes")
    np.savez(tmp_path / "floats.npz", x=X[:, None] / 23.0, labels=[0, 1], class_names=["a", "b"])
    d = load_npz(tmp_path / "floats.npz")
    assert (d.x.dtype, d.x.max(), d.class_names) == (np.float32, 1, ("a", "b"))


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": X}, "expected the arrays 'x' and 'labels', found \\['x'\\]"),
        ({"images": X}, "expected the arrays 'x' and 'labels', found none"),
        ({"x": X, "labels": [0, 1, 1]}, "'labels' to be 2 integers.*found int64 \\(3,\\)"),
        ({"x": X, "labels": [0.0, 1.0]}, "'labels' to be 2 integers.*found float64"),
        ({"x": X, "labels": [0, -1]}, "labels from 0 on, found -1"),
        ({"x": X, "labels": [0, 2], "class_names": ["a", "b"]}, "labels must lie in 0 .. 1"),
        ({"x": X, "labels": [0, 1], "class_names": [3, 4]}, "'class_names' to be a list of strings"),
        ({"x": X, "labels": [0, 1], "conditions": ["a"]}, "2 images but 1 conditions"),
        ({"x": X, "labels": [0, 1], "masks": np.zeros((2, 3, 3), bool)}, "'masks' to be bool \\(2, 3, 4\\)"),
        ({"x": X[0], "labels": [0, 1, 2]}, "'x' to be images.*found the shape \\(3, 4\\)"),
        ({"x": X[:0], "labels": []}, "'x' to be images.*found the shape \\(0, 3, 4\\)"),
        ({"x": X.astype(int), "labels": [0, 1]}, "uint8 or floats, found int64"),
        ({"x": X.astype(float), "labels": [0, 1]}, "floats in \\[0, 1\\] in 'x', found 0 .. 23"),
        ({"x": np.full((2, 3, 4), np.nan), "labels": [0, 1]}, "floats in \\[0, 1\\] in 'x', found nan"),
        ({"x": X, "labels": np.array([0, Bomb()], object)}, "pickled and never loaded"),
    ],
)
def test_npz_names_what_is_wrong(tmp_path: Path, arrays, words: str) -> None:
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(DataError, match=f"bad.npz: .*{words}"):
        load_npz(tmp_path / "bad.npz")


def test_npz_cut_anywhere_or_something_else(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=X, labels=[0, 1])
    whole = path.read_bytes()
    np.save(tmp_path / "single.npy", X)
    others = [(tmp_path / "single.npy").read_bytes(), b"text", pickle.dumps(Bomb())]
    flipped = whole.replace(X.tobytes(), X[::-1].tobytes())  # the checksum of the archive shows it
    assert flipped != whole
    with zipfile.ZipFile(tmp_path / "no_arrays.npz", "w") as archive:
        archive.writestr("x", b"text")
    others.append((tmp_path / "no_arrays.npz").read_bytes())
    others.append(
        whole.replace(b"PK\x03\x04\x2d", b"PK\x03\x04\xff").replace(
            b"PK\x01\x02\x2d\x03\x2d", b"PK\x01\x02\x2d\x03\xff"
        )
    )
    assert others[-1] != whole  # an unknown ZIP version: zipfile raises NotImplementedError
    for content in [*(whole[:cut] for cut in range(0, len(whole), 13)), *others, flipped]:
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"a\.npz: expected a"):
            load_npz(path)
    with pytest.raises(DataError, match="nothing there"):
        load_npz(tmp_path / "b.npz")
    with pytest.raises(DataError, match=r"ending in \.npz"):
        save_npz(tmp_path / "b.zip", Dataset(np.zeros((1, 1, 1, 1), np.float32), np.array([0]), ("a",), "a"))


# --- load


def test_load_finds_each_set_by_name_in_nnpg_data(
    yale: Path, mnist: Path, cifar: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert yale == mnist == cifar
    monkeypatch.setenv("NNPG_DATA", str(yale))
    assert load("yale").image_shape == (1, 60, 60)
    assert load("yale", size=20).image_shape == (1, 20, 20)
    assert [len(load("mnist")), len(load("mnist", split="test"))] == [5, 3]
    assert [len(load("cifar10")), len(load("cifar10", split="test"))] == [20, 4]
    assert len(load("faces", size=30)) == 165
    with pytest.raises(DataError, match="missing"):  # the argument overrides the environment
        load("yale", yale / "elsewhere")


def test_data_folder_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NNPG_DATA", str(tmp_path / "environment"))
    assert data_folder(tmp_path / "given") == tmp_path / "given"
    assert data_folder() == tmp_path / "environment"
    monkeypatch.delenv("NNPG_DATA")
    assert data_folder().name == "nnpg"


def test_load_by_path(pets: Path, tmp_path: Path) -> None:
    assert load(pets).class_names == ("cat", "dog")
    assert load(str(pets), size=2).image_shape == (3, 2, 2)
    np.savez(tmp_path / "a.npz", x=X, labels=[0, 1])
    assert load(str(tmp_path / "a.npz")).name == "a"


def test_faces_seed_reaches_the_generator() -> None:
    assert not np.array_equal(load("faces", seed=0, size=24).x, load("faces", seed=1, size=24).x)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"name": "yael"}, "'yael' is no data set; did you mean 'yale'\\? Expected faces, yale, mnist, cifar10"),
        ({"name": "qqqq"}, "'qqqq' is no data set; Expected faces"),
        ({"name": "no/such.npz"}, "nothing there"),
        ({"name": "faces", "split": "test"}, "no 'test' part.*stratified_split"),
        ({"name": "yale", "split": "train"}, "no 'train' part"),
        ({"name": "mnist", "size": 28}, "leave size out"),
        ({"name": "no/such.npz", "size": 28}, "leave size out"),
    ],
)
def test_load_says_what_it_cannot_do(call, words: str) -> None:
    with pytest.raises(DataError, match=words):
        load(**call)


def test_import_is_light() -> None:
    heavy = "{'PIL', 'pooch', 'requests', 'rich', 'scipy', 'matplotlib'}"
    code = f"import sys, nnpg.data; sys.exit(', '.join({heavy} & set(sys.modules)) or None)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# --- the real sets


@pytest.mark.data
def test_real_yale(data_dir: Path) -> None:
    d = load("yale", data_dir)
    assert len(d) == 165
    assert d.K == 15
    assert np.bincount(d.labels).tolist() == [11] * 15
    assert d.conditions is not None
    # Names and pixels belong together: the left half is lit more under leftlight, for each of the 15.
    left = d.x[:, 0, :, :30].mean((1, 2)) - d.x[:, 0, :, 30:].mean((1, 2))
    conditions = np.array(d.conditions)
    assert (left[conditions == "leftlight"] > left[conditions == "rightlight"]).all()


@pytest.mark.data
def test_real_mnist(data_dir: Path) -> None:
    train, test = load("mnist", data_dir), load("mnist", data_dir, split="test")
    assert (len(train), len(test)) == (60_000, 10_000)
    assert train.labels[:8].tolist() == [5, 0, 4, 1, 9, 2, 1, 3]
    assert abs(float(train.x.mean(dtype=np.float64)) - 0.1307) < 5e-5  # the widely quoted mean
