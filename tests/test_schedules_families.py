"""Falling, cyclical and growing schedules, the range test's reading, and PyTorch's numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_course import optim
from tinygrad_course.errors import ArgumentError, ArgumentTypeError

values = st.floats(1e-6, 1e3)
lengths = st.integers(1, 2000)

FALLING: dict[str, Callable[[float, int], optim.Schedule]] = {
    "inverse": lambda value, steps: optim.inverse(value, 9 / steps, power=0.75),
    "exponential": lambda value, steps: optim.exponential(value, 0.5 ** (1 / steps)),
    "polynomial": lambda value, steps: optim.polynomial(value, steps, 0.9, end=value / 7),
    "line": optim.polynomial,
    "step": lambda value, steps: optim.step_decay(value, max(steps // 5, 1), 0.3),
    "multi-step": lambda value, steps: optim.multi_step(value, [steps, 2 * steps], 0.3),
    "cosine": optim.cosine,
}


@pytest.mark.parametrize("name", FALLING)
@given(values, lengths)
def test_what_falls_starts_at_its_value_and_never_rises(
    name: str, value: float, steps: int
) -> None:
    rate = FALLING[name](value, steps)
    sampled = [rate(step) for step in range(0, 3 * steps + 2, max(steps // 20, 1))]
    assert sampled[0] == pytest.approx(value, rel=1e-15)
    assert all(0 <= after <= before * (1 + 1e-14) for before, after in pairwise(sampled))


def test_closed_forms() -> None:
    assert optim.inverse(0.5, gamma=3.0, power=0.5)(5) == pytest.approx(0.5 / math.sqrt(16))
    assert optim.exponential(0.5, math.exp(-0.1))(7) == pytest.approx(0.5 * math.exp(-0.7))
    assert optim.polynomial(0.5, 10, power=3)(4) == pytest.approx(0.5 * 0.6**3)
    assert optim.polynomial(0.5, 10, end=0.1)(10**6) == 0.1
    assert optim.step_decay(0.5, 3, 0.1)(8) == pytest.approx(0.005)


def test_a_line_is_polynomial_with_power_1() -> None:
    line = optim.polynomial(0.8, 8)
    assert [line(step) for step in range(10)] == pytest.approx(
        [0.1 * n for n in range(8, -1, -1)] + [0]
    )


@given(st.floats(0, 1), st.floats(1, 5), st.integers(1, 50), st.integers(0, 500))
def test_triangles_are_smiths(base: float, peak: float, half: int, step: int) -> None:
    """cycle = floor(1 + it / (2 s)), x = |it / s - 2 cycle + 1|, with s the half cycle."""
    cycle = math.floor(1 + step / (2 * half))
    height = max(0.0, 1 - abs(step / half - 2 * cycle + 1)) * (peak - base)
    assert optim.triangular(base, peak, half)(step) == pytest.approx(base + height)
    second = optim.triangular2(base, peak, half)(step)
    assert second == pytest.approx(base + height * 2.0 ** (1 - cycle))
    envelope = optim.exp_range(base, peak, half, 0.99)(step)
    assert envelope == pytest.approx(base + height * 0.99**step)


def test_smiths_cifar_run() -> None:
    """Bounds 0.001 to 0.006, stepsize 2000."""
    rate = optim.triangular2(0.001, 0.006, 2000)
    assert [round(rate(step), 9) for step in (0, 2000, 4000, 6000, 8000, 10000)] == [
        0.001, 0.006, 0.001, 0.0035, 0.001, 0.00225,
    ]  # fmt: skip


@given(values, st.integers(1, 20), st.integers(1, 4))
def test_restarts_come_when_a_wave_is_over(value: float, steps: int, growth: int) -> None:
    rate = optim.cosine_restarts(value, steps, growth, end=value / 10)
    begin, length = 0, steps
    for _ in range(4):
        wave = optim.cosine(value, length, end=value / 10)
        for step in {0, length // 2, length - 1}:
            assert rate(begin + step) == wave(step)
        begin, length = begin + length, length * growth


def test_scaled_follows_another() -> None:
    rate = optim.scaled(optim.join([lambda step: 2.0, optim.polynomial(2.0, 4)], [3]), 0.25)
    assert [rate(step) for step in (0, 3, 5, 7)] == [0.5, 0.5, 0.25, 0.0]


class TestGrowingBatch:
    """Smith, Kindermans, Ying and Le 2018: the batch grows where the rate would fall."""

    def test_the_noise_falls_as_under_a_falling_rate(self) -> None:
        milestones, samples = [60, 120, 160], 50_000
        falling = optim.multi_step(0.1, milestones, gamma=1 / 5)
        size = optim.growing_batch(128, milestones, factor=5, largest=5_000)
        rate = optim.growing_batch_rate(0.1, 128, milestones, factor=5, largest=5_000)
        for epoch in range(200):
            noise = optim.noise_scale(rate(epoch), int(size(epoch)), samples, momentum=0.9)
            same = optim.noise_scale(falling(epoch), 128, samples, momentum=0.9)
            assert noise == pytest.approx(same, rel=1e-14)
        assert [size(epoch) for epoch in (0, 60, 120, 160)] == [128, 640, 3200, 5_000]
        assert rate(159) == 0.1
        assert rate(160) == pytest.approx(0.1 * 5_000 / 16_000)

    @given(
        st.integers(1, 300),
        st.sets(st.integers(1, 50), max_size=4),
        st.floats(1, 7),
        st.integers(1, 5000),
    )
    def test_sizes_are_whole_and_never_shrink(
        self, start: int, milestones: set[int], factor: float, largest: int
    ) -> None:
        size = optim.growing_batch(start, sorted(milestones), factor, largest)
        sizes = [size(epoch) for epoch in range(60)]
        assert all(isinstance(n, int) and 1 <= n <= largest for n in sizes)
        assert all(after >= before for before, after in pairwise(sizes))

    def test_noise_scale_is_the_slides_with_b_for_r(self) -> None:
        assert optim.noise_scale(0.1, 50, 1000) == pytest.approx(2.0)
        assert optim.noise_scale(0.1, 50, 1000, momentum=0.9) == pytest.approx(20.0)


class TestRangeTest:
    def test_the_rate_rises_by_one_factor(self) -> None:
        rate = optim.lr_range(1e-4, 1.0, 5)
        assert [rate(step) for step in range(7)] == pytest.approx([1e-4, 1e-3, 0.01, 0.1, 1, 1, 1])
        assert optim.lr_range(0.1, 0.5, 5, linear=True)(2) == pytest.approx(0.3)
        assert optim.lr_range(0.1, 0.5, 1)(0) == 0.1

    def test_a_curve_with_a_known_answer(self) -> None:
        """Level, falling fastest at 0.01, lowest at 0.1, exploding at 1."""
        rate = optim.lr_range(1e-5, 10.0, 61)
        rates = [rate(step) for step in range(61)]

        def loss(rate: float) -> float:
            return 2.3 - 1 / (1 + (0.01 / rate) ** 2) + (rate / 0.3) ** 4

        reading = optim.read_range_test(rates, [loss(r) for r in rates], memory=0.0)
        assert reading.steepest == pytest.approx(0.01, rel=0.3)
        assert reading.lowest == pytest.approx(0.08, rel=0.3)
        assert reading.diverged == pytest.approx(0.4, rel=0.3)
        assert len(reading.smooth) == rates.index(reading.diverged)

    def test_the_mean_is_corrected_and_noise_is_averaged(self) -> None:
        rates = [1.0, 2.0, 3.0, 4.0]
        reading = optim.read_range_test(rates, [3.0, 3.0, 3.0, 3.0], memory=0.9)
        assert reading.smooth == pytest.approx([3.0] * 4)
        assert reading.diverged is None

    def test_no_number_is_an_explosion(self) -> None:
        reading = optim.read_range_test([1, 2, 3, 4], [3.0, 2.0, 1.0, math.nan])
        assert reading.diverged == 4
        with pytest.raises(ArgumentError, match=r"three rising rates.*begin the test at a lower"):
            optim.read_range_test([1, 2, 3], [1.0, 2.0, math.inf])
        with pytest.raises(ArgumentError, match="three rising rates"):
            optim.read_range_test([3, 2, 1], [1.0, 1.0, 1.0])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: optim.inverse(0.1, -1), ArgumentError, "inverse: gamma expects a finite number"),
        (lambda: optim.exponential(0.1, 1.1), ArgumentError, r"gamma expects a factor in \(0, 1\]"),
        (lambda: optim.exponential(0.1, 0), ArgumentError, "exponential: gamma expects a factor"),
        (lambda: optim.polynomial(0.1, 9, power=0), ArgumentError, "1 is a straight line"),
        (lambda: optim.step_decay(0.1, 0), ArgumentError, "every expects at least 1 step"),
        (lambda: optim.step_decay(0.1, 9, gamma=10), ArgumentError, "write 0.1 to divide it by"),
        (lambda: optim.triangular(0.2, 0.1, 5), ArgumentError, "0.2, but got 0.1; exchange them"),
        (lambda: optim.triangular2(0.1, 0.2, 0), ArgumentError, "half_cycle expects at least 1"),
        (lambda: optim.exp_range(0.1, 0.2, 5, gamma=2), ArgumentError, "exp_range: gamma expects"),
        (lambda: optim.cosine_restarts(0.1, 5, growth=0), ArgumentError, "growth expects at least"),
        (lambda: optim.growing_batch(0, [1]), ArgumentError, "growing_batch: batch_size expects"),
        (lambda: optim.growing_batch(8, [1], 0.5), ArgumentError, "factor expects .* at least 1"),
        (lambda: optim.growing_batch_rate(0.1, 8, [2, 1]), ArgumentError, "increasing step counts"),
        (
            lambda: optim.noise_scale(0.1, 8, 80, 1.0),
            ArgumentError,
            r"expects a number in \[0, 1\)",
        ),
        (lambda: optim.lr_range(0.0, 1.0, 9), ArgumentError, "lr_range: expects 0 < low <= high"),
        (lambda: optim.read_range_test([], [], memory=1), ArgumentError, "memory expects a number"),
        (lambda: optim.scaled(0.1, 2.0), ArgumentTypeError, "scaled: schedule expects a function"),
        (lambda: optim.scaled(optim.constant(1.0), -1), ArgumentError, "factor expects"),
    ],
)
def test_errors(make: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def cyclic(mode: str, **options: Any) -> Callable[[Any, Any], Any]:
    return lambda lib, opt: lib.CyclicLR(
        opt, 0.1, 0.6, step_size_up=7, mode=mode, cycle_momentum=False, **options
    )


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (optim.exponential(0.3, 0.9), lambda lib, opt: lib.ExponentialLR(opt, 0.9)),
        (optim.polynomial(0.3, 40, 2.5), lambda lib, opt: lib.PolynomialLR(opt, 40, power=2.5)),
        (optim.polynomial(0.3, 60), lambda lib, opt: lib.PolynomialLR(opt, 60)),
        (optim.step_decay(0.3, 7, 0.3), lambda lib, opt: lib.StepLR(opt, 7, gamma=0.3)),
        (
            optim.cosine_restarts(0.3, 7, end=0.01),
            lambda lib, opt: lib.CosineAnnealingWarmRestarts(opt, 7, eta_min=0.01),
        ),
        (
            optim.cosine_restarts(0.3, 5, growth=2),
            lambda lib, opt: lib.CosineAnnealingWarmRestarts(opt, 5, T_mult=2),
        ),
        (optim.triangular(0.1, 0.6, 7), cyclic("triangular")),
        (optim.triangular2(0.1, 0.6, 7), cyclic("triangular2")),
        (optim.exp_range(0.1, 0.6, 7, 0.97), cyclic("exp_range", gamma=0.97)),
    ],
)
def test_fifty_steps_are_pytorchs(ours: optim.Schedule, theirs: Callable[[Any, Any], Any]) -> None:
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    scheduler = theirs(torch.optim.lr_scheduler, optimizer)
    for step in range(50):
        assert ours(step) == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-12, rel=0)
        optimizer.step()
        scheduler.step()
