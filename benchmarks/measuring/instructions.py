"""Which vector instructions both sides may use, and the name of the processor.

A comparison on AVX2 needs no processor without AVX-512: every library here can be told to leave AVX-512 out, by
variables that it reads when it is loaded.
"""

from __future__ import annotations

import platform
from pathlib import Path

from llvmlite import binding
from numba import config

CHOICES = {  # set of instructions: feature of the processor, and the variables by which libraries use no others
    "avx2": (
        "avx2",
        {
            "NUMBA_CPU_NAME": "haswell",  # of the name alone, Numba takes no features away
            "NUMBA_CPU_FEATURES": "+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe,+popcnt,+sse4.1,+sse4.2",
            "ONEDNN_MAX_CPU_ISA": "AVX2",
            "ATEN_CPU_CAPABILITY": "avx2",
            "MKL_ENABLE_INSTRUCTIONS": "AVX2",
            "OPENBLAS_CORETYPE": "Haswell",
            "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
        },
    ),
}


def variables(isa: str) -> dict[str, str]:
    """Return the environment variables by which both sides use these instructions and no wider ones.

    Raises
    ------
    ValueError
        For instructions that have no name here, or that the processor does not have.

    Examples
    --------
    >>> variables("mmx")
    Traceback (most recent call last):
    ValueError: no instructions 'mmx': choose of avx2
    """
    if isa not in CHOICES:
        raise ValueError(f"no instructions {isa!r}: choose of {', '.join(CHOICES)}")
    feature, names = CHOICES[isa]
    if f"+{feature}" not in features_of_processor():
        raise ValueError(f"this processor ({processor()}) does not have the instructions {isa}")
    return dict(names)


def in_use() -> str:
    """Return the widest vector instructions for which kernels are compiled in this process.

    Examples
    --------
    >>> in_use() in ("avx512", "avx2", "neon", "others")
    True
    """
    chosen = config.CPU_FEATURES
    features = features_of_processor() if chosen is None else chosen.split(",")
    names = {"+avx512f": "avx512", "+avx2": "avx2", "+neon": "neon"}
    return next((name for feature, name in names.items() if feature in features), "others")


def features_of_processor() -> list[str]:
    """Return what the processor has, "+avx2", and has not, "-avx512f", by LLVM's names.

    Examples
    --------
    >>> all(feature[0] in "+-" for feature in features_of_processor())
    True
    """
    features: str = binding.get_host_cpu_features().flatten()
    return features.split(",")


def processor() -> str:
    """Return the name of the processor.

    Examples
    --------
    >>> processor() != ""
    True
    """
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
