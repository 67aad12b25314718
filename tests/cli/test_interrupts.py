"""Ctrl-C at one moment of each long command; `fuzz.interrupts` tries many."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from selection import slow_except

if sys.platform != "linux":
    pytest.skip("these commands are stopped as on Linux", allow_module_level=True)

from fuzz import interrupts
from fuzz.interrupts import Ending, search

SOON = 5.0  # seconds, on a machine that does other work besides; `make fuzz` asks for one


COMMANDS = ("help", "train", "rank", "experiments run", "download", "one batch, compiled", "exercise check")


@pytest.mark.parametrize("name", slow_except({"help", "one batch, compiled"}, COMMANDS))
def test_a_command_ends_in_order(name: str) -> None:
    _, wrong = search(1, seed=list(interrupts.COMMANDS).index(name), within=SOON, names=[name])
    assert wrong == []


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        (Ending(0.1, 130, "stopped\n"), []),
        (Ending(0.1, 1, "stopped\n"), ["exit code 1"]),
        (Ending(9.0, 130, "stopped\n"), ["it took 9.00 s"]),
        (Ending(0.1, 130, f"Traceback\n{interrupts.ROOT}\nKeyboardInterrupt\n"), ["it said"]),
        (Ending(0.1, 130, "stopped\nException ignored in\n"), ["it said"]),
        (Ending(None, 1, "error: x"), ["failed by itself"]),
    ],
)
def test_the_search_sees_what_is_wrong(tmp_path: Path, ending: Ending, words: list[str]) -> None:
    faults = interrupts.faults(ending, tmp_path, within=SOON)
    assert len(faults) == len(words)
    assert all(word in fault for word, fault in zip(words, faults, strict=True))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (".a.png.0badcafe.part", b""),
        ("a.png", b"\x89PNG"),
        ("a.json", b"{"),
        ("a.html", b"<html>"),
        ("a.safetensors", b""),
    ],
)
def test_the_search_sees_half_a_file(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert len(interrupts.faults(Ending(0.1, 130, "stopped\n"), tmp_path, within=SOON)) == 1
