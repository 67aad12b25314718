"""Downloads from a local server that can break off, send wrong bytes, or not support ranges."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from nnpg.data import DataError, load_cifar10
from nnpg.data import download as module
from nnpg.data.download import CHUNK, SOURCES, Source, command, fetch_data_set
from nnpg.data.readers import cifar10
from nnpg_command import run

BODY = np.random.default_rng(0).bytes(300_000)
SHA256 = hashlib.sha256(BODY).hexdigest()


class Mirror(ThreadingHTTPServer):
    """Serves `files`; what happens to each request is set by the test."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {"big.gz": BODY}
        self.cuts: list[int] = []  # the next answers break off after this many bytes
        self.ranges = True
        self.status = 0  # the status of every answer, unless 0
        self.asked: list[str | None] = []  # the Range header of each request
        self.sent = 0
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"


class Handler(BaseHTTPRequestHandler):
    server: Mirror

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        server = self.server
        asked = self.headers.get("Range")
        server.asked.append(asked)
        body = server.files.get(self.path[1:])
        if server.status or body is None:
            self.send_error(server.status or 404)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and server.ranges else 0
        if start >= len(body):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        cut = server.cuts.pop(0) if server.cuts else len(body)
        server.sent += len(body[start : start + cut])  # before the client can have received everything
        self.wfile.write(body[start : start + cut])
        self.close_connection = True


@pytest.fixture
def mirrors(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Mirror, Mirror]]:
    """Two mirrors of a set "toy" with one file, big.gz."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    servers = (Mirror(), Mirror())
    threads = [threading.Thread(target=server.serve_forever, args=(0.01,)) for server in servers]
    for thread in threads:
        thread.start()
    monkeypatch.setitem(SOURCES, "toy", Source("toy", {"big.gz": SHA256}, tuple(s.url for s in servers)))
    yield servers
    for server, thread in zip(servers, threads, strict=True):
        server.shutdown()
        server.server_close()
        thread.join()


def whole(root: Path) -> bool:
    """Return whether the folder holds the right file and nothing else."""
    return (root / "toy" / "big.gz").read_bytes() == BODY and len(list((root / "toy").iterdir())) == 1


def test_downloads_once(mirrors: tuple[Mirror, Mirror], tmp_path: Path) -> None:
    assert fetch_data_set("toy", tmp_path) == tmp_path
    assert whole(tmp_path)
    fetch_data_set("toy", tmp_path)
    assert (mirrors[0].asked, mirrors[1].asked) == ([None], [])


def test_default_folder_is_nnpg_data(
    mirrors: tuple[Mirror, Mirror], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NNPG_DATA", str(tmp_path / "a" / "b"))
    fetch_data_set("toy")
    assert whole(tmp_path / "a" / "b")


def test_cut_off_in_the_middle_goes_on_from_there(mirrors: tuple[Mirror, Mirror], tmp_path: Path) -> None:
    mirrors[0].cuts = [4 * CHUNK, 3 * CHUNK + 1000]
    fetch_data_set("toy", tmp_path)
    assert whole(tmp_path)
    assert mirrors[0].asked == [None, f"bytes={4 * CHUNK}-", f"bytes={7 * CHUNK}-"]
    assert mirrors[0].sent == len(BODY) + 1000  # only the broken chunk is requested again
    assert mirrors[1].asked == []


def test_next_mirror_goes_on_where_the_first_broke_off(mirrors: tuple[Mirror, Mirror], tmp_path: Path) -> None:
    mirrors[0].cuts = [4 * CHUNK, 0]
    fetch_data_set("toy", tmp_path)
    assert whole(tmp_path)
    assert mirrors[1].asked == [f"bytes={4 * CHUNK}-"]


def test_next_run_goes_on_where_the_last_stopped(mirrors: tuple[Mirror, Mirror], tmp_path: Path) -> None:
    mirrors[0].cuts = [4 * CHUNK, 0]
    mirrors[1].status = 503
    with pytest.raises(DataError, match=rf"{4 * CHUNK} bytes are kept in .*big\.gz\.part; the next try"):
        fetch_data_set("toy", tmp_path)
    assert [p.name for p in (tmp_path / "toy").iterdir()] == ["big.gz.part"]
    mirrors[0].asked.clear()
    fetch_data_set("toy", tmp_path)
    assert whole(tmp_path)
    assert mirrors[0].asked == [f"bytes={4 * CHUNK}-"]


def test_tries_are_bounded(mirrors: tuple[Mirror, Mirror], tmp_path: Path) -> None:
    mirrors[0].cuts = [CHUNK] * 1000
    mirrors[1].status = 404
    with pytest.raises(DataError, match=r"big\.gz could not be downloaded"):
        fetch_data_set("toy", tmp_path)
    assert len(mirrors[0].asked) == module.TRIES


def test_server_without_ranges_starts_again(mirrors: tuple[Mirror, Mirror], tmp_path: Path) -> None:
    mirrors[0].ranges = False
    mirrors[0].cuts = [4 * CHUNK]
    fetch_data_set("toy", tmp_path)
    assert whole(tmp_path)
    assert mirrors[0].sent == 4 * CHUNK + len(BODY)


@pytest.mark.parametrize("left_over", [b"rubbish", b"rubbish" * 100_000, BODY[:-1] + b"!"])
def test_a_wrong_beginning_is_discarded(mirrors: tuple[Mirror, Mirror], tmp_path: Path, left_over: bytes) -> None:
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "big.gz.part").write_bytes(left_over)
    fetch_data_set("toy", tmp_path)
    assert whole(tmp_path)
    assert mirrors[0].asked == [f"bytes={len(left_over)}-", None]


def test_complete_part_needs_no_bytes(mirrors: tuple[Mirror, Mirror], tmp_path: Path) -> None:
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "big.gz.part").write_bytes(BODY)
    fetch_data_set("toy", tmp_path)
    assert whole(tmp_path)
    assert mirrors[0].sent == 0


def test_a_mirror_that_sends_wrong_bytes_is_skipped(mirrors: tuple[Mirror, Mirror], tmp_path: Path) -> None:
    mirrors[0].files = {"big.gz": b"<html>please log in</html>"}
    fetch_data_set("toy", tmp_path)
    assert whole(tmp_path)


def test_wrong_checksum_everywhere_leaves_nothing(mirrors: tuple[Mirror, Mirror], tmp_path: Path) -> None:
    false = b"<html>please log in</html>"
    for mirror in mirrors:
        mirror.files = {"big.gz": false}
    with pytest.raises(DataError) as error:
        fetch_data_set("toy", tmp_path)
    message = str(error.value)
    assert message.count(hashlib.sha256(false).hexdigest()) == 2
    assert message.count(f"expected {SHA256}") == 2
    assert list((tmp_path / "toy").iterdir()) == []


def test_offline_says_which_file_to_put_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    closed = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    closed.server_close()
    nowhere = f"http://127.0.0.1:{closed.server_address[1]}/"
    for name in "mnist", "cifar10":
        source = Source(SOURCES[name].subfolder, SOURCES[name].files, (nowhere,))
        monkeypatch.setitem(SOURCES, name, source)
        with pytest.raises(DataError) as error:
            fetch_data_set(name, tmp_path)
        message = str(error.value)
        for file, sha256 in source.files.items():
            assert f"{tmp_path / source.subfolder / file}  (SHA-256 {sha256})" in message
        for words in (nowhere, f"--data-dir {tmp_path}", f"NNPG_DATA={tmp_path}"):
            assert words in message


def test_file_of_that_name_is_never_overwritten(mirrors: tuple[Mirror, Mirror], tmp_path: Path) -> None:
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "big.gz").write_bytes(b"mine")
    with pytest.raises(DataError, match=f"expected SHA-256 {SHA256}.*nothing is overwritten"):
        fetch_data_set("toy", tmp_path)
    assert (tmp_path / "toy" / "big.gz").read_bytes() == b"mine"
    assert mirrors[0].asked == []


def test_folder_that_cannot_be_made(mirrors: tuple[Mirror, Mirror], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written"):
        fetch_data_set("toy", tmp_path / "file")


def test_progress_bar_only_when_asked(
    mirrors: tuple[Mirror, Mirror], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch_data_set("toy", tmp_path / "a", progress=False)
    fetch_data_set("toy", tmp_path / "b")  # stderr is not a terminal
    assert "big.gz ━" not in capsys.readouterr().err
    fetch_data_set("toy", tmp_path / "c", progress=True)
    assert "big.gz ━" in capsys.readouterr().err


def test_yale_and_unknown_names(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        fetch_data_set("yale", tmp_path)
    for words in ("terms do not allow", "yalefaces.html", str(tmp_path / "yalefaces"), "--data-dir", "NNPG_DATA"):
        assert words in str(error.value)
    with pytest.raises(DataError, match="'imagenet' cannot be downloaded; expected one of: mnist, cifar10"):
        fetch_data_set("imagenet", tmp_path)


def test_command_exit_codes(
    mirrors: tuple[Mirror, Mirror], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(command, ["toy", "--data-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"toy is in {tmp_path}\n"
    for words, says in (["yale"], "terms do not allow"), (["imagenet"], "'imagenet'"), ([], "required: name"):
        assert run(command, words) == 2
        err = capsys.readouterr().err
        assert says in err
        assert err.startswith("error: ")
        assert err.count("\n") == 1

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "fetch_data_set", stop)
    assert run(command, ["toy"]) == 130
    assert "stopped; the same command goes on from here" in capsys.readouterr().err


# --- CIFAR-10 is an archive


def tar(members: dict[str, bytes | None]) -> bytes:
    """A .tar.gz of files; None makes a symbolic link that points out of the folder."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if content is None:
                info.type, info.linkname = tarfile.SYMTYPE, "../../secret"
            info.size = len(content or b"")
            archive.addfile(info, io.BytesIO(content or b""))
    return out.getvalue()


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes | None]:
    monkeypatch.setattr(cifar10, "RECORDS", 2)
    names = [*cifar10.FILES["test"], *cifar10.FILES["train"]]
    return {f"cifar-10-batches-bin/{name}": bytes([k]) * 6146 for k, name in enumerate(names)}


def serve(mirror: Mirror, archive: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror.files = {cifar10.ARCHIVE: archive}
    sha256 = hashlib.sha256(archive).hexdigest()
    monkeypatch.setitem(SOURCES, "cifar10", Source("", {cifar10.ARCHIVE: sha256}, (mirror.url,)))


def test_cifar10_is_unpacked_and_loads(mirrors, tmp_path: Path, batches, monkeypatch: pytest.MonkeyPatch) -> None:
    evil = {"../evil": b"!", "cifar-10-batches-bin/../../evil": b"!", "cifar-10-batches-bin/extra.bin": b"!"}
    serve(mirrors[0], tar(evil | batches), monkeypatch)
    fetch_data_set("cifar10", tmp_path / "data")
    assert len(load_cifar10(tmp_path / "data")) == 10
    assert load_cifar10(tmp_path / "data", "test").labels.tolist() == [0, 0]
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == sorted(
        [cifar10.ARCHIVE, *(Path(name).name for name in batches)]
    )
    (tmp_path / "data" / cifar10.ARCHIVE).unlink()  # no longer needed
    fetch_data_set("cifar10", tmp_path / "data")
    assert mirrors[0].asked == [None]


def test_cifar10_archive_put_there_by_hand_is_unpacked(
    mirrors, tmp_path: Path, batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(mirrors[0], tar(batches), monkeypatch)
    (tmp_path / cifar10.ARCHIVE).write_bytes(mirrors[0].files[cifar10.ARCHIVE])
    fetch_data_set("cifar10", tmp_path)
    assert len(load_cifar10(tmp_path)) == 10
    assert mirrors[0].asked == []


@pytest.mark.parametrize("spoil", ["missing", "link", "cut"])
def test_a_damaged_cifar10_archive_is_refused(
    mirrors, tmp_path: Path, batches, monkeypatch: pytest.MonkeyPatch, spoil: str
) -> None:
    name = "cifar-10-batches-bin/data_batch_4.bin"
    if spoil == "missing":
        del batches[name]
    if spoil == "link":
        batches[name] = None
    archive = tar(batches)
    serve(mirrors[0], archive[:100] if spoil == "cut" else archive, monkeypatch)
    words = "cannot unpack it" if spoil == "cut" else f"expected {name} in it, found no such file"
    with pytest.raises(DataError, match=words):
        fetch_data_set("cifar10", tmp_path)
    assert not (tmp_path / name).exists()
    with pytest.raises(DataError):
        load_cifar10(tmp_path)
