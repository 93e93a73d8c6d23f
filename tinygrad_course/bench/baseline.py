"""Two reports compared: is anything slower than it was?

Times of two runs may differ by the weather; what is compared is what holds within a run: a step's
ratio to its peer, a kernel's speed-up over NumPy. Only where there is neither, the time itself.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import DataError

Report = dict[str, Any]
KEYS = {
    "steps": ("step", "peer"),
    "kernels": ("op", "size", "implementation"),
    "overhead": ("engine",),
    "ceiling": ("what", "threads"),
    "profile": ("step", "op", "implementation"),
}
"""What makes a row the same row in another report."""


class Verdict(NamedTuple):
    """A row that differs by more than the tolerance, or cannot be compared."""

    text: str
    slower: bool


def read_report(path: Path) -> Report:
    """A report that `--out` or `--json` stored.

    Raises:
        DataError: it cannot be read, or is no report.
    """
    try:
        report = json.loads(path.read_text())
    except OSError as error:
        raise DataError(f"--baseline: {path} cannot be read ({error.strerror})") from error
    except ValueError:
        report = None
    if not isinstance(report, dict) or not {"kind", "machine", "rows"} <= set(report):
        raise DataError(
            f"--baseline: {path} holds no results of tgc bench; `tgc bench ... --out FILE` "
            "stores some"
        )
    return report


def compare(old: Report, new: Report, tolerance: float) -> list[Verdict]:
    """What became slower, or faster, by more than `tolerance` (0.15 is 15 %).

    Raises:
        DataError: results of another kind.

    Example:
        >>> before = {"kind": "overhead", "machine": {"processor": "x"},
        ...           "rows": [{"engine": "ours", "us": 2.0}]}
        >>> after = {**before, "rows": [{"engine": "ours", "us": 3.0}]}
        >>> [verdict.text for verdict in compare(before, after, 0.15)]
        ['slower: ours: 2 -> 3 us, 50 % more']
    """
    kind = new["kind"]
    if old["kind"] != kind:
        raise DataError(
            f"--baseline: it holds {old['kind']}, but these results are {kind}; compare like with "
            "like"
        )
    verdicts = []
    for name in ("processor", "threads"):
        before, now = old["machine"].get(name), new["machine"].get(name)
        if before != now:
            text = f"note: the baseline's {name} is {before}, here it is {now}"
            verdicts.append(Verdict(text, slower=False))
    known = {_key(kind, row): row for row in old["rows"]}
    for row in new["rows"]:
        before = known.pop(_key(kind, row), None)
        if before is not None:
            verdicts += _compare_rows(_key(kind, row), before, row, tolerance)
    gone = [_name(key) for key in known]
    if gone:
        verdicts.append(Verdict(f"note: not measured this time: {', '.join(gone)}", slower=False))
    return verdicts


def _compare_rows(
    key: tuple[Any, ...], old: Report, new: Report, tolerance: float
) -> list[Verdict]:
    for measure, unit in _MEASURES:
        before, now = old.get(measure), new.get(measure)
        if before and now:
            worse = before / now if measure in _MORE_IS_BETTER else now / before
            if 1 / (1 + tolerance) <= worse <= 1 + tolerance:
                return []
            word = "slower" if worse > 1 else "faster"
            change = f"{100 * (worse - 1):.0f} % more" if worse > 1 else f"{1 / worse:.2f} times"
            text = f"{word}: {_name(key)}: {before:.4g} -> {now:.4g} {unit}, {change}"
            return [Verdict(text.replace(" ,", ","), slower=worse > 1)]
    if old.get("us") and new.get("fault"):
        return [Verdict(f"broken: {_name(key)}: {new['fault']}", slower=True)]
    return []


_MEASURES = (
    ("ratio", "of the peer's time"),
    ("speedup", "times NumPy's speed"),
    ("gigabytes_per_second", "GB/s"),
    ("gigaflops", "GFLOP/s"),
    ("ms", "ms"),
    ("us", "us"),
)
"""What is compared, the first that both rows have."""
_MORE_IS_BETTER = {"speedup", "gigabytes_per_second", "gigaflops"}


def _key(kind: str, row: Report) -> tuple[Any, ...]:
    return tuple(row.get(part) for part in KEYS[kind])


def _name(key: tuple[Any, ...]) -> str:
    return " ".join(str(part) for part in key if part)
