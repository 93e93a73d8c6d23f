"""One op after another, each stored when it is done, so that a run which ends too early goes on.

A GPU that has met a fault is lost to its process, and a kernel may hang: neither costs more than
the op at which it happened.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from tinygrad_course.bench.kernel_rows import KernelRow
from tinygrad_course.files import replace_file

from .kernel_times import told

GO_ON = 75
"""The exit status that asks for another process."""


def measure_ops(
    path: Path,
    ops: Iterable[str],
    about: dict[str, Any],
    ceilings: list[dict[str, Any]],
    rows_of: Callable[[str], Iterator[KernelRow]],
) -> None:
    """Add the rows of these ops to the report at `path`; those that are done are left out.

    Args:
        path: the report, as `tgc bench kernels` stores it.
        ops: in their order.
        about: the card and the versions; what was measured of others is measured again.
        ceilings: of the card.
        rows_of: measures one op.

    Raises:
        SystemExit: with `GO_ON`, where this process cannot go on.
    """
    report: dict[str, Any] = {"kind": "kernels", "machine": about, "ceilings": ceilings}
    report.update(done=[], begun=[], rows=[])
    if path.exists():
        before = json.loads(path.read_text())
        if before["machine"] == about:
            report.update({name: before[name] for name in ("done", "begun", "rows")})
    for op in ops:
        if op in report["done"]:
            continue
        report["rows"] = [row for row in report["rows"] if row["op"] != op]
        report["begun"].append(op)
        if report["begun"].count(op) > 2:  # it hangs, or takes the process with it
            _add(report, KernelRow(op, "", "", fault="begun twice, and not finished"))
            report["done"].append(op)
            continue
        store(path, report)
        lost = False
        try:
            for row in rows_of(op):
                _add(report, row)
        except Exception as fault:  # noqa: BLE001 - the other ops are still to come
            _add(report, KernelRow(op, "", "", fault=told(fault)))
            lost = True
        report["done"].append(op)
        store(path, report)
        if lost:
            raise SystemExit(GO_ON)


def _add(report: dict[str, Any], row: KernelRow) -> None:
    report["rows"].append(row._asdict())
    print(line(row), flush=True)


def line(row: KernelRow) -> str:
    """A result as one line of the log."""
    name = f"{row.op:28s} {row.size:24s} {row.implementation:12s}"
    if row.us is None:
        return f"{name} {row.fault or row.note}"
    teraflops = (row.gigaflops or 0.0) / 1e3
    return (
        f"{name} {row.us:10.1f} us {row.gigabytes_per_second:8.0f} GB/s {teraflops:7.2f} TFLOP/s "
        f"{row.percent:5.1f} % of the {row.bound} ceiling; {row.note}"
    )


def store(path: Path, report: dict[str, Any]) -> None:
    """Write the report whole or not at all."""
    replace_file(path, json.dumps(report, indent=1).encode())
