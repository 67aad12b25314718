"""The modules of the page as one script."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nnpg import explorer
from nnpg.explorer import bundle

FOLDER = Path(explorer.__file__).parent


def test_the_page_holds_every_module_once_and_each_after_those_that_it_imports() -> None:
    script = bundle.bundled("page/main.js")
    modules = re.findall(r"^const (module_\w+) = \(\(\) => \{$", script, re.MULTILINE)
    assert len(set(modules)) == len(modules)
    names = {
        f"module_{re.sub(r'[^a-z_]', '_', str(f.relative_to(FOLDER).with_suffix('')))}" for f in FOLDER.rglob("*.js")
    }
    assert set(modules) == names
    for n, module in enumerate(modules):
        first = script.index(f"const {module} = ")
        used = re.findall(r"^const \{[^}]*\} = (module_\w+);$", script[first:].split("\n})();", 1)[0], re.MULTILINE)
        assert set(used) <= set(modules[:n])
    assert not re.search(r"^(import|export)\b", script, re.MULTILINE)


def test_no_module_is_long() -> None:
    lengths = {f.name: len(f.read_text(encoding="utf-8").splitlines()) for f in (FOLDER / "page").glob("*.js")}
    assert {name: lines for name, lines in lengths.items() if lines > 300} == {}


@pytest.mark.parametrize(
    ("modules", "words"),
    [
        ({"a.js": 'import { b } from "./b.js";\n', "b.js": 'import { a } from "./a.js";\n'}, "imports itself"),
        ({"a.js": 'import { c } from "./b.js";\n', "b.js": "export const b = 1;\n"}, "exports b"),
        ({"a.js": 'import * as b from "./b.js";\n'}, "line 1"),
        ({"a.js": "const b = 1;\nexport default b;\n"}, "line 2"),
    ],
)
def test_what_cannot_be_one_script_is_an_error(
    modules: dict[str, str], words: str, tmp_path: Path, monkeypatch
) -> None:
    for name, text in modules.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(bundle, "files", lambda package: tmp_path)
    with pytest.raises(ValueError, match=words):
        bundle.bundled("a.js")
