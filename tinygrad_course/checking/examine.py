"""One input's gradient, line by line: the numbers are compared here, and the worst is kept.

Read next: `localise.py`, which narrows a wrong direction down to one element.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import probes as lines
from .numeric import EPS, FIRST, Line, central, scale_of
from .preflight import Flight
from .probes import Probe
from .report import Finding, Kink
from .rows import Rows, index_text
from .settle import KINK, RIGHT, UNDECIDABLE, WRONG, Settled, settle

Array = Any
MARGIN = 64.0
"""A few samples of rounding see only a part of the worst case."""


MOST_EXACT = 1e-13
"""Agreement beyond 13 digits is not claimed."""


class Examiner:
    """The gradient of one argument, ready to be compared along any line.

    Args:
        flight: what `preflight` found.
        rows: the upstream gradients.
        analytic: what backward returned for them, (rows, size).
        which: the argument's position.
        rtol: the relative tolerance.
        noise: measures the rounding of `analytic`, (rows, size).
    """

    def __init__(
        self,
        flight: Flight,
        rows: Rows,
        analytic: Array,
        which: int,
        rtol: float,
        noise: Callable[[], Array],
    ) -> None:
        self.flight = flight
        self.rows = rows
        self.analytic = analytic
        self.which = which
        self.rtol = rtol
        self.noise = noise
        self.values = [a.value for a in flight.subject.arguments]
        self.argument = flight.subject.arguments[which]
        self.x = self.argument.value
        self.scale = scale_of(self.x)
        magnitude = np.where(np.isfinite(analytic), abs(analytic), 0.0)
        self.row_scale = magnitude.max(axis=1, initial=0.0)
        self.magnitude = magnitude
        self.floor = MARGIN * rows.size(rows.jitter)
        self.absorbed = MARGIN * EPS * flight.largest
        self.shared = MARGIN * rows.size(rows.shared)

    def line(self, probe: Probe) -> tuple[Line, Array]:
        """f along the probe, and the probe's direction, flat."""
        d = lines.direction(probe, self.scale)
        line = Line(self.flight.evaluate, self.values, self.which, d, self.flight.values)
        return line, d.reshape(-1)

    def claimed(self, probe: Probe, d: Array) -> tuple[Array, Array, Array]:
        """What backward claims along the probe, the tolerance, and the loose tolerance."""
        if probe.signs is None and probe.places is not None:
            (j,) = probe.places
            loose = self.row_scale
            local = np.minimum(loose, self.magnitude[:, j].max(initial=0.0))
            tolerance = np.maximum(self.rtol * local * d[j], self.floor)
            return (
                self.analytic[:, j] * d[j],
                tolerance,
                np.maximum(self.rtol * loose * d[j], self.shared),
            )
        at = slice(None) if probe.places is None else probe.places
        parts = self.analytic[:, at] * d[at]
        largest = (self.magnitude[:, at] * abs(d[at])).max(axis=1, initial=0.0)
        tolerance = np.maximum(self.rtol * largest, self.floor)
        return parts.sum(axis=1), tolerance, np.maximum(self.rtol * largest, self.shared)

    def settle(self, probe: Probe) -> tuple[Settled, Array, Array]:
        """The verdict along one probe, what backward claims there, and the loose tolerance."""
        line, d = self.line(probe)
        claim, tolerance, loose = self.claimed(probe, d)

        def noise() -> Array:
            parts = np.nan_to_num(self.noise() * d, nan=0.0, posinf=0.0)
            return np.sqrt((parts * parts).sum(axis=1))

        return settle(line, self.rows, claim, tolerance, loose, self.absorbed, noise), claim, loose

    def difference(self, probe: Probe, step: float = 2.0**FIRST) -> tuple[Array, Array]:
        """A first look, from one ladder: |claimed - numeric| per row, and the error bar."""
        line, d = self.line(probe)
        claim, _, _ = self.claimed(probe, d)
        slope = central(line, int(np.log2(step)), 3, self.rows)
        off = np.where(np.isfinite(claim), abs(claim - slope.value), np.inf)
        return off, slope.truncation + slope.rounding

    def place(self, probe: Probe) -> tuple[tuple[int, ...] | None, str]:
        """The index of the element a probe moves, and its name."""
        if probe.signs is not None or probe.places is None:
            return None, f"{self.argument.label} along {probe.label}"
        index = tuple([int(i) for i in np.unravel_index(int(probe.places[0]), self.x.shape)])
        return index, self.argument.label + index_text(index)

    def unit(self, probe: Probe) -> float:
        """How far the input moves per unit along the line: 1 for directions."""
        if probe.signs is not None or probe.places is None:
            return 1.0
        return float(self.scale.reshape(-1)[probe.places[0]])


class Tally:
    """Collects the outcomes of many lines into one finding."""

    def __init__(self, examiner: Examiner, looked_at: str) -> None:
        self.examiner = examiner
        argument = examiner.argument
        self.finding = Finding(argument.label, argument.value.shape, "right", looked_at=looked_at)
        self._worst = (-1, -1.0)
        self._ratios: list[float] = []
        self._agreement = 0.0

    def add(self, probe: Probe, settled: Settled, claim: Array, loose: Array) -> None:
        """Take in one line."""
        finding, examiner = self.finding, self.examiner
        finding.compared += 1
        unit = examiner.unit(probe)
        off = np.where(np.isfinite(claim), abs(claim - settled.numeric), np.inf)
        relative = off * examiner.rtol / np.where(loose > 0, loose, 1.0)
        right = (settled.status == RIGHT) & (off > examiner.shared)
        self._agreement = max(self._agreement, float(relative[right].max(initial=0.0)))
        wrong = settled.status == WRONG
        finding.wrong += bool(wrong.any())
        self._ratios += (claim[wrong] / settled.numeric[wrong]).tolist()
        if settled.slopes is not None:
            for k in np.flatnonzero(settled.status == KINK):
                self._kink(probe, settled, claim, int(k), unit)
        for code in (UNDECIDABLE, WRONG):
            there = np.flatnonzero(settled.status == code)
            if there.size:
                worst = int(there[np.argmax(np.nan_to_num(relative[there], nan=np.inf))])
                self._keep(code, probe, settled, claim, worst, float(relative[worst]), unit)

    def _kink(self, probe: Probe, settled: Settled, claim: Array, k: int, unit: float) -> None:
        slopes: Any = settled.slopes
        _, place = self.examiner.place(probe)
        left, right = float(slopes.left[k] / unit), float(slopes.right[k] / unit)
        kink = Kink(place, self.examiner.rows.labels[k], left, right, float(claim[k] / unit))
        self.finding.kinks.append(kink)

    def _keep(
        self,
        code: int,
        probe: Probe,
        settled: Settled,
        claim: Array,
        k: int,
        relative: float,
        unit: float,
    ) -> None:
        """Remember the worst: wrong before undecidable, an element before a direction."""
        finding = self.finding
        if finding.verdict != "wrong":
            finding.verdict = "wrong" if code == WRONG else "undecidable"
        index, place = self.examiner.place(probe)
        rank = 2 * (code == WRONG) + (index is not None)
        if (rank, relative) <= self._worst:
            return
        self._worst = (rank, relative)
        finding.index, finding.place = index, place
        finding.seen_in = self.examiner.rows.labels[k]
        finding.analytic = float(claim[k] / unit)
        finding.numeric = float(settled.numeric[k] / unit)
        finding.error_bar = float(settled.bar[k] / unit)
        finding.reason = settled.reason if code == UNDECIDABLE else _non_finite(finding.analytic)
        slopes = settled.slopes
        if code == WRONG and slopes is not None and slopes.kinked[k]:
            finding.reason = (
                f"f has a kink there: its slope is {slopes.left[k] / unit:.6g} from the left and "
                f"{slopes.right[k] / unit:.6g} from the right, and the gradient lies outside both"
            )

    def done(self) -> Finding:
        """The finding."""
        finding = self.finding
        finding.digits = max(0, int(-np.log10(max(self._agreement, MOST_EXACT))))
        if finding.verdict == "wrong":
            ratios = np.array(self._ratios)
            alike = np.isfinite(ratios).all() and np.ptp(ratios) <= 1e-6 * abs(ratios[0])
            finding.ratio = float(ratios[0]) if ratios.size > 1 and alike else None
        return finding


def _non_finite(analytic: float) -> str:
    if np.isfinite(analytic):
        return ""
    return (
        "backward returned a value that is not finite where f has an ordinary slope: look for a "
        "division by zero, log(0) or 0 * inf in the branch that was not taken"
    )
