"""Command lines that cannot be right: each must end in its exit code and one line that names what was given.

Nothing may be written, no traceback shown, and no line may say that it should not happen. All cases together, most of
them in one process: python -m fuzz.command_lines
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from fuzz.command_files import prepare
from nnpg_command import run

ROOT = Path(__file__).parent.parent.parent
BIG = "9" * 30


class Case(NamedTuple):
    """A program, its words (`{here}` is the folder of `prepare`; | parts words), the exit code, and what it says."""

    program: str
    words: str
    says: str
    code: int = 2
    talks: bool = False  # it says on stdout what it is about, because the mistake shows only then


def _cases(program: str, *rows: tuple[str, str] | tuple[str, str, int, bool]) -> list[Case]:
    return [Case(program, *row) for row in rows]


TRAIN = _cases(
    "nnpg",
    ("train|--epochs|0", "--epochs"),
    ("train|--epochs|-3", "--epochs"),
    ("train|--epochs|1.5", "--epochs"),
    ("train|--epochs|", "--epochs"),
    ("train|--epochs", "--epochs"),
    ("train|--batch|0", "--batch"),
    ("train|--batch|x", "--batch"),
    ("train|--seed|-1", "--seed"),
    ("train|--seed|one", "--seed"),
    ("train|--seed|" + BIG, "--seed"),
    ("train|--lr|nan|--data|{here}/bars.npz", "lr"),
    ("train|--lr|inf|--data|{here}/bars.npz", "lr"),
    ("train|--lr|0|--data|{here}/bars.npz", "lr"),
    ("train|--lr|-1|--data|{here}/none.npz", "lr"),  # judged before the data
    ("train|--momentum|nan|--data|{here}/none.npz", "momentum"),
    ("train|--momentum|-0.1", "momentum"),
    ("train|--momentum|1", "momentum"),
    ("train|--test-share|0", "--test-share"),
    ("train|--test-share|1", "--test-share"),
    ("train|--test-share|nan", "--test-share"),
    ("train|--backend|abacus|--data|{here}/none.npz", "abacus"),
    ("train|--backend|", "backend"),
    ("train|--model|unet", "unet"),
    ("train|--data|", "is no data set"),
    ("train|--data|{here}/nowhere.npz", "nowhere.npz"),
    ("train|--data|{here}/nowhere", "nowhere"),
    ("train|--data|{here}/notes.txt", "notes.txt"),
    ("train|--data|{here}/empty", "empty"),
    ("train|--data|{here}/loop", "loop"),
    ("train|--data|{here}/none.link", "none.link"),
    ("train|--data|{here}/pipe", "pipe"),
    ("train|--data|/dev/null", "/dev/null"),
    ("train|--data|/dev/zero", "/dev/zero"),
    ("train|--data|{here}/null.npz", "null.npz"),
    ("train|--data|{here}/array.npy", "array.npy"),
    ("train|--data|{here}/bars.npz/x", "bars.npz/x"),
    ("train|--data|" + "a" * 5000, "aaaa"),
    ("train|--data|a\0b", "a\\x00b"),
    ("train|--data|{here}/a\x1b[2Jb.npz", "a\\x1b[2Jb.npz"),
    ("train|--data|{here}/猫.npz", "猫.npz"),
    ("train|--data|{here}/label.npz", "label.npz"),
    ("train|--data|{here}/negative.npz", "negative.npz"),
    ("train|--data|{here}/twins.npz", "the same name"),
    ("train|--data|{here}/control.npz", "cannot be printed"),
    ("train|--data|{here}/endless.npz", "500 characters"),
    ("train|--data|{here}/nameless.npz", "empty name"),
    ("train|--data|{here}/nan.npz", "found nan"),
    ("train|--data|{here}/large.npz", "large.npz"),
    ("train|--data|{here}/complex.npz", "complex128"),
    ("train|--data|{here}/objects.npz", "never loaded"),
    ("train|--data|{here}/flat.npz", "flat.npz"),
    ("train|--data|{here}/none.npz", "none.npz"),
    ("train|--data|{here}/short.npz", "short.npz"),
    ("train|--data|{here}/cut.npz", "cut.npz"),
    ("train|--data|{here}/empty.npz", "empty.npz"),
    ("train|--data|{here}/text.npz", "text.npz"),
    ("train|--data|{here}/alone.npz", "2 images of each class"),
    ("train|--data|{here}/bars.npz|--model|face_net", "cannot take an input"),
    ("train|--data|{here}/pipes", "found a pipe"),
    ("train|--data|{here}/hollow", "found none"),
    ("train|--data|{here}/texts", "expected an image"),
    ("train|--data|{here}/deep", "found a folder"),
    ("train|--data|{here}/sizes", "expected 4 x 4"),
    ("train|--data|{here}/large", "169 megapixels"),
    ("train|--data|mnist|--data-dir|{here}", "missing"),
    ("train|--data|cifar10|--data-dir|{here}/notes.txt", "missing"),
    ("train|--data|yale|--data-dir|/dev/null", "missing"),
    ("train|--data|mnist|--test-share|0.5", "test images of its own"),
    ("train|--save|{here}/m.pkl", "must end in .safetensors"),
    ("train|--save|{here}/nowhere/m.safetensors", "nowhere"),
    ("train|--save|{here}/notes.txt/m.safetensors", "notes.txt"),
    ("train|--save|{here}/folder.safetensors", "folder.safetensors"),
    ("train|--save|/proc/m.safetensors", "/proc/m.safetensors"),
    ("train|--save|/dev/null", "/dev/null"),
    ("train|--save|", "must end in"),
    ("train|--draw|{here}/m.docx", "must end in .png"),
    ("train|--draw|{here}/folder.png", "folder.png"),
    ("train|--checkpoint|{here}/m.txt", "must end in .safetensors"),
    ("train|--checkpoint|{here}/model.safetensors", "exists"),
    ("train|--resume", "--resume needs --checkpoint"),
    ("train|--resume|--checkpoint|{here}/notes.txt", "must end in"),
    ("train|--data|{here}/bars.npz|--resume|--checkpoint|{here}/model.safetensors", "model.safetensors", 2, True),
    ("train|--data|{here}/bars.npz|--resume|--checkpoint|{here}/zeros.safetensors", "zeros.safetensors", 2, True),
    ("train|--data|{here}/bars.npz|--resume|--checkpoint|{here}/folder.safetensors", "folder.safetensors"),
    ("train|faces", "faces"),
    ("train|--frob", "--frob"),
)

RANK = _cases(
    "nnpg",
    ("rank", "MODEL"),
    ("rank|{here}/nowhere.safetensors", "nowhere.safetensors"),
    ("rank|{here}/notes.txt", "notes.txt"),
    ("rank|{here}", "{here}"),
    ("rank|{here}/cut.safetensors", "cut.safetensors"),
    ("rank|{here}/empty.safetensors", "empty.safetensors"),
    ("rank|{here}/zeros.safetensors", "zeros.safetensors"),
    ("rank|{here}/header.safetensors", "header.safetensors"),
    ("rank|{here}/json.safetensors", "json.safetensors"),
    ("rank|{here}/bars.npz", "bars.npz"),
    ("rank|{here}/pipe", "pipe"),
    ("rank|{here}/loop", "loop"),
    ("rank|/dev/null", "/dev/null"),
    ("rank|/dev/zero", "/dev/zero"),
    ("rank|", "error"),
    ("rank|{here}/stranger.safetensors", "--data"),
    ("rank|{here}/model.safetensors|{here}/model.safetensors", "unexpected extra argument"),
    ("rank|{here}/model.safetensors|--class|lefty", "did you mean 'left'?"),
    ("rank|{here}/model.safetensors|--class|", "''"),
    ("rank|{here}/model.safetensors|--class|\x1b[2J", "\\x1b[2J"),
    ("rank|{here}/model.safetensors|--norm|l7", "l7"),
    ("rank|{here}/model.safetensors|--average|median", "median"),
    ("rank|{here}/model.safetensors|--of|answer", "answer"),
    ("rank|{here}/model.safetensors|--layers|pool9", "pool9"),
    ("rank|{here}/model.safetensors|--layers|", "''"),
    ("rank|{here}/model.safetensors|--layers|pool1,,", "''"),
    ("rank|{here}/model.safetensors|--top|0", "--top"),
    ("rank|{here}/model.safetensors|--top|many", "--top"),
    ("rank|{here}/model.safetensors|--images|some", "some"),
    ("rank|{here}/model.safetensors|--backend|abacus", "abacus"),
    ("rank|{here}/model.safetensors|--data|{here}/big.npz", "takes images of 1 x 12 x 12"),
    ("rank|{here}/model.safetensors|--data|{here}/single.npz", "in 1"),
    ("rank|{here}/model.safetensors|--data|{here}/twins.npz", "the same name"),
    ("rank|{here}/model.safetensors|--data|{here}/label.npz", "label.npz"),
    ("rank|{here}/model.safetensors|--data|{here}/füße 猫.npz|--images|test", "was not trained on"),
    ("rank|{here}/model.safetensors|--draw|{here}/r.txt", "must end in .png"),
    ("rank|{here}/model.safetensors|--draw|{here}/nowhere/r.png", "nowhere"),
    ("rank|{here}/model.safetensors|--draw|{here}/folder.png", "folder.png"),
    ("rank|{here}/model.safetensors|--csv|{here}/r.xls", "must end in .csv"),
    ("rank|{here}/model.safetensors|--csv|{here}/notes.txt/r.csv", "notes.txt"),
    ("rank|{here}/nan.safetensors|--data|{here}/bars.npz", "n"),
)

KNOCKOUT = _cases(
    "nnpg",
    ("knockout", "MODEL"),
    ("knockout|{here}/nowhere.safetensors", "nowhere.safetensors"),
    ("knockout|{here}/zeros.safetensors", "zeros.safetensors"),
    ("knockout|{here}/model.safetensors|--order|random", "random"),
    ("knockout|{here}/model.safetensors|--to|one", "one"),
    ("knockout|{here}/model.safetensors|--steps|0", "--steps"),
    ("knockout|{here}/model.safetensors|--steps|-1", "--steps"),
    ("knockout|{here}/model.safetensors|--seed|-1", "--seed"),
    ("knockout|{here}/model.safetensors|--class|nobody", "the classes are left, middle, right"),
    ("knockout|{here}/model.safetensors|--layers|conv7", "conv7"),
    ("knockout|{here}/model.safetensors|--norm|", "norm"),
    ("knockout|{here}/model.safetensors|--draw|{here}/k.jpg", "must end in .png"),
    ("knockout|{here}/model.safetensors|--data|{here}/big.npz", "takes images of"),
    ("knockout|{here}/model.safetensors|--data|{here}/cut.npz", "cut.npz"),
    ("knockout|{here}/model.safetensors|--data|/dev/null", "/dev/null"),
    ("knockout|{here}/model.safetensors|--images|none", "none"),
)

EXPLAIN = _cases(
    "nnpg",
    ("explore|{here}/nowhere.safetensors", "nowhere.safetensors"),
    ("explore|{here}/stranger.safetensors", "--data"),
    ("explore|{here}/model.safetensors|--images|0", "--images"),
    ("explore|{here}/model.safetensors|--images|46", "--images"),
    ("explore|{here}/model.safetensors|--out|{here}/page.pdf", ".html"),
    ("explore|{here}/model.safetensors|--out|{here}/nowhere/page.html", "nowhere"),
    ("explain|{here}/nowhere.safetensors", "nowhere.safetensors"),
    ("explain|{here}/notes.txt", "notes.txt"),
    ("explain|{here}/stranger.safetensors", "--data"),
    ("explain|{here}/model.safetensors|--unit|pool9:0,0,0", "pool9"),
    ("explain|{here}/model.safetensors|--unit|pool1", "colon"),
    ("explain|{here}/model.safetensors|--unit|", "''"),
    ("explain|{here}/model.safetensors|--unit|pool1:99,0,0", "pool1:0,0,0 .."),
    ("explain|{here}/model.safetensors|--unit|pool1:[2J", "\\x1b[2J"),
    ("explain|{here}/model.safetensors|--weight|conv1.V:0", "conv1.V"),
    ("explain|{here}/model.safetensors|--weight|conv1.b:" + BIG, "conv1.b:0 .."),
    ("explain|{here}/model.safetensors|--weight|conv1.b:0|--unit|pool1:0,0,0", "not both"),
    ("explain|{here}/model.safetensors|--image|" + BIG, "--image must be a number 0 .."),
    ("explain|{here}/model.safetensors|--image|-1", "-1"),
    ("explain|{here}/model.safetensors|--image|{here}/notes.txt", "notes.txt"),
    ("explain|{here}/model.safetensors|--image|{here}/nowhere.png", "nowhere.png"),
    ("explain|{here}/model.safetensors|--image|", "error"),
    ("explain|{here}/model.safetensors|--class|lefty", "did you mean 'left'?"),
    ("explain|{here}/model.safetensors|--of|odds", "odds"),
    ("explain|{here}/model.safetensors|--top|0", "--top"),
    ("explain|{here}/model.safetensors|--draw|{here}/e.svg", "--unit or --weight"),
    ("explain|{here}/model.safetensors|--unit|pool1:0,0,0|--draw|{here}/e.txt", "must end in .svg"),
    ("explain|{here}/model.safetensors|--unit|pool1:0,0,0|--draw|{here}/nowhere/e.svg", "nowhere"),
    ("explain|{here}/model.safetensors|--backend|abacus", "abacus"),
)
EXERCISE = _cases(
    "nnpg",
    ("exercise|start", "NAME"),
    ("exercise|start|danse", "'danse'"),
    ("exercise|start|", "''"),
    ("exercise|start|dense|{here}/notes.txt", "notes.txt"),
    ("exercise|start|dense|/dev/null", "/dev/null"),
    ("exercise|check", "FILE"),
    ("exercise|check|{here}/nowhere.py", "nowhere.py"),
    ("exercise|check|{here}/notes.txt", "notes.txt"),
    ("exercise|check|{here}/empty", "empty"),
    ("exercise|check|{here}/pipe", "pipe"),
    ("exercise|check|/dev/zero", "/dev/zero"),
    ("exercise|hint|{here}/model.safetensors", "model.safetensors"),
    ("exercise|hint|{here}/nowhere.py", "nowhere.py"),
    ("exercise|solve", "solve"),
)

TUTORIALS = _cases(
    "nnpg",
    ("tutorials|--to", "--to"),
    ("tutorials|--to|", "''"),
    ("tutorials|--to|{here}/notes.txt", "notes.txt"),
    ("tutorials|--to|{here}/notes.txt/deeper", "notes.txt"),
    ("tutorials|--to|/dev/null", "/dev/null"),
    ("tutorials|--ipynb", "--ipynb needs --to"),
    ("tutorials|--force", "--force needs --to"),
    ("tutorials|06", "06"),
    ("lecture|--to", "--to"),
    ("lecture|--to|", "''"),
    ("lecture|--to|{here}/notes.txt", "notes.txt"),
    ("lecture|--to|/dev/null", "/dev/null"),
    ("lecture|--epochs|0", "--epochs"),
)

OTHERS = _cases(
    "nnpg",
    ("frob", "'frob'"),
    ("--frob", "--frob"),
    ("gradcheck|unet", "unet"),
    ("gradcheck|{here}/nowhere.safetensors", "nowhere.safetensors"),
    ("gradcheck|{here}/zeros.safetensors", "zeros.safetensors"),
    ("gradcheck|{here}/model.safetensors|--tolerance|small", "--tolerance"),
    ("gradcheck|{here}/model.safetensors|--seed|-1", "--seed"),
    ("gradcheck|{here}/model.safetensors|--backend|abacus", "abacus"),
    ("info|{here}/nowhere.safetensors", "nowhere.safetensors"),
    ("info|{here}/cut.safetensors", "cut.safetensors"),
    ("info|{here}/empty", "empty"),
    ("info|/dev/full", "/dev/full"),
    ("info|a|b", "unexpected extra argument"),
    ("demo|--epochs|0", "--epochs"),
    ("demo|--quick|--epochs|3", "not both"),
    ("demo|--seed|-1", "--seed"),
    ("demo|--seed|" + BIG, "--seed"),
    ("demo|--out|{here}/notes.txt", "notes.txt"),
    ("demo|--out|{here}/notes.txt/out", "notes.txt"),
    ("demo|--out|/dev/null", "/dev/null"),
    ("demo|--out|/proc/demo", "/proc/demo"),
    ("demo|here", "here"),
)

EXPERIMENTS = _cases(
    "experiments",
    ("frob", "'frob'"),
    ("run", "'ids'"),
    ("run|LD-99", "'LD-99'"),
    ("run|all|LD-0", "'all' stands alone"),
    ("run|", "''"),
    ("run|LD-0|LD-99", "'LD-99'"),
    ("run|LD-0|--scale|huge", "'huge'"),
    ("run|LD-0|--seed|-1", "--seed"),
    ("run|LD-0|--seed|x", "--seed"),
    ("run|LD-0|--seed|" + BIG, "--seed"),
    ("run|LD-0|--backend|abacus", "abacus"),
    ("run|LD-0|--workers|0", "--workers"),
    ("run|LD-0|--workers|two", "--workers"),
    ("run|LD-0|--workers|2|--dask|tcp://127.0.0.1:1", "expected only one of the two"),
    ("run|LD-0|--dask|nowhere", "'nowhere'"),
    ("run|LD-0|--set|epochs", "--set epochs"),
    ("run|LD-0|--set|epochs=", "''"),
    ("run|LD-0|--set|epochs=-1", "'-1'"),
    ("run|LD-0|--set|epochs=0", "'0'"),
    ("run|LD-0|--set|epochs=2.5", "'2.5'"),
    ("run|LD-0|--set|epochs=nan", "'nan'"),
    ("run|LD-0|--set|epochs=many", "'many'"),
    ("run|LD-0|--set|epochs=" + BIG, BIG),
    ("run|LD-0|--set|colour=red", "colour=red"),
    ("run|LD-0|--set|=", "--set ="),
    ("run|LD-0|--set|seed=-1", "'-1'"),
    ("run|LD-0|--scale|smoke|--set|dataset=dogs|--out|{out}", "dogs"),
    ("run|HI-9|--set|alphas=1,x", "'x'"),
    ("run|HI-9|--set|alphas=nan", "'nan'"),
    ("run|HI-9|--set|alphas=", "''"),
    ("run|LD-0|--scale|smoke|--out|{here}/notes.txt", "notes.txt"),
    ("run|LD-0|--scale|smoke|--out|{here}/notes.txt/out", "notes.txt"),
    ("run|LD-0|--scale|smoke|--out|/dev/full", "/dev/full"),
    ("run|LD-0|--scale|smoke|--out|/proc/out", "/proc/out"),
    ("run|LD-3|--data-dir|{here}|--out|{out}", "missing"),
    ("report|{here}/nowhere", "nowhere"),
    ("report|{here}/notes.txt", "notes.txt"),
    ("report|{here}/empty", "empty"),
    *(
        (f"report|{{here}}/result {name}", "result.json")
        for name in (
            "text", "cut", "list", "number", "bare", "kinds", "row", "verdict", "yes", "deep", "figure", "minutes",
            "data", "computed", "commit", "bytes", "pipe",
        )
    ),
    ("report|{here}/result outside", "'../../bars.png' lies outside"),
    ("report|{here}/result absolute", "lies outside"),
    ("report|{here}/result linked", "'a.png' lies outside"),
    ("report|{here}/result missing", "'none.png' is missing"),
    ("report|{here}/result gif", "b.png"),
    ("report|{here}/result kind", "result.json"),
    ("report|{here}|{here}", "unexpected extra argument"),
    ("tables|--write", "--write"),
    ("gallery|{here}/notes.txt", "notes.txt"),
    ("gallery|{here}/notes.txt/a.html", "notes.txt"),
    ("record", "'out'"),
    ("record|{here}/nowhere", "nowhere"),
    ("record|{here}/notes.txt", "notes.txt"),
    ("record|{here}/result good|LD-99", "LD-99"),
)  # fmt: skip

BENCHMARKS = _cases(
    "benchmarks",
    ("frob", "'frob'"),
    ("cpu|--only|W77", "'w77'"),
    ("cpu|--only|", "''"),
    ("cpu|--rounds|0", "--rounds"),
    ("cpu|--rounds|x", "--rounds"),
    ("cpu|--backend|abacus", "abacus"),
    ("cpu|--json|{here}/nowhere/a.json", "nowhere"),
    ("cpu|--json|{here}/empty", "empty"),
    ("cpu|--json|{here}/notes.txt/a.json", "notes.txt"),
    ("cpu|--json|/proc/a.json", "/proc/a.json"),
    ("attack|--images|0", "--images"),
    ("attack|--rounds|-1", "--rounds"),
    ("attack|--data-dir|{here}", "missing"),
    ("masks|--rounds|0", "--rounds"),
    ("masks|--backend|abacus", "abacus"),
    ("floors", "--bandwidth"),
    ("floors|--bandwidth|0|--rate|1", "--bandwidth"),
    ("floors|--bandwidth|1|--rate|nan", "--rate"),
    ("floors|--bandwidth|1|--rate|1|--only|W77", "'w77'"),
    ("gpu|--only|W77", "'w77'"),
    ("gpu|--minutes|0", "--minutes"),
    ("gpu|--rivals|abacus", "'abacus'"),
    ("gpu|--floor|--layers", "--layers"),
    ("gpu|--floor|--json|{here}/nowhere/a.json", "nowhere"),
    ("gpu|--floor|--json|{here}/notes.txt", "notes.txt"),
    ("gpu|--net|{here}/nowhere.safetensors", "nowhere"),
    ("record|{here}/nowhere.json", "nowhere"),
    ("record|{here}/notes.txt", "notes.txt"),
)

DOWNLOADS = _cases(
    "download",
    ("", "''"),
    ("imagenet", "'imagenet'"),
    ("yale", "terms"),
    ("mnist|cifar10", "cifar10"),
    ("mnist|--frob", "--frob"),
    ("mnist|--data-dir", "--data-dir"),
    ("mnist|--data-dir|{here}/notes.txt", "notes.txt"),
    ("mnist|--data-dir|/dev/null", "/dev/null"),
    ("cifar10|--data-dir|/proc/data", "/proc/data"),
)

CASES = [*TRAIN, *RANK, *KNOCKOUT, *EXPLAIN, *EXERCISE, *TUTORIALS, *OTHERS, *EXPERIMENTS, *BENCHMARKS, *DOWNLOADS]


def _command(program: str) -> Callable[[list[str]], Any]:
    if program == "download":
        return import_module("nnpg.data.download").command  # type: ignore[no-any-return]
    app = import_module("nnpg.cli" if program == "nnpg" else f"{program}.commands").app
    return lambda words: app(words, prog_name=program)


class Answer(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


def answer(program: str, words: list[str]) -> Answer:
    """Run a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(_command(program), words)
    return Answer(code, out.getvalue(), err.getvalue())


def listing(here: Path) -> dict[str, float]:
    """Every file and folder with the time of its last change."""
    return {str(path): path.lstat().st_mtime for path in here.rglob("*") if path.is_symlink() or path.is_file()}


def faults(case: Case, here: Path) -> list[str]:
    """Run a case; say what is wrong with the answer."""
    with tempfile.TemporaryDirectory() as out:
        words = [word.format(here=here, out=out) for word in case.words.split("|")]
        before, began = listing(here), time.perf_counter()
        code, said, err = answer(case.program, words)
        seconds = time.perf_counter() - began
    wrong = []
    if code != case.code:
        wrong.append(f"exit code {code}, not {case.code}")
    if not err.startswith("error: ") or err.count("\n") != 1 or not err.endswith("\n"):
        wrong.append("stderr is not one line that starts with 'error: '")
    if case.says.format(here=here) not in err:
        wrong.append(f"the line does not name {case.says!r}")
    if "Traceback" in err + said or "should not happen" in err:
        wrong.append("it shows a traceback, or an error that it did not expect")
    if said and not case.talks:
        wrong.append(f"stdout holds {said[:80]!r}")
    if not err.strip().isprintable():
        wrong.append("the line holds control characters")
    if listing(here) != before:
        wrong.append("files were written or changed")
    if seconds > SECONDS:
        wrong.append(f"it took {seconds:.1f} s")
    return [f"{case.program} {case.words}: {fault}; {err[:300]!r}" for fault in wrong]


SECONDS = 20.0  # that a refusal may take, on a machine that does other work besides

SURROUNDINGS: dict[str, dict[str, str]] = {  # commands that are right must work in all of them
    "a narrow terminal": {"COLUMNS": "20"},
    "no colours": {"NO_COLOR": "1"},
    "a dumb terminal": {"TERM": "dumb"},
    "ASCII only": {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"},
    "no home": {"HOME": "/nowhere"},
    "forced colours": {"FORCE_COLOR": "1"},
    "one column": {"COLUMNS": "1"},
    "columns that are no number": {"COLUMNS": "many"},
}
RIGHT = (
    "-m|nnpg|--help",
    "-m|nnpg|rank|{here}/model.safetensors|--data|{here}/füße 猫.npz",
    "-m|nnpg|info|{here}/stranger.safetensors",
    "-m|experiments|report|{here}/result good",
)


def surroundings(here: Path) -> list[str]:
    """Run commands that are right in unusual surroundings, with and without stdout; say what went wrong."""
    wrong = []
    runs = [(name, words, env, "") for name, env in SURROUNDINGS.items() for words in RIGHT]
    runs += [
        (f"stdout {redirect}", words, {}, redirect) for redirect in (">&-", "</dev/null", "<&-") for words in RIGHT
    ]
    for name, words, env, redirect in runs:
        code, err = _process(words, here, env, redirect)
        if code != 0 or "Traceback" in err or err:
            wrong.append(f"{name}: {words}: exit code {code}; {err[-300:]!r}")
    for words in RIGHT:
        code, err = _process(words, here, {}, ">/dev/full")
        if code != 1 or err != "error: No space left on device\n":
            wrong.append(f"full disk: {words}: exit code {code}; {err[-300:]!r}")
        code, err = _process(words, here, {}, "2>&- >/dev/full")
        if code != 1:
            wrong.append(f"full disk and no stderr: {words}: exit code {code}")
    return wrong


def _process(words: str, here: Path, env: dict[str, str], redirect: str) -> tuple[int, str]:
    arguments = [word.format(here=here) for word in words.split("|")]
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {redirect}', "sh", sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'kernels'}"} | env,
        capture_output=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stderr.decode(errors="replace")


def main() -> int:
    """Run everything; print the counts and what is wrong; return the number of failures."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        prepare(here)
        wrong = [fault for case in CASES for fault in faults(case, here)]
        more = surroundings(here)
    for fault in (*wrong, *more):
        print(fault)
    right = (len(SURROUNDINGS) + 5) * len(RIGHT)
    print(f"command lines that are wrong: {len(CASES)}, faults {len(wrong)}")
    print(f"command lines that are right, in surroundings that are unusual: {right}, faults {len(more)}")
    return len(wrong) + len(more)


if __name__ == "__main__":
    sys.exit(int(main() > 0))
