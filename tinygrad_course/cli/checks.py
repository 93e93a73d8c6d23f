"""The checks of `tgc doctor`: each yields findings, and a problem says what helps.

A check only looks; what it leaves behind is nothing. Read next: `doctor.py`, which prints them.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from .. import __version__, cuda, data
from .. import kernels as registry
from ..errors import DataError
from . import machine
from .compiled_checks import compiled
from .data import remedy_for
from .findings import BROKEN, NOTE, OK, Check, Finding, writable
from .terminal import size

OLDEST, NEWEST = (3, 10), (3, 14)
LITTLE_MEMORY = 500_000_000
AVX512_KERNELS = ("skylakex", "cooperlake", "sapphirerapids")
AVX2_KERNELS = ("haswell", "zen")


def python() -> Iterator[Finding]:
    """The interpreter and the packages that are needed."""
    section = "Python and packages"
    version = sys.version_info[:2]
    system = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if OLDEST <= version <= NEWEST:
        yield Finding(section, "Python", system)
    else:
        span = f"{OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}"
        remedy = f"the package is tested on {span}: make the environment with one of these"
        yield Finding(section, "Python", system, NOTE, remedy)
    folder = Path(__file__).parent.parent
    yield Finding(section, "tinygrad_course", f"{__version__} in {folder}")
    for package, least in machine.REQUIRED.items():
        found = machine.installed(package)
        install = f"`{Path(sys.executable).name} -m pip install '{package}>={least}'`"
        if found is None:
            yield Finding(section, package, "not installed", BROKEN, install)
        elif machine.older(found, least):
            yield Finding(section, package, f"{found}, {least} is needed", BROKEN, install)
        else:
            fault = machine.import_fault(package)
            again = f"install it again: {install[:-1]} --force-reinstall`"
            yield Finding(
                section, package, fault or found, BROKEN if fault else OK, again if fault else ""
            )


def processor() -> Iterator[Finding]:
    """Cores, vector instructions, memory, and whether BLAS makes use of them."""
    section = "Processor"
    features = machine.features()
    shown = [word for name, word in machine.SHOWN_FEATURES.items() if name in features]
    yield Finding(section, "model", machine.processor())
    yield Finding(section, "instructions", ", ".join(shown) or "unknown to NumPy")
    everything, usable = machine.cores()
    yield Finding(section, "cores", f"{usable:g} of {everything} usable by this process")
    free = machine.memory()
    if free is not None:
        little = free < LITTLE_MEMORY
        remedy = "close other programs, or train with a smaller --batch-size" if little else ""
        yield Finding(section, "memory", f"{size(free)} free", NOTE if little else OK, remedy)
    yield from _blas(section, features, usable)


def _blas(section: str, features: set[str], usable: float) -> Iterator[Finding]:
    library = machine.blas()
    if library is None:
        remedy = "matrix products may be slow: install NumPy from its own wheel with pip"
        yield Finding(section, "BLAS", "unknown", NOTE, remedy)
        return
    name = f"{library.name} {library.version}".strip()
    remedy = kernel_remedy(library, features)
    chose = f"{name}, with its kernels for {library.kernels}" if library.kernels else name
    yield Finding(section, "BLAS", chose, NOTE if remedy else OK, remedy)
    if library.threads is not None:
        many = library.threads > max(usable, 1)
        remedy = (
            f"more threads than cores slow each other down: `export OMP_NUM_THREADS={usable:.0f}`, "
            "or `tgc train --threads N`"
        )
        value = f"{library.threads} for matrix products"
        yield Finding(section, "threads", value, NOTE if many else OK, remedy if many else "")
    speed = f"{machine.matmul_speed():,.0f} GFLOP/s a thread, in a 512 x 512 float32 matrix product"
    yield Finding(section, "speed", speed)


def kernel_remedy(library: machine.Blas, features: set[str]) -> str:
    """What to do where OpenBLAS does not use the vector instructions that the processor has.

    Example:
        >>> old = machine.Blas("openblas", "0.3.31", "Nehalem", 2)
        >>> kernel_remedy(old, {"AVX2"}).partition(":")[0]
        'the processor has AVX2, and these kernels leave it unused'
        >>> kernel_remedy(old, set())
        ''
    """
    if library.name != "openblas" or not library.kernels:
        return ""
    chosen = library.kernels.lower()
    if "AVX512F" in features and chosen not in AVX512_KERNELS:
        wide, better = "AVX-512", "SkylakeX"
    elif "AVX2" in features and chosen not in AVX512_KERNELS + AVX2_KERNELS:
        wide, better = "AVX2", "Haswell"
    else:
        return ""
    forced = os.environ.get("OPENBLAS_CORETYPE")
    does = (
        f"`unset OPENBLAS_CORETYPE` (it is set to {forced}) and OpenBLAS chooses by itself"
        if forced
        else f"try `export OPENBLAS_CORETYPE={better}`, or a newer NumPy"
    )
    return f"the processor has {wide}, and these kernels leave it unused: {does}"


def gpu() -> Iterator[Finding]:
    """Whether a GPU is there, and whether this version would use it."""
    section = "GPU"
    driver, cupy = machine.nvidia_driver(), machine.cupy()
    if driver is None:
        yield Finding(section, "NVIDIA driver", "none: no GPU, or its driver is not installed")
    else:
        yield Finding(section, "NVIDIA driver", driver or "installed")
    yield Finding(section, "CuPy", cupy or "not installed")
    reason = cuda.why_not()
    if reason is not None:
        what, _, remedy = reason.partition("; ")
        if driver is None:  # a machine without a GPU lacks nothing
            yield Finding(section, "training", f"on the CPU: {what}")
        else:
            yield Finding(section, "training", f"on the CPU: {what}", NOTE, remedy)
        return
    for number in range(cuda.device_count()):
        name = f"cuda:{number}"
        capability = ".".join(map(str, cuda.compute_capability(name)))
        memory = cuda.memory_total(name) / 2**30
        facts = f"{cuda.device_name(name)}, compute capability {capability}, {memory:.1f} GiB"
        yield Finding(section, name, facts)
    yield Finding(section, "training", "--device cuda is possible")


def folders() -> Iterator[Finding]:
    """Whether what is downloaded and what is trained can be stored."""
    section = "Folders"
    here = "change to a folder of yours, or say where with --out"
    yield writable(section, "here (runs/)", Path.cwd(), here)
    elsewhere = "set XDG_CACHE_HOME to a folder that can be written"
    try:
        yield writable(section, "cache", data.cache_folder(), elsewhere)
    except DataError as error:
        yield Finding(section, "cache", str(error), BROKEN, elsewhere)
    value = os.environ.get("TGC_DATA", "")
    try:
        folder = data.data_folder()
    except DataError:
        remedy = "correct it, or `unset TGC_DATA`"
        yield Finding(section, "TGC_DATA", f"{value} is not a folder", BROKEN, remedy)
    else:
        shown = "not set (data are looked for in the cache)" if folder is None else str(folder)
        yield Finding(section, "TGC_DATA", shown)


def data_sets() -> Iterator[Finding]:
    """Whether the data sets are here, checksums compared."""
    section = "Data sets"
    for name in data.names():
        try:
            files = data.status(name)
        except DataError as error:
            yield Finding(section, name, str(error), BROKEN, "see TGC_DATA above")
            return
        damaged = next((file for file in files if file.state == "corrupt"), None)
        absent = [file for file in files if file.state == "absent"]
        if damaged is not None:
            value = f"{damaged.path}: {damaged.detail}"
            yield Finding(section, name, value, BROKEN, remedy_for(damaged))
        elif absent:
            need = size(sum(file.expected_size for file in absent))
            yield Finding(section, name, f"not here; `tgc data fetch {name}` gets it ({need})")
        else:
            place = files[0].place
            where = {"package": "part of the package", "": "computed"}.get(place, f"in {place}")
            yield Finding(section, name, f"ready, {where}")


def kernels() -> Iterator[Finding]:
    """Which implementation each op would get here, on float32 arrays of NumPy."""
    import numpy as np

    by_choice: dict[str, list[str]] = {}
    for name in registry.names():
        rng = np.random.default_rng(0)
        samples = registry.op(name).samples(rng, np.float32)
        chosen = {registry.choice(name, arrays, params) for arrays, params in samples}
        by_choice.setdefault(" or ".join(sorted(chosen)), []).append(name)
    for chosen_name, ops in by_choice.items():
        yield Finding("Kernels (float32, on this machine)", chosen_name, ", ".join(ops))


CHECKS: tuple[Check, ...] = (python, processor, gpu, folders, data_sets, compiled, kernels)
"""In the order in which they are shown."""
