"""Files that ask for too much memory, are not regular files, or name classes with control sequences are refused."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import socket
import struct
import tarfile
import time
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from fuzz.data_files import KINDS, search
from PIL import Image

from nnpg.data import DataError, Dataset, Limits, load, load_folder, load_mnist, load_npz
from nnpg.data import download as module
from nnpg.data.readers import cifar10
from nnpg.data.readers.images import open_image
from nnpg.files import atomic_write

X = np.zeros((2, 1, 4, 4), np.uint8)
POSIX = pytest.mark.skipif(os.name != "posix", reason="pipes, sockets and devices of POSIX")


@contextlib.contextmanager
def refused(words: str, megabytes: float = 20):
    """Expect a DataError with these words, within seconds, in this much memory."""
    tracemalloc.start()
    began = time.perf_counter()
    try:
        with pytest.raises(DataError, match=words):
            yield
        assert tracemalloc.get_traced_memory()[1] < megabytes * 1e6
    finally:
        tracemalloc.stop()
    assert time.perf_counter() - began < 5  # a second, with a margin for other work on the machine


def npy(shape: tuple[int, ...], dtype: str, content: bytes = b"") -> bytes:
    """Return an array's file with this header, and any content."""
    head = repr({"descr": dtype, "fortran_order": False, "shape": shape}).encode()
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + content


def archive(path: Path, members: dict[str, bytes], **settings: int) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, **settings) as out:
        for name, content in members.items():
            out.writestr(name, content)
    return path


def good() -> dict[str, bytes]:
    members = {}
    for key, array in (("x", X), ("labels", np.array([0, 1]))):
        out = io.BytesIO()
        np.save(out, array)
        members[f"{key}.npy"] = out.getvalue()
    return members


# --- .npz


def test_a_label_of_a_trillion_does_not_make_a_trillion_names(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=X, labels=np.array([0, 10**12]))
    with refused(
        r"a\.npz: the labels reach 1000000000000: 1,000,000,000,001 classes are more than the limit of 100,000"
    ):
        load_npz(tmp_path / "a.npz")


def test_the_limits_can_be_raised_and_lowered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez(tmp_path / "a.npz", x=X, labels=np.array([0, 20]))
    with refused("pass limits=Limits.classes=21."):
        load_npz(tmp_path / "a.npz", Limits(classes=20))
    assert load_npz(tmp_path / "a.npz", Limits(classes=21)).K == 21
    monkeypatch.setenv("NNPG_MAX_CLASSES", "20")
    with refused("set NNPG_MAX_CLASSES=21"):
        load(tmp_path / "a.npz")
    monkeypatch.setenv("NNPG_MAX_CLASSES", "21")
    assert load(tmp_path / "a.npz").K == 21
    for text in ("-1", "many", "0", "1e6", "9" * 400):
        monkeypatch.setenv("NNPG_MAX_CLASSES", text)
        with refused("NNPG_MAX_CLASSES must be a whole number above 0"):
            load(tmp_path / "a.npz")


def test_a_zip_bomb_is_refused_by_what_it_declares(tmp_path: Path) -> None:
    number = 3 * 10**8
    content = npy((number, 1, 1, 1), "|u1", bytes(number))  # 300 kB packed, 1.2 GB as float32
    path = archive(tmp_path / "a.npz", good() | {"x.npy": content})
    del content
    with refused("'x': 1,200 megabytes are more than the limit of 1,000"):
        load_npz(path, Limits(megabytes=1_000))


def test_an_archive_that_declares_a_wrong_size(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.npz", good() | {"x.npy": npy((2, 1, 4, 4), "|u1", bytes(10**7))})
    with refused("do not make uint8"):
        load_npz(path)
    whole = bytearray(path.read_bytes())
    real, said = (struct.pack("<I", n) for n in (len(npy((2, 1, 4, 4), "|u1")) + 10**7, 128 + 32))
    assert real in whole
    path.write_bytes(bytes(whole).replace(real, said))  # in the list of files and in the header
    with refused(r"a\.npz: expected a"):
        load_npz(path)


@pytest.mark.parametrize(
    ("key", "header", "words"),
    [
        ("x", npy((10**12, 1, 28, 28), "|u1"), "do not make uint8"),
        ("x", npy((-2, 1, 4, 4), "|u1"), "a.npz: expected"),
        ("x", npy((2, 1, 4, 4, 1), "|u1", bytes(32)), "at most 4 axes"),
        ("x", npy((2,) * 32, "|u1", b""), "a.npz: expected"),
        ("x", npy((2, 1, 4, 4), "<c16", bytes(512)), "expected numbers or strings.*complex128"),
        ("x", npy((2, 1, 4, 4), "|O", bytes(256)), "pickled and never loaded"),
        ("x", npy((2, 1, 4, 4), "|V8", bytes(256)), "expected numbers or strings"),
        ("labels", npy((2,), "<M8[s]", bytes(16)), "expected numbers or strings"),
        ("labels", npy((), "<i8", bytes(8)), "'labels' to be 2 integers"),
        ("labels", npy((2, 10**9), "<i8"), "do not make int64"),
        ("class_names", npy((2,), "<U100000", bytes(800_000)), "strings of at most 1000 characters"),
        ("class_names", npy((200_000,), "<U1", bytes(800_000)), "200,000 classes are more than the limit"),
        ("name", npy((2,), "<U1", b"a\0\0\0b\0\0\0"), "expected 'name' to be one string"),
        ("name", npy((), "<i8", bytes(8)), "expected 'name' to be one string"),
        ("conditions", npy((2,), "<i8", bytes(16)), "'conditions' to be a list of strings"),
        ("masks", npy((2, 4, 4), "<f8", bytes(256)), "'masks' to be bool"),
        ("class_names", npy((2,), "<U1", b"\xff\xff\xff\xff" * 2), "a.npz: expected"),
        ("x", b"\x93NUMPY\x09\x00" + bytes(50), "version"),
        ("x", b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65535, "a.npz: expected"),
    ],
)
def test_an_array_of_a_kind_that_no_data_set_has(tmp_path: Path, key: str, header: bytes, words: str) -> None:
    path = archive(tmp_path / "a.npz", good() | {f"{key}.npy": header})
    with refused(words):
        load_npz(path)


def test_structured_arrays_other_compressions_and_long_lists_of_files(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=X, labels=np.zeros(2, [("a", "i8"), ("b", "f4")]))
    with refused("expected numbers or strings"):
        load_npz(tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "b.npz", "w", zipfile.ZIP_LZMA) as out:
        for name, content in good().items():
            out.writestr(name, content)
    with refused("compressed in a way that NumPy does not write"):
        load_npz(tmp_path / "b.npz")
    archive(tmp_path / "c.npz", good() | {f"{n}": b"" for n in range(30_000)})
    with refused("its list of files has"):
        load_npz(tmp_path / "c.npz")


# --- class names


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("cat", "cat"), "classes 0 and 1 have the same name, 'cat'"),
        (("", "dog"), "class 0 has an empty name"),
        (("cat", "   "), "class 1 has an empty name"),
        (("cat", "d" * 101), "class 1, 'dddddddddddddddddddd...', has 101 characters; 100 are allowed"),
        (("cat", "\x1b[2J\x1b[31mdog"), r"class 1, '\\x1b\[2J\\x1b\[31mdog', holds characters that cannot be printed"),
        (("cat", "dog\nerror: all is lost"), "cannot be printed"),
        (("cat", "\u202egod"), "cannot be printed"),
        (("cat", "\ud800"), "cannot be printed"),
        (("cat", " dog"), "starts or ends with a space"),
        (("cat", 7), "which is a int: use a string"),
    ],
)
def test_class_names_that_are_equal_or_cannot_be_printed(tmp_path: Path, names, words: str) -> None:
    with refused(words):
        Dataset(X.astype(np.float32), np.array([0, 1]), names, "pets")


def test_class_names_of_files_and_folders(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=X, labels=[0, 1], class_names=["cat", "cat"])
    with refused(r"a\.npz: .*the same name"):
        load_npz(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", x=X, labels=[0, 1], name="pets\x1b[2J\n")
    assert load_npz(tmp_path / "b.npz").name == r"pets\x1b[2J\n"
    if os.name == "posix":
        for folder in ("cat", "dog\x1b[2J"):
            (tmp_path / "pets" / folder).mkdir(parents=True)
            Image.new("L", (4, 4)).save(tmp_path / "pets" / folder / "0.png")
        with refused(r"'dog\\x1b\[2J', holds characters that cannot be printed"):
            load_folder(tmp_path / "pets")


# --- folders of images


def png(width: int, height: int) -> bytes:
    """Return a file that declares this many pixels, and has none."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_four_large_pictures_are_refused_by_their_headers(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for n in range(4):
        (tmp_path / "a" / f"{n}.png").write_bytes(png(13_000, 13_000))
    with refused(
        r"0\.png: 13000 x 13000 pixels: 169 megapixels are more than the limit of 50.*NNPG_MAX_MEGAPIXELS=169"
    ):
        load_folder(tmp_path)
    for width, height in ((2**31 - 1, 2**31 - 1), (2**31 - 1, 1), (1, 10**9)):
        (tmp_path / "a" / "0.png").write_bytes(png(width, height))
        with refused(r"0\.png: "):
            load_folder(tmp_path)


def test_the_limit_of_pixels_can_be_raised_beyond_pillows(tmp_path: Path) -> None:
    Image.new("L", (20_000, 10_000)).save(tmp_path / "a.png")  # 200 million: Pillow by itself refuses above 179
    before = Image.MAX_IMAGE_PIXELS
    with refused("200 megapixels"):
        open_image(tmp_path / "a.png", grey=True)
    assert open_image(tmp_path / "a.png", grey=True, limits=Limits(megapixels=200)).size == (20_000, 10_000)
    assert before == Image.MAX_IMAGE_PIXELS


def test_many_pictures_are_refused_after_the_first(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for n in range(4):
        Image.new("L", (1000, 1000)).save(tmp_path / "a" / f"{n}.png")
    with refused("4 images of 1000 x 1000: 48 megabytes are more than the limit of 40"):
        load_folder(tmp_path, limits=Limits(megabytes=40))
    with refused("4 images of 20000 x 20000: 19,200 megabytes"):
        load_folder(tmp_path, size=20_000)


def test_a_file_that_would_start_a_program_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "a" / "0.eps")  # Pillow reads it through Ghostscript
    with refused(r"0\.eps: expected an image"):
        load_folder(tmp_path)


@POSIX
@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "loop", "link to nothing", "folder"])
def test_what_is_not_a_regular_file_is_refused_without_opening_it(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("a/0.png", "0.npz"):
        path = Path(name)
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "socket":
            unix_socket = socket.socket(socket.AF_UNIX)
            unix_socket.bind(str(path))
            unix_socket.close()
        elif kind == "folder":
            path.mkdir()
        else:
            path.symlink_to({"device": "/dev/zero", "loop": path.name, "link to nothing": "none"}[kind])
    words = {"loop": "what cannot be opened"}.get(kind, kind)
    with refused(rf"found .*{words}" if kind != "folder" else "found no folders in it"):
        load(tmp_path / "0.npz")
    if kind == "folder":
        (tmp_path / "0.npz").rmdir()
    with refused(rf"0\.png: expected an image of class 'a', found .*{words}"):
        load_folder(tmp_path)


@POSIX
def test_a_folder_that_contains_itself(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    with refused("again: expected an image of class 'a', found a folder"):
        load_folder(tmp_path)
    (tmp_path / "b").symlink_to("b")
    with refused("again"):
        load_folder(tmp_path)


# --- MNIST and CIFAR-10


def test_a_gzip_bomb_is_unpacked_no_further_than_its_header_says(tmp_path: Path) -> None:
    bomb = gzip.compress(struct.pack(">4I", 0x803, 2, 28, 28) + bytes(2 * 10**8))  # 200 kB
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(bomb)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, 2) + bytes(2))
    with refused(r"expected 1584 bytes for the shape \(2, 28, 28\) its header states, found more"):
        load_mnist(tmp_path)
    huge = gzip.compress(struct.pack(">4I", 0x803, 2**32 - 1, 28, 28) + bytes(10**6))
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(huge)
    with refused("which become float32: 13,469,018 megabytes are more than the limit of 8,000"):
        load_mnist(tmp_path)


def test_an_archive_whose_files_are_too_large_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / cifar10.ARCHIVE
    for name, size in (("cifar-10-batches-bin/data_batch_1.bin", 30_730_001), ("other", 2 << 30)):
        info = tarfile.TarInfo(name)
        info.size = size
        path.write_bytes(gzip.compress(info.tobuf() + bytes(min(size, 1 << 20))))
        with refused("bytes: it is not CIFAR-10"):
            module.unpack_cifar10(path, tmp_path / "out")
        assert not any((tmp_path / "out").iterdir())


def test_the_temporary_file_of_a_killed_run_is_removed(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with atomic_write(tmp_path / "out" / "test_batch.bin"):
        (temporary,) = (tmp_path / "out").iterdir()
    (tmp_path / "out" / "test_batch.bin").rename(temporary)
    (tmp_path / cifar10.ARCHIVE).write_bytes(b"no archive")
    with refused("cannot unpack it"):
        module.unpack_cifar10(tmp_path / cifar10.ARCHIVE, tmp_path / "out")
    assert not any((tmp_path / "out").iterdir())


def test_damaged_files_load_or_are_refused_by_name() -> None:
    counts, findings = search(240, seed=0)
    assert findings == []
    assert all(counts[kind, outcome] >= 5 for kind in KINDS for outcome in ("loaded", "refused"))
