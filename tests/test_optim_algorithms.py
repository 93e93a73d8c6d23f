"""The optimizers beyond SGD and Adam: PyTorch's numbers, papers' formulas, and what each is for.

LARS and LAMB, which PyTorch lacks, are held against their algorithms written out in NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any

import numpy as np
import pytest

import tinygrad_course as tg
from tinygrad_course import optim
from tinygrad_course.errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError

SHAPES = [(3, 4), (4,), (), (2, 1, 3)]
BETAS = ((0.9, 0.999), (0.0, 0.5))


def grid(**options: tuple[Any, ...]) -> list[dict[str, Any]]:
    """Every combination of the options' values."""
    return [dict(zip(options, values, strict=True)) for values in product(*options.values())]


MOMENTS = {
    "lr": (0.01,),
    "betas": BETAS,
    "eps": (1e-8, 1e-3),
    "weight_decay": (0.0, 0.1),
    "decoupled_weight_decay": (False, True),
}
OPTIONS: dict[str, list[dict[str, Any]]] = {
    "Adagrad": grid(
        lr=(0.1,),
        lr_decay=(0.0, 0.2),
        weight_decay=(0.0, 0.1),
        initial_accumulator_value=(0.0, 0.5),
        eps=(1e-10, 1e-3),
    ),
    "Adadelta": grid(lr=(1.0, 0.1), rho=(0.9, 0.5), eps=(1e-6, 1e-3), weight_decay=(0.0, 0.1)),
    "RMSprop": grid(
        lr=(0.01,),
        alpha=(0.99, 0.5),
        eps=(1e-8, 1e-3),
        weight_decay=(0.0, 0.1),
        momentum=(0.0, 0.9),
        centered=(False, True),
    ),
    "Rprop": grid(lr=(0.01, 1.0), etas=((0.5, 1.2), (0.3, 2.0)), step_sizes=((1e-6, 50), (0.1, 1))),
    "NAdam": grid(**MOMENTS, momentum_decay=(4e-3, 0.5)),
    "RAdam": grid(**MOMENTS),
    "AMSGrad": grid(**MOMENTS),
}
EVERY = [(name, options) for name, several in OPTIONS.items() for options in several]
ALL = [*OPTIONS, "LARS", "LAMB"]


def fresh(dtype: str = "float64") -> list[tg.Parameter]:
    rng = np.random.default_rng(1)
    return [tg.Parameter(rng.standard_normal(shape), dtype=dtype) for shape in SHAPES]


def gradients(step: int) -> list[np.ndarray]:
    """Gradients with a drift, so that signs both stay and turn."""
    rng = np.random.default_rng(100 + step)
    return [np.asarray(0.5 + rng.standard_normal(shape)) for shape in SHAPES]


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


@contextmanager
def torch_in_float64() -> Iterator[Any]:
    """PyTorch keeps NAdam's product of momenta in the default dtype."""
    torch = pytest.importorskip("torch")
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield torch
    finally:
        torch.set_default_dtype(before)


def torch_twin(torch: Any, name: str, twins: list[Any], options: dict[str, Any]) -> Any:
    if name != "AMSGrad":
        return getattr(torch.optim, name)(twins, **options)
    kept = {key: value for key, value in options.items() if key != "decoupled_weight_decay"}
    kind = torch.optim.AdamW if options.get("decoupled_weight_decay") else torch.optim.Adam
    return kind(twins, amsgrad=True, **kept)


def largest_difference(
    name: str, options: dict[str, Any], skipped: Callable[[int, int], bool] = lambda s, i: False
) -> float:
    """Between PyTorch and us, relative to 1 + |p|, in any of 50 steps."""
    with torch_in_float64() as torch:
        parameters = fresh()
        twins = [torch.nn.Parameter(torch.from_numpy(np.array(p.data))) for p in parameters]
        ours = getattr(optim, name)(parameters, **options)
        theirs = torch_twin(torch, name, twins, options)
        worst = 0.0
        for step in range(50):
            for index, (t, g) in enumerate(zip(twins, gradients(step), strict=True)):
                t.grad = None if skipped(step, index) else torch.from_numpy(g)
            theirs.step()
            run(ours, parameters, step, step + 1, skipped)
            for p, t in zip(parameters, twins, strict=True):
                difference = np.abs(p.data - t.detach().numpy()) / (1 + np.abs(p.data))
                worst = max(worst, float(difference.max()))
        return worst


@pytest.mark.parametrize(("name", "options"), EVERY)
def test_fifty_steps_are_pytorchs(name: str, options: dict[str, Any]) -> None:
    assert largest_difference(name, options) < 1e-12


@pytest.mark.parametrize("name", OPTIONS)
def test_parameters_without_a_gradient_keep_their_own_count(name: str) -> None:
    def skipped(step: int, index: int) -> bool:
        return (step + index) % 3 == 0 or step < index

    assert largest_difference(name, {"lr": 0.01}, skipped) < 1e-12


@pytest.mark.parametrize("name", OPTIONS)
def test_the_defaults_are_pytorchs(name: str) -> None:
    with torch_in_float64() as torch:
        ours = getattr(optim, name)(fresh()).values()
        theirs = torch_twin(torch, name, [torch.nn.Parameter(torch.zeros(1))], {}).defaults
    assert ours == {key: theirs[key] for key in ours}


@pytest.mark.parametrize(
    "options", grid(lr=(0.5,), momentum=(0.9, 0.0), weight_decay=(0.0, 0.1), trust=(1e-3, 0.1))
)
def test_lars_is_algorithm_1_of_its_paper(options: dict[str, Any]) -> None:
    parameters = fresh()
    optimizer = optim.LARS(parameters, **options)
    twins = [p.data.copy() for p in parameters]
    velocities = [np.zeros_like(w) for w in twins]
    decay, momentum = options["weight_decay"], options["momentum"]
    for step in range(50):
        for i, g in enumerate(gradients(step)):
            w = twins[i]
            local_lr = np.linalg.norm(w) / (np.linalg.norm(g) + decay * np.linalg.norm(w))
            local_lr *= options["trust"]
            velocities[i] = momentum * velocities[i] + options["lr"] * local_lr * (g + decay * w)
            twins[i] = w - velocities[i]
        run(optimizer, parameters, step, step + 1)
        for p, w in zip(parameters, twins, strict=True):
            np.testing.assert_allclose(p.data, w, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "options", grid(lr=(0.01,), betas=BETAS, eps=(1e-6, 1e-3), weight_decay=(0.0, 0.1))
)
def test_lamb_is_algorithm_2_of_its_paper(options: dict[str, Any]) -> None:
    parameters = fresh()
    optimizer = optim.LAMB(parameters, **options)
    twins = [p.data.copy() for p in parameters]
    first, second = ([np.zeros_like(w) for w in twins] for _ in range(2))
    beta1, beta2 = options["betas"]
    for step in range(50):
        for i, g in enumerate(gradients(step)):
            x = twins[i]
            first[i] = beta1 * first[i] + (1 - beta1) * g
            second[i] = beta2 * second[i] + (1 - beta2) * g**2
            m = first[i] / (1 - beta1 ** (step + 1))
            v = second[i] / (1 - beta2 ** (step + 1))
            r = m / (np.sqrt(v) + options["eps"])
            u = r + options["weight_decay"] * x
            twins[i] = x - options["lr"] * np.linalg.norm(x) / np.linalg.norm(u) * u
        run(optimizer, parameters, step, step + 1)
        for p, w in zip(parameters, twins, strict=True):
            np.testing.assert_allclose(p.data, w, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["LARS", "LAMB"])
def test_what_starts_at_zero_leaves_it_and_no_gradient_is_no_accident(name: str) -> None:
    """Their ratio of norms would keep a bias of zeros at zero, and divide by a norm of 0."""
    bias, still = tg.Parameter([0.0, 0.0]), tg.Parameter([1.0, 2.0])
    optimizer = getattr(optim, name)([bias, still], lr=0.1)
    bias.grad, still.grad = np.array([1.0, -2.0], "f4"), np.zeros(2, "f4")
    optimizer.step()
    assert bias.data[0] < 0 < bias.data[1]
    assert still.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_layerwise_step_is_a_part_of_the_weights_length(scale: float) -> None:
    """Whatever the gradient's size: that is why they stand large batches."""
    for name, options in (("LARS", {"lr": 1.0, "trust": 0.01}), ("LAMB", {"lr": 0.01, "eps": 0.0})):
        (p,) = [tg.Parameter(np.arange(1.0, 13.0).reshape(3, 4), dtype="float64")]
        before = p.data.copy()
        p.grad = scale * gradients(0)[0]
        getattr(optim, name)([p], **options).step()
        moved = np.linalg.norm(p.data - before) / np.linalg.norm(before)
        assert moved == pytest.approx(0.01, rel=1e-12)


def walk(name: str, **options: Any) -> float:
    """Where the counter-example of Reddi et al. (section 3) is walked to, from 0.

    The losses 3 x, -x, -x come in turn, for x in [-1, 1]: their mean x / 3 is least at -1.
    """
    x = tg.Parameter([0.0], dtype="float64")
    optimizer = getattr(optim, name)([x], betas=(0.0, 1 / (1 + 3**2)), eps=0.0, **options)
    for step in range(3000):
        x.grad = np.array([3.0 if step % 3 == 0 else -1.0])
        optimizer.step()
        x.assign(x.data.clip(-1, 1))
    return x.item()


def test_amsgrad_goes_down_where_adam_goes_up() -> None:
    def rate(step: int) -> float:
        return 0.5 / math.sqrt(step + 1)

    assert walk("Adam", lr=rate) > 0.9
    assert walk("AMSGrad", lr=rate) < -0.9


def test_centered_rmsprop_stays_finite_where_gradients_never_change() -> None:
    """v - m^2 is then 0 but for rounding, which may leave it negative: the root would be NaN."""
    p = tg.Parameter(np.zeros(64), dtype="float32")
    optimizer = optim.RMSprop([p], lr=1e-6, alpha=0.5, centered=True, eps=1e-3)
    gradient = np.linspace(0.1, 3.0, 64, dtype="float32")
    for _ in range(200):
        p.grad = gradient
        optimizer.step()
    assert np.isfinite(p.data).all()


def test_rprop_reads_signs_even_of_gradients_whose_product_underflows() -> None:
    p, q = (tg.Parameter([1.0, 1.0], dtype="float64") for _ in range(2))
    for parameter, scale in ((p, 1e-200), (q, 1.0)):
        optimizer = optim.Rprop([parameter], lr=0.1)
        for signs in ([1.0, 1.0], [1.0, -1.0], [1.0, -1.0], [1.0, 0.0]):
            parameter.grad = scale * np.array(signs)
            optimizer.step()
    assert p.tolist() == q.tolist() == pytest.approx([1 - 0.1 - 0.12 - 0.144 - 0.1728, 0.95])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("Adagrad", {"lr": 1.0}),
        ("RMSprop", {"lr": 0.3}),
        ("NAdam", {"lr": 0.3}),
        ("RAdam", {"lr": 0.02, "betas": (0.9, 0.99)}),  # its first steps are plain momentum's
        ("AMSGrad", {"lr": 0.3}),
        ("LAMB", {"lr": 0.3}),
    ],
)
def test_a_bowl_is_descended(name: str, options: dict[str, Any]) -> None:
    """1/2 (x - c)' A (x - c) with a condition of 100, to its minimum."""
    scales, centre = np.array([1.0, 10.0, 100.0]), np.array([1.0, -2.0, 0.5])
    x = tg.Parameter([3.0, 3.0, 3.0], dtype="float64")
    optimizer = getattr(optim, name)([x], **{**options, "lr": optim.cosine(options["lr"], 1000)})
    for _ in range(1000):
        x.grad = scales * (x.data - centre)
        optimizer.step()
    np.testing.assert_allclose(x.data, centre, atol=1e-2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ALL)
def test_resuming_is_bit_identical(name: str, dtype: str) -> None:
    def make(parameters: list[tg.Parameter]) -> optim.Optimizer:
        return getattr(optim, name)(parameters, lr=optim.cosine(0.1, 20))

    def skipped(step: int, index: int) -> bool:
        return (step + index) % 4 == 0

    straight, first = fresh(dtype), fresh(dtype)
    run(make(straight), straight, 0, 20, skipped)
    optimizer = make(first)
    run(optimizer, first, 0, 7, skipped)
    state = optimizer.state_dict()
    second = [tg.Parameter(p.data) for p in first]
    resumed = make(second)
    resumed.load_state_dict(state)
    run(resumed, second, 7, 20, skipped)
    for p, q in zip(straight, second, strict=True):
        assert p.data.tobytes() == q.data.tobytes()
        assert p.data.dtype == dtype


def test_a_slot_of_another_shape_than_its_parameter_is_checked_too() -> None:
    parameters = fresh()
    optimizer = optim.NAdam(parameters)
    run(optimizer, parameters, 0, 2)
    state = optimizer.state_dict()
    assert state["momentum_product.0"].shape == ()
    with pytest.raises(ShapeError, match=r"'momentum_product.0' has shape \(3, 4\).*wants \(\)"):
        optimizer.load_state_dict(state | {"momentum_product.0": np.ones((3, 4))})
    with pytest.raises(DtypeError, match="float32"):
        optimizer.load_state_dict(state | {"momentum_product.0": np.ones((), "f4")})


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("Adagrad", {"lr_decay": -1}, ArgumentError, "Adagrad: lr_decay must be a finite number"),
        ("Adadelta", {"rho": 1.0}, ArgumentError, "rho .* below 1, but it is 1.0"),
        ("RMSprop", {"alpha": 1.5}, ArgumentError, "alpha .* below 1, but it is 1.5"),
        ("RMSprop", {"centered": 1}, ArgumentTypeError, "centered must be True or False"),
        ("Rprop", {"etas": (1.2, 0.5)}, ArgumentError, "etas .* below 1, but it is 1.2"),
        ("Rprop", {"etas": (0.5, 0.9)}, ArgumentError, "etas .* at least 1, but it is 0.9"),
        ("Rprop", {"step_sizes": (2.0, 1.0)}, ArgumentError, "2.0 and 1.0; exchange them"),
        ("NAdam", {"momentum_decay": -1}, ArgumentError, "NAdam: momentum_decay"),
        ("RAdam", {"betas": (0.9, 1.0)}, ArgumentError, "RAdam: betas .* below 1"),
        ("LARS", {"lr": 0.1, "trust": "a"}, ArgumentTypeError, "LARS: trust must be a number"),
        ("LAMB", {"eps": -1}, ArgumentError, "LAMB: eps"),
    ],
)
def test_wrong_hyper_parameters(
    name: str, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        getattr(optim, name)([tg.Parameter([1.0])], **options)
