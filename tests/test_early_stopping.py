"""Prechelt's criteria on a run computed by hand, the lecture's mistakes, plateaus and PyTorch's."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_course import Parameter, optim
from tinygrad_course.errors import ArgumentError, DataError
from tinygrad_course.training.early_stopping import (
    ALL_14,
    GL,
    PQ,
    UP,
    EarlyStopping,
    Errors,
    Safety,
    Watch,
    generalization_loss,
    replay,
    table,
    training_progress,
)
from tinygrad_course.training.plateau import ReduceOnPlateau

# Six strips of five epochs. Progress at their ends: 650, 200, 120, 26.3, 8.5, 0 per thousand.
TRAIN = [10, 8, 6, 5, 4, 4, 3, 3, 2.5, 2.5, 2.5, 2.4, 2.2, 2.1, 2.0]
TRAIN += [2.0, 1.95, 1.95, 1.95, 1.9, 1.9, 1.9, 1.9, 1.9, 1.88] + [1.88] * 5
# Lowest 4 from epoch 9 on, and 3.2 in epoch 28. At the ends of the strips: 6, 4, 4.8, 5, 5.2, 5.1;
# the loss there: 0, 0, 20, 25, 30, 59.4 percent.
VALIDATION = [12, 10, 8, 7, 6, 5.5, 5, 4.5, 4, 4, 4.06, 4.18, 4.4, 4.6, 4.8]
VALIDATION += [4.9, 4.9, 4.9, 5, 5, 5, 5, 5.1, 5.1, 5.2, 5.2, 4.0, 3.2, 5.0, 5.1]


def recorded(train: Sequence[float], validation: Sequence[float | None]) -> list[dict[str, Any]]:
    return [
        {"epoch": i + 1, "train_loss": t, "test_loss": v, "seconds": 2.0}
        for i, (t, v) in enumerate(zip(train, validation, strict=True))
    ]


RUN = recorded(TRAIN, VALIDATION)


def test_the_fourteen_by_hand() -> None:
    stops = {stop.criterion: stop for stop in replay(RUN)}
    assert {name: (stop.epoch, stop.stopped_by) for name, stop in stops.items()} == {
        "GL 1": (11, "GL 1"),  # 4.06 / 4: 1.5 %
        "GL 2": (12, "GL 2"),  # 4.18 / 4: 4.5 %
        "GL 3": (12, "GL 3"),
        "GL 5": (13, "GL 5"),  # 4.4 / 4: 10 %
        "PQ 0.5": (20, "PQ 0.5"),  # 20 / 120 is not enough, 25 / 26.3 is 0.95
        "PQ 0.75": (20, "PQ 0.75"),
        "PQ 1": (25, "PQ 1"),  # 30 / 8.5
        "PQ 2": (25, "PQ 2"),
        "PQ 3": (25, "PQ 3"),
        "UP 2": (20, "UP 2"),  # 4 < 4.8 < 5
        "UP 3": (25, "UP 3"),  # and < 5.2
        "UP 4": (30, "safety"),  # 5.1 is lower again, and training has settled
        "UP 6": (30, "safety"),
        "UP 8": (30, "safety"),
    }
    first, last = stops["GL 1"], stops["UP 4"]
    assert (first.error, first.best_epoch, first.best_error) == (4.06, 9, 4)
    assert (first.time, first.share) == (22.0, 11 / 30)
    assert first.loss == pytest.approx(25)  # 4 / 3.2
    assert (last.error, last.best_epoch, last.best_error, last.loss) == (5.1, 28, 3.2, 0)


def test_there_are_fourteen() -> None:
    assert [criterion.name for criterion in ALL_14] == [
        *("GL 1", "GL 2", "GL 3", "GL 5"),
        *("PQ 0.5", "PQ 0.75", "PQ 1", "PQ 2", "PQ 3"),
        *("UP 2", "UP 3", "UP 4", "UP 6", "UP 8"),
    ]
    assert all(getattr(criterion, "k", 5) == 5 for criterion in ALL_14)


def test_errors_measured_at_the_ends_of_strips_as_in_the_study() -> None:
    stops = {stop.criterion: stop for stop in replay(RUN, every=5)}
    assert {stops[name].epoch for name in ("GL 1", "GL 2", "GL 3", "GL 5")} == {15}
    assert stops["GL 1"].best_epoch == 10
    assert stops["UP 4"].loss == 0  # what was not measured was never the best


@pytest.mark.parametrize(
    ("strip", "progress"),
    [
        (TRAIN[:5], 650),
        (TRAIN[5:10], 200),
        (TRAIN[10:15], 120),
        (TRAIN[15:20], 1000 * (9.75 / 9.5 - 1)),
        (TRAIN[25:], 0),
        ([0.0, 0.0], 0),
        ([1.0, 0.0], math.inf),
    ],
)
def test_progress_by_hand(strip: Sequence[float], progress: float) -> None:
    assert training_progress(strip) == pytest.approx(progress, rel=1e-12)


def test_loss_where_the_best_is_perfect() -> None:
    assert generalization_loss(0, 0) == 0
    assert generalization_loss(0.1, 0) == math.inf
    assert [stop.epoch for stop in replay(recorded([1.0, 0.5, 0.4], [0, 0, 0.1]), [GL(5)])] == [3]


def test_e10_the_error_of_an_epoch_is_not_that_of_all_epochs_till_then() -> None:
    # The slide calls E_va(t) "validation error till epoch t" and E_opt(t) "minimum validation
    # error till epoch t". Were both the minimum, GL would be 0 and nothing would ever stop.
    till = np.minimum.accumulate(VALIDATION).tolist()
    assert all(stop.epoch == 30 for stop in replay(recorded(TRAIN, till), ALL_14[:4]))
    # It is the error at epoch t, above the lowest till t.
    errors = Errors()
    for train, validation in zip(TRAIN, VALIDATION, strict=True):
        errors.append(train, validation)
    assert errors.lowest == till
    assert errors.at(13) == 4.4
    assert generalization_loss(errors.at(13), errors.lowest[12]) == pytest.approx(10)


def test_e11_the_quotient_that_the_slide_gives_in_words() -> None:
    # "Suppress stopping if training is progressing rapidly": the same loss of 20 % stops a run
    # whose training error has settled (5.3 per thousand), and not one in which it falls (120).
    falls, settled = TRAIN[10:15], [2.0, 2.0, 2.0, 2.0, 1.98]
    for strip, quotient in ((falls, 20 / 120), (settled, 20 / (1000 * (9.98 / 9.9 - 1)))):
        train = TRAIN[:10] + strip
        for alpha in (0.9 * quotient, 1.1 * quotient):
            (stop,) = replay(recorded(train, VALIDATION[:15]), [PQ(alpha)])
            assert stop.stopped_by == (f"PQ {alpha:g}" if alpha < quotient else "end")
    assert replay(recorded(TRAIN[:15], VALIDATION[:15]), [GL(5), PQ(0.5)])[0].epoch == 13


def test_up_forgives_any_level_and_no_direction() -> None:
    tiny = [1.0, 1.0 + 1e-9, 1.0 + 2e-9]
    (stop,) = replay(recorded([3.0, 2.0, 1.0], tiny), [UP(2, k=1)])
    assert (stop.epoch, stop.stopped_by) == (3, "UP 2")
    steps = [1.0, 9.0, 8.0, 20.0, 19.0]
    (stop,) = replay(recorded([5.0, 4.0, 3.0, 2.0, 1.0], steps), [UP(2, k=1)])
    assert stop.stopped_by == "end"


@given(
    st.lists(st.tuples(st.floats(0.1, 9), st.floats(0.1, 9)), min_size=1, max_size=40),
    st.integers(1, 3),
    st.integers(1, 6),
)
def test_up_is_its_recursion(pairs: list[tuple[float, float]], s: int, k: int) -> None:
    def stops(level: int, t: int) -> bool:  # epochs from 1, as in the paper
        rose = t > k and t % k == 0 and pairs[t - 1][1] > pairs[t - k - 1][1]
        return rose and (level == 1 or stops(level - 1, t - k))

    watch = Watch(UP(s, k), safety=None)
    expected = False
    for t, (train, validation) in enumerate(pairs, 1):
        expected = expected or stops(s, t)
        assert watch.update(train, validation) is expected


@given(st.lists(st.tuples(st.floats(0.1, 9), st.floats(0.1, 9)), min_size=1, max_size=60))
def test_slower_criteria_stop_later_and_end_no_worse(pairs: list[tuple[float, float]]) -> None:
    stops = replay(recorded(*zip(*pairs, strict=True)), ALL_14)
    for family in (stops[:4], stops[4:9], stops[9:]):
        epochs, losses = [s.epoch for s in family], [s.loss for s in family]
        assert epochs == sorted(epochs)
        assert losses == sorted(losses, reverse=True)
    for stop in stops:
        seen = [validation for _, validation in pairs[: stop.epoch]]
        assert stop.best_error == min(seen)
        assert stop.best_epoch == seen.index(min(seen)) + 1
        assert stop.error == seen[-1]


def test_safety_ends_what_nothing_ends() -> None:
    falling = [1 / (t + 1) for t in range(40)]
    assert replay(recorded(falling, falling))[0].stopped_by == "end"
    (stop,) = replay(recorded(falling, falling), [GL(1)], safety=Safety(epochs=17))
    assert (stop.epoch, stop.stopped_by) == (17, "safety")
    rises = Watch(GL(1), Safety(epochs=2))
    assert [rises.update(1.0, 1.0), rises.update(0.5, 2.0)] == [False, True]
    assert rises.stopped == "GL 1"  # where both hold, it is the criterion that stopped
    still = [0.5] * 40
    assert {stop.epoch for stop in replay(recorded(still, falling))} == {5}
    assert {stop.epoch for stop in replay(recorded(still, falling), safety=None)} == {40}


def test_a_record_without_seconds_counts_epochs() -> None:
    records = [{key: r[key] for key in ("train_loss", "test_loss")} for r in RUN]
    assert (replay(records)[0].time, replay(records)[0].share) == (11, 11 / 30)
    assert replay(RUN, validation="train_loss")[0].stopped_by == "safety"


def test_the_table_has_a_line_for_each() -> None:
    lines = table(replay(RUN)).splitlines()
    assert len(lines) == 15
    assert lines[1].split() == ["GL", "1", "GL", "1", "11", "4.06", "4", "9", "25.0", "36.7"]
    assert len({len(line) for line in lines}) == 1


def run_of(history: list[dict[str, Any]], **more: Any) -> Any:
    run = SimpleNamespace(
        progress=SimpleNamespace(history=list(history)), stopped=None, test=(None, None), **more
    )
    run.stop = lambda reason: setattr(run, "stopped", reason)
    return run


def test_the_callback_stops_where_the_replay_says_also_after_a_resume() -> None:
    for criterion, stop in zip(ALL_14, replay(RUN), strict=True):
        for resumed_after in (0, 3, stop.epoch - 1, stop.epoch):
            callback, run = EarlyStopping(criterion), run_of(RUN[:resumed_after])
            callback.on_start(run)
            for record in RUN[resumed_after:]:
                if run.stopped:
                    break
                run.progress.history.append(record)
                callback.on_epoch(run, record)
            assert len(run.progress.history) == stop.epoch
            assert run.stopped.startswith(stop.stopped_by)
            callback.on_start(run_of([]))  # a callback may serve another run
            assert callback.watch.errors.train == []


def test_the_callback_ends_a_run_that_diverged() -> None:
    run = run_of([])
    callback = EarlyStopping(GL(5))
    callback.on_start(run)
    callback.on_epoch(run, {"epoch": 1, "train_loss": math.nan, "test_loss": 1.0})
    assert run.stopped == "the errors of epoch 1 are not finite"


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: GL(0), ArgumentError, "GL: alpha expects .* above 0, but got 0"),
        (lambda: PQ(1, k=0), ArgumentError, "PQ: k expects"),
        (lambda: UP(math.inf), ArgumentError, "UP: s expects a finite"),
        (lambda: Safety(epochs=0), ArgumentError, "Safety: epochs"),
        (lambda: replay([]), DataError, "none of 0"),
        (lambda: replay(RUN, validation="val_loss"), DataError, "'val_loss', but none of 30"),
        (lambda: replay([{"loss": 1}]), DataError, "'train_loss' .* epoch 1 .* keys are loss"),
        (lambda: replay(RUN, every=0), ArgumentError, "every expects"),
        (lambda: replay(RUN, [UP(2, k=3)], every=2), DataError, "end of each strip, but epoch"),
        (lambda: replay(recorded([1], [-1])), ArgumentError, "validation error .* it is -1"),
        (lambda: replay(recorded([math.nan], [1])), ArgumentError, "train error .* it is nan"),
        (
            lambda: EarlyStopping(GL(1)).on_start(SimpleNamespace(test=None)),
            ArgumentError,
            "validation data are expected",
        ),
        (lambda: ReduceOnPlateau(0.1, factor=1), ArgumentError, "factor .* between 0 and 1"),
        (lambda: ReduceOnPlateau(0.0), ArgumentError, "value .* above 0, but got 0.0"),
        (lambda: ReduceOnPlateau(0.1, minimum=1), ArgumentError, "minimum .* from 0 to value"),
        (lambda: ReduceOnPlateau(0.1, patience=-1), ArgumentError, "patience .* at least 0"),
        (lambda: ReduceOnPlateau(0.1, mode="mim"), ArgumentError, "no mode 'mim'; did you mean"),
        (
            lambda: ReduceOnPlateau(0.1).on_epoch(None, {"epoch": 1}),
            ArgumentError,
            "'test_loss', but epoch 1 has none",
        ),
    ],
)
def test_errors_teach(make: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_a_plateau_by_hand() -> None:
    lr = ReduceOnPlateau(1.0, factor=0.5, patience=2, cooldown=1, minimum=0.3)
    told = [5, 4, 4, 4, 4, 4, 4, 4, 4, 3, 3, 3, 3]
    #       best  1  2  3: half; 1 to cool; 1  2  3: least; cool and best; 1  2  3: no lower
    assert [lr.update(error) for error in told] == [i in {4, 8} for i in range(13)]
    assert lr(10**6) == 0.3
    lr.reset()
    assert lr(0) == 1.0


def test_a_plateau_is_a_hyper_parameter_and_knows_its_history() -> None:
    weight = Parameter(np.zeros(1))
    lr = ReduceOnPlateau(1.0, factor=0.5, patience=0)
    sgd = optim.SGD([weight], lr=lr)
    history: list[dict[str, Any]] = []
    for epoch, error in enumerate((3.0, 2.0, 2.0, 1.0, 1.0), 1):
        (weight * 1.0).sum().backward()
        sgd.step()
        sgd.zero_grad()
        history.append({"epoch": epoch, "test_loss": error})
        lr.on_epoch(run_of(history), history[-1])
    assert weight.item() == -(1 + 1 + 1 + 0.5 + 0.5)
    again = ReduceOnPlateau(1.0, factor=0.5, patience=0)
    again.on_start(run_of(history))
    assert (again.value, again.best) == (lr.value, lr.best) == (0.25, 1.0)
    again.on_start(run_of([]))
    assert again.value == 1.0


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
@pytest.mark.parametrize("patience", [0, 3])
@pytest.mark.parametrize("cooldown", [0, 2])
def test_pytorch_agrees(mode: str, threshold_mode: str, patience: int, cooldown: int) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for minimum, threshold in ((0.0, 1e-4), (1e-3, 0.1)):
        words = {
            "factor": 0.3,
            "patience": patience,
            "cooldown": cooldown,
            "mode": mode,
            "threshold": threshold,
            "threshold_mode": threshold_mode,
        }
        lr = ReduceOnPlateau(0.1, minimum=minimum, **words)
        sgd = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
        theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(sgd, min_lr=minimum, **words)
        errors = np.append(rng.uniform(0.5, 1, size=60) / np.arange(1, 61) ** 0.3, [np.nan] * 5)
        for error in errors:
            lr.update(float(error))
            theirs.step(float(error))
            assert lr(0) == pytest.approx(sgd.param_groups[0]["lr"], rel=1e-12)
        assert lr(0) < 0.1
