"""Optimizers: PyTorch's numbers, groups, schedules, exact resumption, and errors that teach."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

import tinygrad_course as tg
from tinygrad_course import nn, optim
from tinygrad_course.errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError

SHAPES = [(3, 4), (4,), (), (2, 1, 3)]

SGD_OPTIONS = [
    {"lr": 0.1, "momentum": m, "dampening": d, "nesterov": n, "weight_decay": w}
    for m, d, n, w in product((0.0, 0.9), (0.0, 0.3), (False, True), (0.0, 0.01))
    if not n or (m and not d)
]
ADAM_OPTIONS = [
    {"lr": 0.01, "betas": b, "eps": e, "weight_decay": w}
    for b, e, w in product(((0.9, 0.999), (0.0, 0.5)), (1e-8, 1e-3), (0.0, 0.1))
]
EVERY = (
    [("SGD", options) for options in SGD_OPTIONS]
    + [("Adam", options) for options in ADAM_OPTIONS]
    + [("AdamW", options) for options in ADAM_OPTIONS]
)


def fresh(dtype: str = "float64") -> list[tg.Parameter]:
    rng = np.random.default_rng(1)
    return [tg.Parameter(rng.standard_normal(shape), dtype=dtype) for shape in SHAPES]


def gradients(step: int) -> list[np.ndarray]:
    rng = np.random.default_rng(100 + step)
    return [rng.standard_normal(shape) for shape in SHAPES]


def run(
    optimizer: optim.Optimizer,
    parameters: list[tg.Parameter],
    first: int,
    last: int,
    skipped: Callable[[int, int], bool] = lambda step, index: False,
) -> None:
    for step in range(first, last):
        for index, (p, g) in enumerate(zip(parameters, gradients(step), strict=True)):
            p.grad = None if skipped(step, index) else g.astype(p.dtype)
        optimizer.step()


def torch_twins(parameters: list[tg.Parameter]) -> list[Any]:
    torch = pytest.importorskip("torch")
    return [torch.nn.Parameter(torch.from_numpy(np.array(p.data))) for p in parameters]


def assert_torch_agrees(
    parameters: list[tg.Parameter],
    ours: optim.Optimizer,
    twins: list[Any],
    theirs: Any,
    skipped: Callable[[int, int], bool] = lambda step, index: False,
) -> None:
    torch = pytest.importorskip("torch")
    for step in range(50):
        for index, (t, g) in enumerate(zip(twins, gradients(step), strict=True)):
            t.grad = None if skipped(step, index) else torch.from_numpy(g)
        theirs.step()
        run(ours, parameters, step, step + 1, skipped)
        for p, t in zip(parameters, twins, strict=True):
            np.testing.assert_allclose(p.data, t.detach().numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("name", "options"), EVERY)
def test_fifty_steps_are_pytorchs(name: str, options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    parameters = fresh()
    twins = torch_twins(parameters)
    ours = getattr(optim, name)(parameters, **options)
    assert_torch_agrees(parameters, ours, twins, getattr(torch.optim, name)(twins, **options))


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_parameters_without_a_gradient_keep_their_own_count(name: str) -> None:
    torch = pytest.importorskip("torch")
    options = {"lr": 0.01, "momentum": 0.9, "dampening": 0.3} if name == "SGD" else {"lr": 0.01}
    parameters = fresh()
    twins = torch_twins(parameters)
    ours = getattr(optim, name)(parameters, **options)
    theirs = getattr(torch.optim, name)(twins, **options)
    assert_torch_agrees(
        parameters, ours, twins, theirs, lambda step, index: (step + index) % 3 == 0 or step < index
    )


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_one_parameter_misses_a_step_now_and_then(name: str) -> None:
    """In between all take their steps together, from different counts on."""
    torch = pytest.importorskip("torch")
    options = {"lr": 0.01, "momentum": 0.9, "dampening": 0.3} if name == "SGD" else {"lr": 0.01}
    parameters = fresh()
    twins = torch_twins(parameters)
    ours = getattr(optim, name)(parameters, **options)
    theirs = getattr(torch.optim, name)(twins, **options)
    assert_torch_agrees(
        parameters, ours, twins, theirs, lambda step, index: index == 1 and step in (0, 7, 8, 30)
    )


def test_arrays_and_states_that_are_replaced_between_steps() -> None:
    parameters, twins = fresh("float32"), fresh("float64")
    optimizer, other = optim.Adam(parameters, lr=0.1), optim.Adam(twins, lr=0.1)
    run(optimizer, parameters, 0, 3)
    saved, values = optimizer.state_dict(), [p.data.copy() for p in parameters]
    run(optimizer, parameters, 3, 6)
    straight = [p.data.copy() for p in parameters]
    optimizer.load_state_dict(saved)
    for p, old in zip(parameters, values, strict=True):
        p.assign(old)
    run(optimizer, parameters, 3, 6)
    assert all(np.array_equal(p.data, a) for p, a in zip(parameters, straight, strict=True))
    run(other, twins, 0, 2)
    for p in twins:
        p.data = p.data.copy()
    old = [p.data for p in twins]
    run(other, twins, 2, 3)
    assert all(p.data is a for p, a in zip(twins, old, strict=True))
    for p, a in zip(twins, values, strict=True):
        np.testing.assert_allclose(p.data, a, rtol=1e-5, atol=1e-6)


def test_the_defaults_are_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    for name in ("Adam", "AdamW"):
        ours = getattr(optim, name)(fresh()).values()
        theirs = getattr(torch.optim, name)(torch_twins(fresh())).defaults
        assert ours == {key: theirs[key] for key in ours}


def test_groups_have_their_own_values() -> None:
    a, b = tg.Parameter([1.0]), tg.Parameter([1.0])
    optimizer = optim.SGD([{"params": [a]}, {"params": [("head", b)], "lr": 0.5}], lr=0.25)
    a.grad, b.grad = np.ones(1, "float32"), np.ones(1, "float32")
    optimizer.step()
    assert (a.item(), b.item()) == (0.75, 0.5)
    assert optimizer.groups[1].names == ["head"]
    assert [optimizer.values(group)["lr"] for group in optimizer.groups] == [0.25, 0.5]
    assert repr(optimizer).startswith("SGD(2 parameters in 2 groups, lr=0.25")
    optimizer.zero_grad()
    assert a.grad is None
    assert b.grad is None


def test_a_schedule_is_called_with_the_steps_already_made() -> None:
    rates = [0.5, 0.25, 0.125]
    seen: list[int] = []

    def schedule(step: int) -> float:
        seen.append(step)
        return rates[step]

    p = tg.Parameter([1.0])
    optimizer = optim.SGD([p], lr=schedule)
    for expected in (0.5, 0.25, 0.125):
        p.grad = np.ones(1, "float32")
        optimizer.step()
        assert optimizer.lr == expected
    assert p.item() == 1.0 - sum(rates)
    assert optimizer.steps == 3
    assert sorted(set(seen)) == [0, 1, 2]


def test_a_scheduled_beta_and_momentum_reach_the_kernel() -> None:
    p, q = tg.Parameter([1.0], dtype="float64"), tg.Parameter([1.0], dtype="float64")
    scheduled = optim.Adam([p], lr=optim.constant(0.1), betas=(optim.constant(0.8), 0.99))
    plain = optim.Adam([q], lr=0.1, betas=(0.8, 0.99))
    for step in range(5):
        p.grad = q.grad = np.array([math.sin(step)])
        scheduled.step()
        plain.step()
    assert p.item() == q.item()
    momentum = optim.SGD([p], lr=0.1, momentum=optim.multi_step(0.9, [1], 0.5))
    before = p.item()
    for _ in range(2):
        p.grad = np.array([1.0])
        momentum.step()
    assert p.item() == pytest.approx(before - 0.1 * (1 + (0.45 * 1 + 1)), rel=1e-14)


def test_frozen_parameters_stay() -> None:
    model = nn.Sequential(nn.Dense(2, 2), nn.Dense(2, 1))
    model[0].freeze()
    before = model.state_dict()
    optimizer = optim.AdamW(model.named_parameters(), lr=0.1)
    model(tg.tensor([[1.0, 2.0]])).sum().backward()
    optimizer.step()
    after = model.state_dict()
    assert all(np.array_equal(before[n], after[n]) for n in before if n.startswith("layers.0"))
    assert not np.array_equal(before["layers.1.weight"], after["layers.1.weight"])
    assert "updates.layers.0.weight" not in optimizer.state_dict()


def test_a_graph_older_than_a_step_is_refused() -> None:
    w = tg.Parameter([2.0])
    loss = (w * w).sum()
    w.grad = np.ones(1, "float32")
    optim.SGD([w], lr=0.1).step()
    with pytest.raises(tg.errors.GraphError):
        loss.backward()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "make",
    [
        lambda p: optim.SGD(p, lr=0.1),
        lambda p: optim.SGD(p, lr=optim.cosine(0.1, 20), momentum=0.9, nesterov=True),
        lambda p: optim.Adam(p, lr=optim.one_cycle(0.1, 20)),
        lambda p: optim.AdamW(p, lr=0.1, weight_decay=0.1),
    ],
)
def test_resuming_is_bit_identical(make: Callable[[Any], optim.Optimizer], dtype: str) -> None:
    def skipped(step: int, index: int) -> bool:
        return (step + index) % 4 == 0

    straight = fresh(dtype)
    run(make(straight), straight, 0, 20, skipped)
    first = fresh(dtype)
    optimizer = make(first)
    run(optimizer, first, 0, 7, skipped)
    state = optimizer.state_dict()
    assert all(isinstance(array, np.ndarray) for array in state.values())
    second = [tg.Parameter(p.data) for p in first]
    resumed = make(second)
    resumed.load_state_dict(state)
    run(optimizer, first, 7, 9, skipped)  # the saved state is a copy
    run(resumed, second, 7, 20, skipped)
    assert resumed.steps == 20
    for p, q in zip(straight, second, strict=True):
        assert p.data.tobytes() == q.data.tobytes()
        assert p.data.dtype == dtype


def test_a_numpy_rate_does_not_widen_float32() -> None:
    p, q = fresh("float32"), fresh("float32")
    run(optim.Adam(p, lr=np.float64(0.1), weight_decay=np.float64(0.1)), p, 0, 3)
    run(optim.Adam(q, lr=0.1, weight_decay=0.1), q, 0, 3)
    assert all(a.data.tobytes() == b.data.tobytes() for a, b in zip(p, q, strict=True))


def test_two_dtypes_in_one_group() -> None:
    """Each comes out as if it were alone."""
    together = [tg.Parameter([1.0]), tg.Parameter([1.0], dtype="float64")]
    alone = [tg.Parameter(p.data) for p in together]
    for parameters in (together, alone[:1], alone[1:]):
        for p in parameters:
            p.grad = np.ones(1, p.dtype)
        optim.Adam(parameters, lr=0.5).step()
    assert [p.dtype for p in together] == [np.float32, np.float64]
    assert [p.data.tobytes() for p in together] == [p.data.tobytes() for p in alone]


def test_loading_writes_all_or_nothing() -> None:
    parameters = fresh()
    optimizer = optim.SGD(parameters, lr=0.1, momentum=0.9)
    run(optimizer, parameters, 0, 2)
    good = optimizer.state_dict()
    wrong = [
        (good | {"velocity.1": np.zeros(5)}, ShapeError, r"'velocity.1' has shape \(5,\).*\(4,\)"),
        (good | {"velocity.1": np.zeros(4, "f4")}, DtypeError, "float32, but its parameter"),
        (good | {"velocty.1": np.zeros(4)}, ArgumentError, r"did you mean 'velocity.1'\?$"),
        (good | {"steps": np.array(-1)}, ArgumentError, "'steps' must be a count"),
        (good | {"steps": np.array(0.5)}, ArgumentError, "'steps' must be a count"),
        ({k: v for k, v in good.items() if k != "velocity.2"}, ArgumentError, "lacks 'velocity.2'"),
        ({k: v for k, v in good.items() if k != "steps"}, ArgumentError, "lacks 'steps'"),
    ]
    for state, error, message in wrong:
        with pytest.raises(error, match=message):
            optimizer.load_state_dict(state)
    assert {k: v.tobytes() for k, v in optimizer.state_dict().items()} == {
        k: v.tobytes() for k, v in good.items()
    }
    with pytest.raises(ArgumentError, match="lacks"):
        optim.Adam(parameters).load_state_dict(good)


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        (lambda p: [], ArgumentError, "SGD: there are no parameters"),
        (lambda p: iter(()), ArgumentError, "an iterator that was used before is empty"),
        (lambda p: [p, p], ArgumentError, "parameter '1' was given before as '0'"),
        (lambda p: [{"params": [p]}, {"params": [p]}], ArgumentError, "given before"),
        (lambda p: [("a", p), ("a", tg.Parameter([1.0]))], ArgumentError, "two .* named 'a'"),
        (lambda p: p, ArgumentTypeError, "but it is a Parameter; put it in a list"),
        (lambda p: {"params": [p]}, ArgumentTypeError, "put the group in a list"),
        (lambda p: [tg.tensor([1.0])], ArgumentTypeError, "a Tensor; make it a tg.Parameter"),
        (lambda p: [np.ones(2)], ArgumentTypeError, "entry '0' .* ndarray"),
        (lambda p: nn.Dense(1, 1), ArgumentTypeError, r"Dense; pass its \.parameters\(\)"),
        (
            lambda p: nn.Sequential(nn.Dense(1, 1)),
            ArgumentTypeError,
            r"Dense; pass its \.parameters\(\)",
        ),
        (lambda p: [{"params": [p], "rate": 1.0}], ArgumentError, "sets 'rate'.*Valid names: "),
        (lambda p: [{"params": [p], "momentun": 1}], ArgumentError, "did you mean 'momentum'"),
        (lambda p: [{"lr": 1.0}], ArgumentError, "has no 'params'"),
        (lambda p: [{"params": p}], ArgumentTypeError, "put it in a list"),
        (lambda p: [{"params": [p]}, p], ArgumentTypeError, "mixes groups"),
    ],
)
def test_wrong_parameters(
    params: Callable[[tg.Parameter], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        optim.SGD(params(tg.Parameter([1.0])), lr=0.1)


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("SGD", {"lr": -1}, ArgumentError, "SGD: lr must be a finite number of at least 0.* -1"),
        ("SGD", {"lr": math.nan}, ArgumentError, "lr must be a finite number"),
        ("SGD", {"lr": "0.1"}, ArgumentTypeError, "lr must be a number or a schedule"),
        ("SGD", {"lr": 1, "momentum": 1.0}, ArgumentError, "momentum .* below 1"),
        ("SGD", {"lr": 1, "dampening": -0.1}, ArgumentError, "dampening"),
        ("SGD", {"lr": 1, "weight_decay": -0.1}, ArgumentError, "weight_decay"),
        ("SGD", {"lr": 1, "nesterov": True}, ArgumentError, "nesterov needs a momentum"),
        (
            "SGD",
            {"lr": 1, "nesterov": True, "momentum": 0.9, "dampening": 0.1},
            ArgumentError,
            "nesterov needs a momentum above 0 and dampening 0",
        ),
        ("SGD", {"lr": 1, "nesterov": 1}, ArgumentTypeError, "nesterov must be True or False"),
        ("Adam", {"betas": (0.9, 1.0)}, ArgumentError, "betas .* below 1"),
        ("Adam", {"betas": 0.9}, ArgumentTypeError, "betas must be a tuple of 2 numbers"),
        ("AdamW", {"eps": -1e-8}, ArgumentError, "AdamW: eps"),
    ],
)
def test_wrong_hyper_parameters(
    name: str, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        getattr(optim, name)([tg.Parameter([1.0])], **options)


def test_a_schedule_that_leaves_its_range_names_the_step_and_nothing_moves() -> None:
    a, b = tg.Parameter([1.0]), tg.Parameter([1.0])
    optimizer = optim.SGD([{"params": [a]}, {"params": [b], "lr": lambda step: 0.1 - step}], lr=0.1)
    for p in (a, b):
        p.grad = np.ones(1, "float32")
    optimizer.step()
    before = (a.item(), b.item())
    with pytest.raises(ArgumentError, match=r"lr must be .* -0\.9: its schedule's value at step 1"):
        optimizer.step()
    assert (a.item(), b.item(), optimizer.steps) == (*before, 1)


def test_a_users_own_optimizer() -> None:
    class SignDescent(optim.Optimizer):
        ranges = {"lr": optim.SGD.ranges["lr"]}  # noqa: RUF012

        def __init__(self, params: Any, lr: float) -> None:
            super().__init__(params, lr=lr)

        def slots(self, group: optim.Group) -> tuple[str, ...]:
            return ()

        def update(self, parameters, gradients, state, step, values) -> None:
            for p, g in zip(parameters, gradients, strict=True):
                np.subtract(p, values["lr"] * np.sign(g), out=p)

    w = tg.Parameter([1.0, -1.0])
    optimizer = SignDescent([w], lr=0.5)
    assert repr(optimizer) == "SignDescent(1 parameter, lr=0.5)"
    (w * w).sum().backward()
    optimizer.step()
    assert w.tolist() == [0.5, -0.5]
    with pytest.raises(ArgumentTypeError, match="slots is not written"):
        optim.Optimizer([w]).step()


def test_a_state_that_is_no_dict_is_refused() -> None:
    with pytest.raises(ArgumentTypeError, match=r"SGD.load_state_dict: expected a dict.*NoneType"):
        optim.SGD([tg.Parameter([1.0])], lr=0.1).load_state_dict(None)  # type: ignore[arg-type]
