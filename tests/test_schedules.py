"""Schedules: closed forms, ends, monotony, errors that teach, and PyTorch's numbers."""

from __future__ import annotations

import doctest
import math
import pickle
from collections.abc import Callable
from itertools import pairwise
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_course.errors import ArgumentError, ArgumentTypeError
from tinygrad_course.optim import batch_growth, cyclical, decays, formula, range_test, schedules
from tinygrad_course.optim.schedules import (
    NAMES,
    Schedule,
    by_name,
    constant,
    cosine,
    join,
    linear_warmup,
    multi_step,
    one_cycle,
)

values = st.floats(1e-6, 1e3)
lengths = st.integers(1, 10_000)


@pytest.mark.parametrize("module", [formula, decays, cyclical, schedules, batch_growth, range_test])
def test_doctests(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted >= 5
    assert result.failed == 0


@given(values, lengths, st.floats(0, 1))
def test_cosine_is_level_at_both_ends_and_never_rises(
    value: float, steps: int, part: float
) -> None:
    rate = cosine(value, steps, end=value * part)
    assert rate(0) == pytest.approx(value, rel=1e-15)
    assert rate(steps) == rate(steps + 1) == rate(10 * steps) == pytest.approx(value * part)
    sampled = [rate(step) for step in range(0, steps + 2, max(steps // 50, 1))]
    assert all(after <= before + 1e-12 * value for before, after in pairwise(sampled))


@given(values, st.sets(st.integers(1, 1000), max_size=6), st.floats(0.01, 1))
def test_multi_step_counts_milestones_and_never_rises(
    value: float, milestones: set[int], gamma: float
) -> None:
    rate = multi_step(value, sorted(milestones), gamma)
    assert rate(0) == value
    for reached, milestone in enumerate(sorted(milestones)):
        assert rate(milestone - 1) == pytest.approx(value * gamma**reached, rel=1e-12)
        assert rate(milestone) == pytest.approx(value * gamma ** (reached + 1), rel=1e-12)
    assert rate(10_000) == pytest.approx(value * gamma ** len(milestones), rel=1e-12)


def test_the_slides_division_would_grow() -> None:
    """value / gamma^n with the usual gamma grows tenfold; ours decays, and 10 is refused."""
    slide = [0.1 / 0.1**reached for reached in range(3)]
    assert slide == pytest.approx([0.1, 1.0, 10.0])
    assert multi_step(0.1, [10, 20], gamma=0.1)(20) == pytest.approx(0.001)
    with pytest.raises(ArgumentError, match=r"gamma expects a factor in \(0, 1\], but got 10"):
        multi_step(0.1, [10, 20], gamma=10)


@given(values, lengths, st.floats(0, 1))
def test_warmup_is_a_line(value: float, steps: int, part: float) -> None:
    rate = linear_warmup(value, steps, start=value * part)
    assert rate(0) == value * part
    assert rate(steps) == rate(3 * steps) == pytest.approx(value, rel=1e-15)
    middle = steps // 2
    assert rate(middle) == pytest.approx(value * (part + (1 - part) * middle / steps), rel=1e-12)


@given(values, st.integers(1, 500), st.floats(0, 1), st.floats(1, 100), st.floats(1, 1e5))
def test_one_cycle_rises_then_falls(
    peak: float, total: int, pct_start: float, div_factor: float, final: float
) -> None:
    rate = one_cycle(
        peak, total, pct_start=pct_start, div_factor=div_factor, final_div_factor=final
    )
    sampled = [rate(step) for step in range(total + 3)]
    top = sampled.index(max(sampled))
    slack = 1e-12 * peak
    assert sampled[top] <= peak * (1 + 1e-12)
    assert all(after >= before - slack for before, after in pairwise(sampled[: top + 1]))
    assert all(after <= before + slack for before, after in pairwise(sampled[top:]))
    assert sampled[total - 1] == sampled[total] == sampled[-1]


def test_one_cycle_ends() -> None:
    rate = one_cycle(1.0, 100, pct_start=0.25, div_factor=10, final_div_factor=100)
    assert rate(0) == pytest.approx(0.1)
    assert rate(24) == pytest.approx(1.0)
    assert rate(99) == rate(500) == pytest.approx(0.001)
    assert one_cycle(1.0, 1)(0) == 1.0
    assert one_cycle(1.0, 8, pct_start=1.0)(7) == 1.0


def test_join_restarts_each_schedule_at_its_boundary() -> None:
    rate = join([constant(1.0), float, lambda step: -float(step)], [3, 5])
    assert [rate(step) for step in range(8)] == [1, 1, 1, 0, 1, 0, -1, -2]
    assert join([cosine(1.0, 9)], [])(4) == cosine(1.0, 9)(4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("total", [1, 2, 3, 7, 1570])
def test_by_name_stays_within_the_rate_and_reaches_it(name: str, total: int) -> None:
    rate = by_name(name, 0.1, total)
    sampled = [rate(step) for step in range(total + 2)]
    assert all(0 <= value <= 0.1 * (1 + 1e-12) for value in sampled)
    assert max(sampled) == pytest.approx(0.1, rel=2e-3 if total > 100 else 0.6)
    assert sampled[0] > 0
    if name not in ("constant", "multi-step"):
        assert rate(total) < 0.1 or total <= 3


def test_by_name_teaches_the_nearest_name() -> None:
    with pytest.raises(ArgumentError, match=r"no schedule 'cosin'; did you mean 'cosine'\?"):
        by_name("cosin", 0.1, 10)


@pytest.mark.parametrize("name", NAMES)
def test_schedules_print_compare_and_pickle(name: str) -> None:
    rate = by_name(name, 0.1, 100)
    assert pickle.loads(pickle.dumps(rate)) == rate == by_name(name, 0.1, 100)
    assert rate != by_name(name, 0.2, 100)
    assert "0.1" in repr(rate)
    assert len({rate, by_name(name, 0.1, 100)}) == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: constant(-1.0), "constant: value expects a finite number of at least 0"),
        (lambda: constant(math.nan), "constant: value expects a finite number"),
        (lambda: cosine(math.inf, 3), "cosine: value expects a finite number"),
        (lambda: cosine(0.1, 0), "cosine: steps expects at least 1 step, but got 0"),
        (lambda: linear_warmup(0.1, -2), "linear_warmup: steps expects at least 1 step"),
        (lambda: multi_step(0.1, [5, 5]), r"increasing step counts, but got \[5, 5\]"),
        (lambda: multi_step(0.1, [0, 5]), "milestones expects at least 1 step, but got 0"),
        (lambda: multi_step(0.1, [5], gamma=0), r"gamma expects a factor in \(0, 1\]"),
        (lambda: one_cycle(0.1, 5, pct_start=30), "one_cycle: pct_start expects a share"),
        (lambda: one_cycle(0.1, 5, div_factor=0.5), "div_factor expects a finite number of at"),
        (lambda: join([constant(1.0)], [3]), "got 1 boundaries for 1 schedules"),
        (lambda: join([], []), "got 0 boundaries for 0 schedules"),
        (lambda: constant(1.0)(-1), "constant: step expects an integer from 0, but got -1"),
    ],
)
def test_values_out_of_range(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: constant("0.1"), "constant: value expects a number, but got '0.1'"),  # type: ignore[arg-type]
        (lambda: cosine(0.1, 10.5), "steps expects a number of steps, but got 10.5"),  # type: ignore[arg-type]
        (lambda: multi_step(0.1, 5), "milestones expects a sequence of step counts"),  # type: ignore[arg-type]
        (lambda: join([0.1], []), r"got 0.1; wrap a number as constant\(...\)"),  # type: ignore[list-item]
        (lambda: constant(1.0)(0.5), "constant: step expects an integer from 0, but got 0.5"),  # type: ignore[arg-type]
    ],
)
def test_values_of_the_wrong_type(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ArgumentTypeError, match=message):
        make()


class TestTorchParity:
    """PyTorch keeps its own recursive forms; over 50 steps they agree with ours to 1e-12."""

    def check(self, ours: Schedule, base: float, theirs: Callable[..., object]) -> None:
        torch = pytest.importorskip("torch")
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=base)
        scheduler = theirs(torch.optim.lr_scheduler, optimizer)
        for step in range(50):
            assert ours(step) == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-12, rel=0)
            optimizer.step()
            if step < 49:
                scheduler.step()  # type: ignore[attr-defined]

    def test_multi_step(self) -> None:
        self.check(
            multi_step(0.3, [10, 20, 45], gamma=0.3),
            0.3,
            lambda lib, opt: lib.MultiStepLR(opt, [10, 20, 45], gamma=0.3),
        )

    def test_cosine(self) -> None:
        self.check(
            cosine(0.3, 50, end=0.01),
            0.3,
            lambda lib, opt: lib.CosineAnnealingLR(opt, 50, eta_min=0.01),
        )

    @pytest.mark.parametrize("pct_start", [0.3, 0.33, 0.5])
    def test_one_cycle(self, pct_start: float) -> None:
        self.check(
            one_cycle(0.3, 50, pct_start=pct_start),
            0.3,
            lambda lib, opt: lib.OneCycleLR(opt, 0.3, total_steps=50, pct_start=pct_start),
        )

    def test_linear_warmup(self) -> None:
        self.check(
            linear_warmup(0.3, 20, start=0.1),
            0.3,
            lambda lib, opt: lib.LinearLR(opt, start_factor=1 / 3, total_iters=20),
        )
