"""Every table of a page that has times or rates stands below the command that measured them, in the same section."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
PAGES = [CHECKOUT / "README.md", CHECKOUT / "kernels" / "README.md", *(CHECKOUT / "docs").glob("*.md")]
UNIT = r"(?:us|ns|ms|s|seconds?|minutes?|GB/s|TFLOP/s|milliseconds)"
TIMED = re.compile(rf"\d ?{UNIT}\b|[,|] {UNIT} ?\|")  # in a cell, or in the header of a column
IN_TIME = re.compile(rf"\bin {UNIT}\b")  # in the words before a table
COMMAND = re.compile(r"`(?:NNPG\w+=\S+ )?(?:python -m|nnpg|make|pytest) [^`]+`")


def sections(text: str) -> list[str]:
    """The parts of a page from one heading to the next, without blocks of code."""
    return re.split(r"(?m)^(?=#{1,4} )", re.sub(r"(?ms)^```.*?^```$", "", text))


def lacks_its_command(section: str) -> bool:
    """Whether a table of the section has times or rates, and no command stands before it."""
    table = re.search(r"(?m)^\|", section)
    if table is None:
        return False
    before, rows = section[: table.start()], "\n".join(re.findall(r"(?m)^\|.*$", section[table.start() :]))
    return bool(TIMED.search(rows) or IN_TIME.search(before)) and not COMMAND.search(before)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_a_table_of_times_or_rates_stands_below_its_command(page: Path) -> None:
    lacking = [
        section.partition("\n")[0] for section in sections(page.read_text("utf-8")) if lacks_its_command(section)
    ]
    assert lacking == [], "write the command that measures them into the section, before the table"


def test_a_table_without_its_command_is_found() -> None:
    table = "| | ours, us |\n|---|---|\n| W1 | 38.9 |\n"
    assert lacks_its_command(f"## Times\n\n{table}")
    assert lacks_its_command(f"## Times\n\nSee `nnpg.train`.\n\n{table}\n`make demo`\n")
    assert not lacks_its_command(f"## Times\n\nBy `python -m benchmarks cpu`.\n\n{table}")
    assert not lacks_its_command("## Names\n\n| name | maps |\n|---|---|\n| conv1 | 5 |\n")
