"""From "somewhere in this tensor" to one element: halve, keep the worse half, repeat.

A wrong direction is cut in two, each half is compared by itself, and the half with the larger
difference is cut again: 2 log2(n) comparisons for n elements. A function's kinks found on the way
are put aside. `examine_argument` is the whole examination of one input.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .examine import Examiner, Tally
from .probes import EVERY_ELEMENT, Probe, probes
from .report import Finding
from .settle import KINK, LEVELS, WRONG, Settled

Array = Any

MOST_CONFIRMED = 6
"""So many wrong elements are settled with all care; what looks like them is then counted."""
MOST_KINKS = 8
"""So many elements at a kink are set aside before a direction is given up."""
SAMPLE = 16


def examine_argument(examiner: Examiner, random: np.random.Generator) -> Finding:
    """Compare the gradient of one input with the numbers, and describe the worst place."""
    x, rows = examiner.x, examiner.rows
    whole = "every output" if rows.full else "random weighted sums of the outputs"
    few = x.size <= EVERY_ELEMENT
    what = f"all {x.size} elements" if few else f"directions and elements out of {x.size}"
    tally = Tally(examiner, f"{what}, {whole}")
    finite = np.isfinite(examiner.analytic).all(axis=0)
    if not few and not finite.all():
        _add(examiner, tally, _element(int(np.flatnonzero(~finite)[0])))
        return tally.done()
    for probe in probes(x, examiner.analytic, random):
        if tally.finding.wrong < MOST_CONFIRMED:
            if probe.signs is None:
                _add(examiner, tally, probe)
            elif _add_direction(examiner, tally, probe, random):
                break
        elif probe.signs is None:
            _count(examiner, tally, probe)
    return tally.done()


def _element(j: int) -> Probe:
    return Probe("element", np.array([j]), None)


def _add(examiner: Examiner, tally: Tally, probe: Probe) -> Settled:
    settled, claim, loose = examiner.settle(probe)
    tally.add(probe, settled, claim, loose)
    return settled


def _count(examiner: Examiner, tally: Tally, probe: Probe) -> None:
    """Look at one more element when enough are wrong for certain: one ladder tells."""
    off, bar = examiner.difference(probe)
    tolerance = examiner.claimed(probe, examiner.line(probe)[1])[1]
    tally.finding.compared += 1
    tally.finding.wrong += bool(((off > tolerance) & (off > 10.0 * bar)).any())


def _add_direction(
    examiner: Examiner, tally: Tally, probe: Probe, random: np.random.Generator
) -> bool:
    """Settle a direction; if it is wrong, find the element. Returns whether it was wrong."""
    for _ in range(MOST_KINKS):
        settled, claim, loose = examiner.settle(probe)
        wrong = np.flatnonzero(settled.status == WRONG)
        if not wrong.size:
            tally.add(probe, settled, claim, loose)
            return False
        step = float(settled.step[wrong[0]]) * 2.0 ** (LEVELS - 1)
        element = halve(examiner, probe, int(wrong[0]), step)
        found, element_claim, element_loose = examiner.settle(element)
        if (found.status == WRONG).any():
            tally.add(element, found, element_claim, element_loose)
            _sample(examiner, tally, random)
            return True
        if not (found.status == KINK).any():
            tally.add(probe, settled, claim, loose)
            return True
        tally.add(element, found, element_claim, element_loose)
        probe = _without(probe, element, examiner.x.size)
    settled.status[:] = np.where(settled.status == WRONG, 3, settled.status)
    settled.reason = (
        f"more than {MOST_KINKS} elements lie exactly at kinks, and their slopes mix in every "
        "direction; move the input away from its ties and zeros"
    )
    tally.add(probe, settled, claim, loose)
    return False


def halve(examiner: Examiner, probe: Probe, row: int, step: float) -> Probe:
    """The element behind a wrong direction, by bisection.

    Args:
        examiner: compares analytic and numeric derivatives.
        probe: a direction in which they differ.
        row: the row in which they do.
        step: a step at which they were seen to.
    """
    places = np.arange(examiner.x.size) if probe.places is None else probe.places
    signs: Any = probe.signs
    while places.size > 1:
        half = places.size // 2
        halves = [(places[:half], signs[:half]), (places[half:], signs[half:])]
        off = [examiner.difference(Probe("", p, s), step)[0][row] for p, s in halves]
        places, signs = halves[int(np.argmax(np.nan_to_num(off, nan=np.inf)))]
    return Probe("element", places, None)


def _without(probe: Probe, element: Probe, size: int) -> Probe:
    """The direction without one element."""
    places = np.arange(size) if probe.places is None else probe.places
    signs: Any = probe.signs
    keep = places != element.places[0]  # type: ignore[index]
    return Probe(probe.label, places[keep], signs[keep])


def _sample(examiner: Examiner, tally: Tally, random: np.random.Generator) -> None:
    """Look at a few more elements, to tell one wrong element from a wrong formula."""
    for j in random.choice(examiner.x.size, SAMPLE, replace=False):
        look = _add if tally.finding.wrong < MOST_CONFIRMED else _count
        look(examiner, tally, _element(int(j)))
