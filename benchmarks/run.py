"""One workload from agreement to records: check both sides, time them in turn, measure their memory, judge."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import nnpg
from benchmarks import sides
from benchmarks.contender import Contender, cores
from benchmarks.measuring import instructions, probe, roof
from benchmarks.measuring.agreement import Disagreement, check
from benchmarks.measuring.processes import peak_mb, times_alone
from benchmarks.measuring.timing import ROUND, Times, interleaved
from benchmarks.workloads import Workload
from nnpg.support.progress import progress_bar


@dataclass(frozen=True)
class Options:
    """How a run is made.

    Parameters
    ----------
    quick : bool
        A few images, one call per round, no processes of their own: shows that everything runs, and judges nothing.
    """

    backend: str = "auto"
    rounds: int = 10
    separate: bool = False
    all_jax: bool = False
    quick: bool = False
    progress: bool | None = None


@dataclass(frozen=True)
class Record:
    """Our side against the best configuration of one framework, or why there is nothing to compare.

    Times are milliseconds per call, ratios theirs over ours, memory MB.
    """

    workload: str
    competitor: str
    ours_ms: float | None = None
    theirs_ms: float | None = None
    ratio: float | None = None
    ours_min_ms: float | None = None
    theirs_min_ms: float | None = None
    ratio_min: float | None = None
    ours_peak_mb: float | None = None
    theirs_peak_mb: float | None = None
    must: float | None = None
    goal: float | None = None
    verdict: str = ""  # "goal", "must" or "missed"
    rounds: int = 0
    agreement: str = ""
    problem: str = ""
    disagrees: bool = False
    separate: dict[str, float] | None = None
    roof_ms: float | None = None  # our work at the speed of multiply-adds that never leave the registers
    configuration: dict[str, Any] | None = None


MANY = 100_000  # units: with more, some are always at a kink for the rounding of one of two sides


def run(workload: Workload, options: Options) -> list[Record]:
    """Measure one workload against each of its competitors."""
    frameworks = workload.competitors
    if options.all_jax and workload.kind in ("train", "jacobian", "sweep") and not workload.net.steps_or_overlaps:
        frameworks = tuple(dict.fromkeys((*frameworks, "jax")))
    if options.quick:
        workload = workload.at_most(3, identities=1)
    ours = sides.contender(workload, "nnpg", options.backend)
    answer = ours.answer()
    records: list[Record] = []
    agreed: list[Contender] = []
    missing: list[str] = []
    agreements: dict[str, str] = {}
    for framework in frameworks:
        if sides.absent(framework):
            missing.append(framework)
            continue
        for theirs in sides.competitors(workload, framework, options.backend):
            try:
                agreements[theirs.name] = (
                    check(answer, theirs.answer(), norms=workload.net.units > MANY) if answer else ""
                )
                if "compile" in theirs.name:
                    theirs.call()  # it is compiled now, or cannot be
                agreed.append(theirs)
            except Disagreement as error:
                problem = f"disagrees: {error}"
                records.append(Record(workload.name, theirs.name, problem=problem, disagrees=True))
            except Exception as error:  # of a framework, such as of its compiler; the others are still measured
                if framework == "nnpg":
                    raise
                records.append(Record(workload.name, theirs.name, problem=f"failed: {type(error).__name__}: {error}"))
    del answer  # a Jacobian can take more memory than everything else
    with progress_bar(workload.name, options.rounds, show=options.progress) as advance:
        before = probe.measure()
        times = interleaved([ours, *agreed], options.rounds, at_least=0.0 if options.quick else ROUND, done=advance)
        machine = {"before": before, "after": probe.measure()}
    alone = None if options.quick else _alone(workload, times, options)
    mine = times["nnpg"]
    for framework in missing:
        record = Record(workload.name, framework, mine.median, ours_min_ms=mine.minimum, rounds=options.rounds)
        records.append(replace(record, problem=f"absent: {sides.INSTALL}"))
    measured = []
    for framework in frameworks:
        of_framework = {name: t for name, t in times.items() if name != "nnpg" and name.split()[0] == framework}
        if of_framework:
            measured.append(_record(workload, framework, mine, of_framework, agreements, alone, options, machine))
    return measured + records


@dataclass(frozen=True)
class _Alone:
    """What separate processes measured, by contender."""

    peaks: dict[str, float]
    times: dict[str, Times]


def _alone(workload: Workload, times: dict[str, Times], options: Options) -> _Alone:
    """Measure ours and the best of each framework, each in processes of its own."""
    best: dict[str, str] = {}
    for name in sorted(times, key=lambda name: times[name].median):
        best.setdefault("" if name == "nnpg" else name.split()[0], name)
    names = list(best.values())
    peaks = {name: peak_mb(workload, name, options.backend) for name in names}
    return _Alone(peaks, times_alone(workload, names, options.backend, options.rounds) if options.separate else {})


def _record(
    workload: Workload,
    framework: str,
    ours: Times,
    others: dict[str, Times],
    agreements: dict[str, str],
    alone: _Alone | None,
    options: Options,
    machine: dict[str, probe.Probe],
) -> Record:
    name = min(others, key=lambda name: others[name].median)
    theirs = others[name]
    must, goal = workload.bars.get(framework, (None, None))
    ratio = theirs.median / ours.median
    work, gflops = roof.operations(workload), max(p.fma_all_cores for p in machine.values())
    separate = None
    if alone and alone.times:
        a, b = alone.times["nnpg"].median, alone.times[name].median
        separate = {"ours_ms": a, "theirs_ms": b, "ratio": b / a}
    return Record(
        workload=workload.name,
        competitor=name,
        ours_ms=ours.median,
        theirs_ms=theirs.median,
        ratio=ratio,
        ours_min_ms=ours.minimum,
        theirs_min_ms=theirs.minimum,
        ratio_min=theirs.minimum / ours.minimum,
        ours_peak_mb=alone.peaks["nnpg"] if alone else None,
        theirs_peak_mb=alone.peaks[name] if alone else None,
        must=must,
        goal=goal,
        verdict="" if options.quick else _verdict(ratio, must, goal),
        rounds=options.rounds,
        agreement=agreements[name],
        separate=separate,
        roof_ms=None if work is None else work / gflops / 1e6,
        configuration={
            "backend": nnpg.load_backend(options.backend).name,
            "images": workload.N,
            "data": workload.data,
            "quick": options.quick,
            "calls_in_a_round": {"ours": ours.calls, "theirs": theirs.calls},
            "all_of_theirs": {n: {"ms": t.median, "min_ms": t.minimum} for n, t in others.items()},
            "probe_gflops": {when: p._asdict() for when, p in machine.items()},
            "cores": cores(),
            "machine": f"{platform.system()} {platform.machine()}",
            "processor": instructions.processor(),
            "isa": instructions.in_use(),
            "versions": _versions(("numpy", "numba", *((framework,) if framework in sides.COMPETITORS else ()))),
        },
    )


def _verdict(ratio: float, must: float | None, goal: float | None) -> str:
    if must is None or goal is None:
        return ""
    return "goal" if ratio >= goal else "must" if ratio >= must else "missed"


def _versions(packages: Sequence[str]) -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in packages:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
