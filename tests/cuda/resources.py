"""What each CUDA kernel needs of a device, read from its machine code without one.

    python -m resources              compares with docs/cuda-resources.md
    python -m resources --write      writes it anew
    python -m resources --show "conv_forward_tiled<float>" sm_90       prints a kernel's machine code

NVRTC compiles every instance for every architecture; ptxas and nvdisasm say the rest. Needs the extra cuda-check (make
cuda), no driver and no toolkit. The table is docs/cuda-resources.md: a change of it is seen in a review.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tempfile
from collections import Counter
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from resident.instances import instances, labels

from nnpg_kernels.cuda.sources import kernels, source

TABLE = Path(__file__).parents[2] / "docs" / "cuda-resources.md"
SHARED_BYTES_AT_MOST = {"sm_80": 163 << 10, "sm_90": 227 << 10}
CLUSTERS = {"sm_80": False, "sm_90": True}
LEAST_SHARE_OF_TILES = 0.70  # multiply-adds in the inner loop of the kernels of wide layers
HEAD = """# What the CUDA kernels need

Written by `make cuda-table`, compared by `make cuda`: every instance of every kernel, and the resident programs of the
papers' networks, compiled by NVRTC {version} for sm_80 and sm_90. A program without a row needs more shared memory than
that architecture has. No device is needed. Stack and spills are bytes a thread, shared memory bytes a block. The
hottest loop is the innermost one with the most multiply-adds, or with the most loads; its share is multiply-adds of all
its instructions. Local loads and stores are those of the whole kernel: they go to memory, because registers did not
suffice or were indexed at run time.

| kernel | | registers | stack | spills | shared | multiply-adds in the hottest loop | loads there | local |
|---|---|---|---|---|---|---|---|---|
"""


Code = list[tuple[str, str]]  # instructions, each with the label in front of it or ""


class Resources(NamedTuple):
    """A row of the table."""

    kernel: str
    architecture: str
    registers: int
    stack: int
    spills: int
    shared: int
    multiply_adds: int
    instructions: int
    loads: str
    local: int

    def line(self) -> str:
        share = f"{self.multiply_adds / self.instructions:.0%} of {self.instructions}"
        name = (
            f"`{self.kernel}` | {self.architecture} | {self.registers} | {self.stack} | {self.spills} | {self.shared}"
        )
        return f"| {name} | {share} | {self.loads} | {self.local} |"

    def faults(self) -> list[str]:
        """Return what is wrong with it."""
        name = f"{self.kernel} for {self.architecture}"
        at_most = SHARED_BYTES_AT_MOST[self.architecture]
        found = [
            f"{name}: {what} is {n} bytes, not 0" for what, n in (("stack", self.stack), ("spills", self.spills)) if n
        ]
        found += [f"{name}: {self.local} local loads and stores, not 0"] * (self.local > 0)
        found += [f"{name}: {self.shared} bytes of shared memory, more than {at_most}"] * (self.shared > at_most)
        few = "_tiled" in self.kernel and self.multiply_adds < LEAST_SHARE_OF_TILES * self.instructions
        return found + [f"{name}: less than {LEAST_SHARE_OF_TILES:.0%} multiply-adds in the inner loop"] * few


def rows_of(text: str) -> list[Resources]:
    """Read a table."""
    rows = []
    for line in re.findall(r"^\| (`.*) \|$", text, re.MULTILINE):
        name, architecture, registers, stack, spills, shared, share, loads, local = line.split(" | ")
        percent, instructions = re.fullmatch(r"(\d+)% of (\d+)", share).groups()  # type: ignore[union-attr]
        numbers = map(int, (registers, stack, spills, shared))
        multiply_adds = round(int(percent) * int(instructions) / 100)
        rows.append(
            Resources(name.strip("`"), architecture, *numbers, multiply_adds, int(instructions), loads, int(local))
        )
    return rows


def hottest_loop(code: Code) -> list[str]:
    """Return the instructions of the innermost loop that computes most.

    Parameters
    ----------
    code : list of (label, instruction)
        The label in front of an instruction, or "".
    """
    where = {label: place for place, (label, _) in enumerate(code) if label}
    loops = []
    for end, (_, instruction) in enumerate(code):
        target = re.search(r"BRA.*`\((\.L_x_\d+)\)", instruction)
        if target and where.get(target[1], end) < end:
            loops.append((where[target[1]], end))
    inner = [(a, b) for a, b in loops if not any(a <= c and d <= b and (a, b) != (c, d) for c, d in loops)]
    bodies = [[name_of(instruction) for _, instruction in code[a : b + 1]] for a, b in inner]
    return max(bodies, key=lambda body: (multiply_adds(body), sum(name.startswith("LD") for name in body)))


def name_of(instruction: str) -> str:
    """Return the name of an instruction, without its predicate and its operands."""
    return re.sub(r"^@!?\w+\s+", "", instruction).split()[0].rstrip(";")


def multiply_adds(names: list[str]) -> int:
    return sum(name.startswith(("FFMA", "DFMA")) for name in names)


def disassembled(cubin: bytes) -> dict[str, Code]:
    """Return the code of each kernel by its mangled name: instructions, with the labels in front of them."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        text = subprocess.run([disassembler(), file.name], capture_output=True, text=True, check=True).stdout
    codes = {}
    for name, body in re.findall(r"^\.text\.(\S+):\n(.*?)(?=^//-----|\Z)", text, re.MULTILINE | re.DOTALL):
        code, label = [], ""
        for line in body.splitlines():
            if at := re.match(r"\s*(\.L_x_\d+):", line):
                label = at[1]
            elif instruction := re.search(r"/\*[0-9a-f]{4,}\*/\s+([^;]*;)", line):
                code.append((label, instruction[1].strip()))
                label = ""
        codes[name] = code
    return codes


def disassembler() -> Path:
    """Return nvdisasm of the extra cuda-check."""
    import nvidia

    return next(path for folder in nvidia.__path__ for path in Path(folder).glob("*/bin/nvdisasm"))


def compiled(
    architecture: str, names: tuple[str, ...], text: str | None = None
) -> tuple[dict[str, str], dict[str, Code], dict[str, str]]:
    """Compile kernels of the sources, or of a text.

    Returns their mangled names, and by these their code and what ptxas says of them.
    """
    from cuda.core import Program, ProgramOptions

    log = io.StringIO()
    options = ProgramOptions(std="c++17", arch=architecture, ftz=True, ptxas_options=["-v"])  # ftz: as CuPy compiles
    made = Program(text or source(), "c++", options=options).compile("cubin", name_expressions=names, logs=log)
    said = {part.split("'")[0]: part for part in log.getvalue().split("Compiling entry function '")[1:]}
    return {name: symbol.decode() for name, symbol in made.symbol_mapping.items()}, disassembled(made.code), said


def resources(architecture: str) -> list[Resources]:
    """Read what every kernel needs of an architecture, and every resident program of the papers' networks."""
    symbols, codes, said = compiled(architecture, kernels())
    rows = [row_of(name, architecture, codes[symbol], said[symbol]) for name, symbol in symbols.items()]
    for instance in instances(SHARED_BYTES_AT_MOST[architecture], CLUSTERS[architecture]):
        symbols, codes, said = compiled(architecture, (instance.kernel,), instance.text)
        symbol = symbols[instance.kernel]
        rows.append(row_of(instance.label, architecture, codes[symbol], said[symbol], instance.shared))
    return rows


def row_of(name: str, architecture: str, code: Code, said: str, dynamic: int = 0) -> Resources:
    """Return the row of a kernel from its code and from what ptxas says of it."""
    stack, stores, loads = map(int, re.findall(r"(\d+) bytes (?:stack|spill)", said))
    shared = re.search(r"(\d+) bytes smem", said)
    loop = hottest_loop(code)
    kinds = Counter(name_.split(".")[0] + (".128" if "128" in name_ else "") for name_ in loop)
    read = ", ".join(f"{kinds[kind]} {kind}" for kind in ("LDS.128", "LDS", "LDG.128", "LDG") if kinds[kind])
    local = sum(name_of(instruction).startswith(("LDL", "STL")) for _, instruction in code)
    registers = int(re.search(r"Used (\d+) registers", said)[1])  # type: ignore[index]
    size = dynamic + (int(shared[1]) if shared else 0)
    of_loop = (multiply_adds(loop), len(loop), read)
    return Resources(name, architecture, registers, stack, stores + loads, size, *of_loop, local)


def faults_of_clusters() -> list[str]:
    """Compile a kernel that uses clusters by itself: before sm_90 they are one block."""
    text = (files("nnpg_kernels.cuda") / "device.cuh").read_text() + Path(__file__).with_name("clusters.cu").read_text()
    faults = []
    for architecture, barriers in (("sm_80", 0), ("sm_90", 3)):
        names = ("sum_of_a_cluster<float,4>",) if barriers else ("sum_of_a_cluster<float,1>",)
        symbols, codes, _ = compiled(architecture, names, text)
        arrivals = sum(name_of(code).startswith("UCGABAR_ARV") for _, code in codes[symbols[names[0]]])
        if arrivals != barriers:
            faults.append(f"{names[0]} for {architecture}: {arrivals} barriers of a cluster, not {barriers}")
    return faults


def main() -> int:
    if "--show" in sys.argv:
        name, architecture = sys.argv[2:]
        symbols, codes, _ = compiled(architecture, (name,))
        for label, instruction in codes[symbols[name]]:
            print(f"{label:>8} {instruction}")
        return 0
    rows = [row for architecture in SHARED_BYTES_AT_MOST for row in resources(architecture)]
    names = [*kernels(), *labels()]
    rows.sort(key=lambda row: (names.index(row.kernel), row.architecture))
    table = HEAD.format(version=version("nvidia-cuda-nvrtc")) + "".join(f"{row.line()}\n" for row in rows)
    faults = [fault for row in rows for fault in row.faults()] + faults_of_clusters()
    sys.stderr.writelines(f"{fault}\n" for fault in faults)
    if "--write" in sys.argv:
        TABLE.write_text(table)
    elif not TABLE.exists() or TABLE.read_text() != table:
        print(table)
        faults.append(f"{TABLE.name} is not what the sources give: make cuda-table, and read what has changed")
        print(faults[-1], file=sys.stderr)
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
