"""One change in the user's own backward after which its gradients are right.

Where no known mistake gives the numbers, the backward itself is edited: every small change of every
expression is tried, in the order of how often it is the mistake. What is told is proved: with this
line instead of that one, the gradient is right on all probes. Read next: `changes.py`, the edits.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from .changes import of_expressions, of_statements
from .diagnosis import Diagnosis
from .diagnosis.guess import close
from .evidence import Shown
from .patching import Patch
from .source import SourceLine

SECONDS = 1.2
"""The most time of this process that is spent on the search."""
MOST = 4000
"""So many changes are tried."""
EXACT = 1e-6


class Repair(NamedTuple):
    """A change that makes gradients right.

    Attributes:
        line: the user's line.
        before: its statement as it is.
        after: as it should be.
        words: what the change is.
        mended: the inputs whose gradients are right with it.
    """

    line: SourceLine
    before: str
    after: str
    words: str
    mended: frozenset[str]

    def diagnosis(self, label: str) -> Diagnosis:
        """The repair as an answer."""
        return Diagnosis(
            f"repair:{self.after}",
            f"With `{self.after}` in the place of `{self.before}` d{label} is right: {self.words}.",
            (f"Look at line {self.line.number}.", self.words[0].upper() + self.words[1:] + ".",
             self.after),
            self.after,
            self.before,
        )  # fmt: skip


def repaired(backward: Any, label: str, shown: Sequence[Shown]) -> Repair | None:
    """The first change that makes the gradient of `label` right, and no other one wrong.

    Args:
        backward: the user's backward, or the formula of this gradient.
        label: the input whose gradient is wrong.
        shown: its gradients on several probes.
    """
    usable = [s for s in shown if s.right.get(label) is not None]
    if not usable:
        return None
    try:
        patch = Patch(backward)
    except ValueError:
        return None
    start = time.process_time()
    with np.errstate(all="ignore"):
        return _searched(patch, label, usable, start)


def _searched(patch: Patch, label: str, usable: Sequence[Shown], start: float) -> Repair | None:
    for number, (statement, words) in enumerate(_changes(patch)):
        if number == MOST or time.process_time() - start > SECONDS:
            return None
        with patch.in_place() as placed:
            if not placed or not all(_mends(s, label) for s in usable):
                continue
            mended = [n for n in usable[0].right if all(_mends(s, n) for s in usable)]
            after = _text(statement)
        line = patch.line(statement)
        return Repair(line, line.code.partition("  #")[0], after, words, frozenset(mended))
    return None


def _changes(patch: Patch) -> Iterator[tuple[ast.stmt, str]]:
    """Every change, made in the tree while it is looked at: (the statement, what was done)."""
    yield from of_statements(patch.tree)
    yield from of_expressions(patch)


def _mends(shown: Shown, label: str) -> bool:
    """Whether this gradient is now right, and every other one no worse than before."""
    try:
        with shown.subject.frozen:
            now = shown.again()
    except Exception:  # noqa: BLE001 - an edited backward may raise anything
        return False
    if not _is_right(shown, label, now):
        return False
    others = [n for n in shown.right if n != label]
    return all(
        _is_right(shown, n, now)
        or (shown.found[n] is not None and close(shown.found[n], now.get(n), EXACT))
        for n in others
    )


def _is_right(shown: Shown, label: str, now: dict[str, Any]) -> bool:
    right = shown.right[label]
    return right is not None and now.get(label) is not None and close(now[label], right, EXACT)


def _text(statement: ast.stmt) -> str:
    """A statement on one line; of a compound one, its first line."""
    text = ast.unparse(statement).splitlines()[0].strip()
    value = getattr(statement, "value", None)
    if isinstance(value, ast.Tuple) and value.elts:  # written without parentheses, as people do
        bare = ", ".join([ast.unparse(e) for e in value.elts])
        text = text.replace(ast.unparse(value), bare)
    return text
