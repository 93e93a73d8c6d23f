"""Kernels and training steps on a GPU, beside the card's own limits.

    python benchmarks/gpu.py --out FOLDER               everything, about five minutes
    python benchmarks/gpu.py --out FOLDER --only kernels --ops conv2d adam_step
    python benchmarks/gpu.py --out FOLDER --rehearse    no GPU: tiny sizes, no times worth a look

Times are the GPU's own (events around many launches), medians over rounds in which the
implementations take turns; inputs rotate through more memory than the second-level cache holds,
or through 64 copies. The first call, which compiles, and the host's time per launch stand apart.
Limits are measured in the same run: a copy of 1 GiB, and the matrix product of the vendor's library
in float32 (TF32 off). A result that is wrong is not timed. PyTorch and its cuDNN are timed too
where installed. Run again with the same OUT, it goes on with the op at which it stopped; after a
fault from which a process cannot use the GPU any more it ends with status 75: run it again then.
`gpu_run.sh` runs this together with the tests; `gpu_peers.py` holds the calls of PyTorch.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import tinygrad_course as tg  # noqa: E402
from tinygrad_course import kernels  # noqa: E402
from tinygrad_course.bench.kernel_rows import KernelRow  # noqa: E402

ROUNDS = 7
TURN = 0.05  # seconds of launches in one turn
LARGEST_ROTATION = 8 << 30  # bytes of inputs that take turns, at most
TOLERANCE = 2e-4  # of the largest number, against float64: float32 sums of thousands of products
BURST = 64  # launches timed on the host: of more than about 1,000 the last ones wait for the GPU
GO_ON = 75  # the status that asks for another process
UNTIMED = {"running_statistics", "unfold", "fold", "max_pool2d_gather"}


class Case(NamedTuple):
    """One implementation of an op at one size, ready to run on rotating inputs."""

    op: str
    size: str
    name: str
    calls: list[Callable[[], Any]]


# Time ---------------------------------------------------------------------------------------------


class Clock:
    """The GPU's time for a batch of launches, and the host's."""

    def __init__(self, cupy: Any) -> None:
        self.cupy = cupy
        self.start, self.end = cupy.cuda.Event(), cupy.cuda.Event()

    def run(self, calls: list[Callable[[], Any]], count: int) -> tuple[float, float]:
        """Seconds per call on the GPU, and seconds that the host needed to launch one."""
        stream = self.cupy.cuda.get_current_stream()
        burst = min(count, BURST)
        self.start.record(stream)
        begin = time.perf_counter()
        for i in range(burst):
            calls[i % len(calls)]()
        host = time.perf_counter() - begin
        for i in range(burst, count):
            calls[i % len(calls)]()
        self.end.record(stream)
        self.end.synchronize()
        gpu = self.cupy.cuda.get_elapsed_time(self.start, self.end) / 1e3
        return max(gpu, 1e-9) / count, host / burst

    def first(self, call: Callable[[], Any]) -> float:
        """Seconds until a first call is done, with everything that it compiles."""
        begin = time.perf_counter()
        call()
        self.cupy.cuda.runtime.deviceSynchronize()
        return time.perf_counter() - begin


def interleaved(clock: Clock, cases: list[Case]) -> Iterator[Any]:
    """(case, GPU seconds by round, host seconds by round), the cases taking turns."""
    counts = []
    for case in cases:
        clock.run(case.calls, len(case.calls))
        once, host = clock.run(case.calls, max(3, len(case.calls)))
        counts.append(max(5, min(5000, round(TURN / max(once, host, 1e-6)))))
    times: list[list[tuple[float, float]]] = [[] for _ in cases]
    for _ in range(ROUNDS):
        for k, case in enumerate(cases):
            times[k].append(clock.run(case.calls, counts[k]))
    for case, measured in zip(cases, times, strict=True):
        yield case, [gpu for gpu, _ in measured], [host for _, host in measured]


# The card -----------------------------------------------------------------------------------------


def ceilings(cupy: Any, clock: Clock, *, tiny: bool) -> list[dict[str, Any]]:
    """What a copy and the vendor's matrix product reach here, as rows of `tgc bench ceiling`."""
    count = 1 << (12 if tiny else 28)
    source, target = filled(cupy, count), cupy.zeros(count, np.float32)
    stream = cupy.cuda.get_current_stream()

    def copy() -> None:
        target.data.copy_from_device_async(source.data, source.nbytes, stream)

    def by_kernel() -> None:
        cupy.add(source, np.float32(1), out=target)

    side = 64 if tiny else 8192
    a, b = (filled(cupy, side * side).reshape(side, side) for _ in range(2))
    c = cupy.empty((side, side), np.float32)

    def product() -> None:
        cupy.matmul(a, b, out=c)

    rows = []
    for what, call in (("copy", copy), ("one read, one write", by_kernel), ("matmul", product)):
        if tiny and what == "copy":
            continue  # CuPy's double has none
        clock.run([call], 3)
        seconds = statistics.median(clock.run([call], 20)[0] for _ in range(ROUNDS))
        flops = what == "matmul"
        if tiny:
            seconds = math.inf  # nothing was measured
        rows.append(
            {
                "what": what,
                "threads": 1,
                "bytes": None if flops else source.nbytes,
                "gigabytes_per_second": None if flops else 2 * source.nbytes / seconds / 1e9,
                "gigaflops": 2 * side**3 / seconds / 1e9 if flops else None,
            }
        )
    return rows


def filled(cupy: Any, count: int) -> Any:
    """Normal numbers: on zeros or ones a GPU draws less power, and so runs faster."""
    block = np.random.default_rng(0).standard_normal(1 << 12, np.float32)
    array = cupy.empty((count >> 12, 1 << 12), np.float32)
    array[...] = cupy.asarray(block)
    return array.reshape(count)


def machine(cupy: Any) -> dict[str, Any]:
    """The card, and the versions of what runs on it."""
    properties = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.runtime.getDevice())
    device = cupy.cuda.Device()
    name = properties["name"]
    return {
        "processor": name.decode() if isinstance(name, bytes) else name,
        "threads": device.attributes["MultiProcessorCount"],
        "memory GiB": round(properties["totalGlobalMem"] / 2**30, 1),
        "compute capability": device.compute_capability,
        "driver": cupy.cuda.runtime.driverGetVersion(),
        "runtime": cupy.cuda.runtime.runtimeGetVersion(),
        "cupy": cupy.__version__,
        "numpy": np.__version__,
        "tinygrad_course": tg.__version__,
        "torch": _torch_version(),
        "kernels": _digest(),
    }


def _digest() -> str:
    """Of the kernels' files: what was measured of other ones is measured again."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "kernels").rglob("*.[cp]*")):
        if path.suffix in (".py", ".cu", ".cuh"):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _torch_version() -> str | None:
    try:
        import torch
    except ImportError:
        return None
    return str(torch.__version__) if torch.cuda.is_available() else None


# Kernels ------------------------------------------------------------------------------------------


def on_device(cupy: Any, value: Any) -> Any:
    """Arrays, also in lists, on the GPU; the rest as it is."""
    if isinstance(value, (list, tuple)):
        return type(value)([on_device(cupy, v) for v in value])
    return cupy.asarray(value) if isinstance(value, np.ndarray) else value


def on_host(value: Any) -> list[Any]:
    """All arrays in a result, as NumPy's, in order."""
    if isinstance(value, (list, tuple)):
        return [array for v in value for array in on_host(v)]
    return [value.get()] if hasattr(value, "get") else []


def wide(value: Any) -> Any:
    """Floats in float64, also in lists."""
    if isinstance(value, (list, tuple)):
        return type(value)([wide(v) for v in value])
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return value.astype(np.float64)
    return value


def tried(
    spec: Any, name: str, cupy: Any, arrays: Any, params: Any, exact: Any
) -> tuple[str, float | None]:
    """What is wrong with an implementation at a size, if anything, and its error."""
    try:
        error = error_of(spec, name, cupy, arrays, params, exact)
    except Exception as fault:  # noqa: BLE001 - one broken kernel must not end the run
        return told(fault), None
    return (f"wrong: an error of {error:.1e}" if not error <= TOLERANCE else ""), error


def told(fault: Exception) -> str:
    """What went wrong, in a line."""
    return f"{type(fault).__name__}: {fault}".splitlines()[0]


def exactly(spec: Any, arrays: Any, params: Any) -> list[Any]:
    """What the reference computes in float64."""
    given = wide(arrays)
    return on_arrays(spec.reference(*given, **params), given, spec)


def error_of(spec: Any, name: str, cupy: Any, arrays: Any, params: Any, exact: Any) -> float:
    """The largest error against the reference in float64, relative to the largest number."""
    given = on_device(cupy, arrays)
    found = on_host(kernels.find(spec.name, given, params, name)(*given, **params))
    found += on_host([given[k] for k in spec.in_place])
    worst = 0.0
    for got, want in zip(found, exact, strict=True):
        if want.size and want.dtype.kind == "f":
            scale = np.abs(want).max() or 1.0
            worst = max(worst, float(np.abs(got.astype(np.float64) - want).max() / scale))
        elif want.size and (got != want).any():
            worst = math.inf
    return worst


def on_arrays(returned: Any, arguments: Any, spec: Any) -> list[Any]:
    """What a call on NumPy arrays produced: what it returned, and what it wrote in place."""

    def flat(value: Any) -> list[Any]:
        if isinstance(value, (list, tuple)):
            return [array for v in value for array in flat(v)]
        return [value] if isinstance(value, np.ndarray) else []

    return flat(returned) + flat([arguments[k] for k in spec.in_place])


def copies_of(cupy: Any, spec: Any, arrays: Any, params: Any) -> list[Any]:
    """The inputs on the GPU, so many times that no cache holds them all."""
    moved = max(1.0, spec.cost(*arrays, **params).bytes)
    cache = cupy.cuda.Device().attributes.get("L2CacheSize", 64 << 20)
    wanted = min(3 * cache, LARGEST_ROTATION)
    return [on_device(cupy, arrays) for _ in range(max(1, min(64, math.ceil(wanted / moved))))]


def rotated(spec: Any, copies: list[Any], params: Any, name: str) -> list[Callable[[], Any]]:
    """One call on each copy of the inputs."""
    calls = []
    for given in copies:
        function = kernels.find(spec.name, given, params, name)

        def call(given: Any = given, function: Any = function) -> Any:
            return function(*given, **params)

        calls.append(call)
    return calls


def peer_calls(op: str, copies: list[Any], params: Any) -> list[Callable[[], Any]]:
    """PyTorch's calls on the same copies; none where it has nothing of the kind."""
    from gpu_peers import peer_call

    calls = [peer_call(op, given, params) for given in copies]
    return [call for call in calls if call is not None]


def names_for(op: str) -> list[str]:
    """The implementations of an op that take CuPy arrays and run here."""
    found = kernels.implementations(op)
    return [n for n, i in found.items() if i.family in ("any", "cupy") and i.available()]


def kernel_rows(
    cupy: Any, op: str, limits: list[dict[str, Any]], *, tiny: bool
) -> Iterator[dict[str, Any]]:
    """A row for each size of an op and implementation, and one for PyTorch where there is one."""
    clock = Clock(cupy)
    spec = kernels.op(op)
    for size in spec.benchmark_shapes:
        if tiny and sum(math.prod(shape) for shape in size.shapes) > 20_000:
            continue
        params = size.params
        arrays = spec.make(np.random.default_rng(0), np.float32, size.shapes, params)
        exact = exactly(spec, arrays, params)
        copies = copies_of(cupy, spec, arrays, params)
        cases, firsts, errors = [], {}, {}
        for name in names_for(op):
            begin = time.perf_counter()
            fault, error = tried(spec, name, cupy, arrays, params, exact)
            firsts[name], errors[name] = time.perf_counter() - begin, error
            if fault:
                yield KernelRow(op, size.label, name, fault=fault)._asdict()
                cupy.cuda.runtime.deviceSynchronize()  # raises where the GPU is lost to us
            elif tiny:
                note = "rehearsed: it runs, and is right"
                yield KernelRow(op, size.label, name, error=error, note=note)._asdict()
            else:
                cases.append(Case(op, size.label, name, rotated(spec, copies, params, name)))
        if not tiny:
            try:
                peers = peer_calls(op, copies, params)
                if peers:
                    peers[0]()
                    cases.append(Case(op, size.label, "PyTorch", peers))
            except Exception as fault:  # noqa: BLE001 - versions of PyTorch differ
                yield KernelRow(op, size.label, "PyTorch", fault=told(fault))._asdict()
        for case, gpu, host in interleaved(clock, cases):
            cost = spec.cost(*arrays, **params)
            yield row_of(case, cost, limits, gpu, host, firsts, errors)
        del cases, copies
        cupy.get_default_memory_pool().free_all_blocks()


def row_of(
    case: Case,
    cost: kernels.Cost,
    limits: list[dict[str, Any]],
    gpu: list[float],
    host: list[float],
    firsts: dict[str, float],
    errors: dict[str, float | None],
) -> dict[str, Any]:
    """What was measured of one implementation, beside what the card can do."""
    memory = max((r["gigabytes_per_second"] or 0.0) for r in limits) or 1.0
    peak = max((r["gigaflops"] or 0.0) for r in limits) or 1.0
    seconds = statistics.median(gpu)
    least = max(cost.bytes / memory, cost.flops / peak) / 1e9
    return KernelRow(
        case.op,
        case.size,
        case.name,
        us=seconds * 1e6,
        us_low=min(gpu) * 1e6,
        us_high=max(gpu) * 1e6,
        first_ms=firsts.get(case.name, 0.0) * 1e3,
        gigabytes_per_second=cost.bytes / seconds / 1e9,
        gigaflops=cost.flops / seconds / 1e9,
        intensity=cost.flops / max(1.0, cost.bytes),
        percent=100 * least / seconds,
        bound="memory" if cost.bytes / memory > cost.flops / peak else "arithmetic",
        error=errors.get(case.name),
        note=f"host {statistics.median(host) * 1e6:.1f} us a launch",
    )._asdict()


# Training -----------------------------------------------------------------------------------------


def training_rows(cupy: Any, *, tiny: bool) -> Iterator[dict[str, Any]]:
    """Whole steps of networks that the package builds: time, host time, memory."""
    batches = {"mlp": 16, "lenet5": 8} if tiny else {"mlp": 128, "lenet5": 128, "vgg-small": 128}
    for name, batch in batches.items():
        shape = (32, 32, 3) if name == "vgg-small" else (28, 28, 1)
        model = tg.models.build(name, input_shape=shape, classes=10).to("cuda")
        optimizer = tg.optim.Adam(model.parameters(), lr=1e-3)
        rng = np.random.default_rng(0)
        x = tg.tensor(rng.standard_normal((batch, *shape)).astype("float32"), device="cuda")
        y = tg.tensor(rng.integers(0, 10, batch), device="cuda")

        def step(model: Any = model, optimizer: Any = optimizer, x: Any = x, y: Any = y) -> None:
            optimizer.zero_grad()
            tg.functional.cross_entropy(model(x), y).backward()
            optimizer.step()

        clock = Clock(cupy)
        first = clock.first(step)
        count = 2 if tiny else 30
        clock.run([step], count)
        measured = [clock.run([step], count) for _ in range(1 if tiny else ROUNDS)]
        yield {
            "model": name,
            "batch": batch,
            "gpu_ms": None if tiny else statistics.median(gpu for gpu, _ in measured) * 1e3,
            "host_ms": None if tiny else statistics.median(host for _, host in measured) * 1e3,
            "first_ms": first * 1e3,
            "pool_mb": cupy.get_default_memory_pool().total_bytes() / 1e6,
        }


# The run ------------------------------------------------------------------------------------------


def main() -> None:
    """Measure, print a line for each result as it comes, and store them all as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--only", choices=["kernels", "training"], help="one part")
    parser.add_argument("--ops", nargs="+", help="these ops, instead of all")
    parser.add_argument("--rehearse", action="store_true", help="without a GPU, at tiny sizes")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.rehearse:
        sys.path.insert(0, str(ROOT / "tests"))
        import cupy_double

        with cupy_double.installed() as cupy:
            tg.cuda.why_not = lambda: None
            measure(cupy, arguments, tiny=True)
        return
    reason = tg.cuda.why_not()
    if reason is not None:
        raise SystemExit(f"no GPU to measure: {reason}")
    import cupy

    measure(cupy, arguments, tiny=False)


def measure(cupy: Any, arguments: argparse.Namespace, *, tiny: bool) -> None:
    """All parts asked for; what is measured is stored at once."""
    about = machine(cupy)
    print(json.dumps(about), flush=True)
    limits = ceilings(cupy, Clock(cupy), tiny=tiny)
    for row in limits:
        print(json.dumps(row), flush=True)
    if arguments.only != "training":
        measure_kernels(cupy, arguments, about, limits, tiny=tiny)
    if arguments.only != "kernels":
        rows = []
        for row in training_rows(cupy, tiny=tiny):
            rows.append(row)
            print(json.dumps(row), flush=True)
            store(arguments.out / "gpu-training.json", {"machine": about, "rows": rows})


def measure_kernels(
    cupy: Any, arguments: argparse.Namespace, about: Any, limits: Any, *, tiny: bool
) -> None:
    """One op after another, each stored when it is done; those of an earlier run are kept."""
    path = arguments.out / "gpu-kernels.json"
    report: dict[str, Any] = {"kind": "kernels", "machine": about, "ceilings": limits}
    report.update(done=[], begun=[], rows=[])
    if path.exists():
        before = json.loads(path.read_text())
        if before["machine"] == about:
            report.update({name: before[name] for name in ("done", "begun", "rows")})
    for op in arguments.ops or [n for n in kernels.names() if n not in UNTIMED]:
        if op in report["done"]:
            continue
        rows = [row for row in report["rows"] if row["op"] != op]
        report["rows"] = rows
        report["begun"].append(op)
        if report["begun"].count(op) > 2:  # it hangs, or takes the process with it
            rows.append(KernelRow(op, "", "", fault="begun twice, and not finished")._asdict())
            report["done"].append(op)
            continue
        store(path, report)
        lost = None
        try:
            for row in kernel_rows(cupy, op, limits, tiny=tiny):
                rows.append(row)
                print(line(row), flush=True)
        except Exception as fault:  # noqa: BLE001 - the other ops are still to come
            lost = told(fault)
            rows.append(KernelRow(op, "", "", fault=lost)._asdict())
            print(line(rows[-1]), flush=True)
        report["done"].append(op)
        store(path, report)
        if lost is not None:
            raise SystemExit(GO_ON)


def line(row: dict[str, Any]) -> str:
    """A result as one line of the log."""
    name = f"{row['op']:28s} {row['size']:24s} {row['implementation']:12s}"
    if row["us"] is None:
        return f"{name} {row['fault'] or row['note']}"
    return (
        f"{name} {row['us']:10.1f} us {row['gigabytes_per_second']:8.0f} GB/s "
        f"{row['gigaflops'] / 1e3:7.2f} TFLOP/s {row['percent']:5.1f} % of the {row['bound']} "
        f"ceiling; {row['note']}"
    )


def store(path: Path, report: dict[str, Any]) -> None:
    """Write the report whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(report, indent=1))
    part.replace(path)


if __name__ == "__main__":
    main()
