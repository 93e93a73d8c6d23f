"""Adagrad, Adadelta and RMSprop: the step of each number, divided by the size of its gradients.

Read them in this order: each answers a weakness of the one before. Read next: `adam.py`, which
adds momentum and a correction of the first steps.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ..backend import Array, array_module, launch
from ..tensor import Parameter
from .groups import Group, Interval, Rule
from .optimizer import Optimizer
from .schedules import Schedule


class Adagrad(Optimizer):
    """Rare features take long steps: each number's rate falls with the gradients it has seen.

        g <- dL/dp + weight_decay p
        s <- s + g^2
        p <- p - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps)

    s only grows, so every rate goes to 0, deserved or not: `RMSprop` forgets instead.

    Args:
        params: parameters, (name, parameter) pairs, or groups; see `Optimizer`.
        lr: the learning rate; this and the other numbers may be schedules.
        lr_decay: makes the rate itself fall as 1 / (1 + (t - 1) lr_decay).
        weight_decay: the factor of p in the gradient.
        initial_accumulator_value: what s starts from; larger makes the first steps shorter.
        eps: keeps the quotient finite where gradients vanish.

    Raises:
        ArgumentError: a value out of its range.
        ArgumentTypeError: something that is no `Parameter`, or no number.

    Example:
        >>> import tinygrad_course as tg
        >>> w = tg.Parameter([1.0, 1.0])
        >>> optimizer = Adagrad([w], lr=0.25)
        >>> (tg.tensor([0.001, 1000.0]) * w).sum().backward()
        >>> optimizer.step()
        >>> w.tolist()
        [0.75, 0.75]

    References:
        Duchi, Hazan and Singer 2011, "Adaptive Subgradient Methods for Online Learning and
        Stochastic Optimization", section 1.1 (the diagonal form).
    """

    ranges: ClassVar[dict[str, Rule]] = {
        "lr": Interval(),
        "lr_decay": Interval(),
        "weight_decay": Interval(),
        "initial_accumulator_value": Interval(),
        "eps": Interval(),
    }

    def __init__(
        self,
        params: Any,
        lr: float | Schedule = 1e-2,
        lr_decay: float | Schedule = 0.0,
        weight_decay: float | Schedule = 0.0,
        initial_accumulator_value: float | Schedule = 0.0,
        eps: float | Schedule = 1e-10,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
        )

    def slots(self, group: Group) -> tuple[str, ...]:
        """s of the formula."""
        return ("square_sum",)

    def new_slot(self, slot: str, parameter: Parameter, group: Group) -> Array:
        """s starts from `initial_accumulator_value`."""
        start = self.values(group, self.steps)["initial_accumulator_value"]
        return array_module(parameter.data).full_like(parameter.data, start)

    def update(
        self,
        parameters: list[Array],
        gradients: list[Array],
        state: dict[str, list[Array]],
        step: int,
        values: dict[str, Any],
    ) -> None:
        """The formula, over all arrays at once."""
        names = ("lr", "lr_decay", "eps", "weight_decay")
        numbers = {name: values[name] for name in names}
        launch("adagrad_step", parameters, gradients, state["square_sum"], step=step, **numbers)


class Adadelta(Optimizer):
    """Steps in the parameter's own units, so that there is no rate to choose.

        g <- dL/dp + weight_decay p
        v <- rho v + (1 - rho) g^2
        d <- g sqrt(u + eps) / sqrt(v + eps)
        u <- rho u + (1 - rho) d^2
        p <- p - lr d

    g / sqrt(v) has no unit, and sqrt(u), the size of the recent steps, has that of p. u starts at
    0, so eps alone sets the first steps: they are short.

    Args:
        params: parameters, (name, parameter) pairs, or groups; see `Optimizer`.
        lr: a factor of the step, 1 in the paper; this and the other numbers may be schedules.
        rho: how much of the two means stays, 0 to below 1.
        eps: inside both roots.
        weight_decay: the factor of p in the gradient.

    Raises:
        ArgumentError: a value out of its range.
        ArgumentTypeError: something that is no `Parameter`, or no number.

    Example:
        >>> import tinygrad_course as tg
        >>> w = tg.Parameter([1.0])
        >>> optimizer = Adadelta([w], rho=0.75, eps=1e-6)
        >>> (1000.0 * w).sum().backward()
        >>> optimizer.step()
        >>> round(w.item(), 6)
        0.998

    References:
        Zeiler 2012, "ADADELTA: An Adaptive Learning Rate Method", algorithm 1.
    """

    ranges: ClassVar[dict[str, Rule]] = {
        "lr": Interval(),
        "rho": Interval(0, 1),
        "eps": Interval(),
        "weight_decay": Interval(),
    }

    def __init__(
        self,
        params: Any,
        lr: float | Schedule = 1.0,
        rho: float | Schedule = 0.9,
        eps: float | Schedule = 1e-6,
        weight_decay: float | Schedule = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, rho=rho, eps=eps, weight_decay=weight_decay)

    def slots(self, group: Group) -> tuple[str, ...]:
        """v and u of the formula."""
        return "square_mean", "update_mean"

    def update(
        self,
        parameters: list[Array],
        gradients: list[Array],
        state: dict[str, list[Array]],
        step: int,
        values: dict[str, Any],
    ) -> None:
        """The formula, over all arrays at once."""
        means = state["square_mean"], state["update_mean"]
        launch("adadelta_step", parameters, gradients, *means, **values)


class RMSprop(Optimizer):
    """The gradient in units of its recent size: Adagrad with a memory that fades.

        g <- dL/dp + weight_decay p
        v <- alpha v + (1 - alpha) g^2
        d <- g / (sqrt(v) + eps)
        d <- g / (sqrt(v - m^2) + eps)     centered, with m <- alpha m + (1 - alpha) g
        p <- p - lr d
        p <- p - lr b                      with momentum: b <- momentum b + d

    Centered divides by the gradient's standard deviation: a gradient that is always the same takes
    ever longer steps. v starts at 0 without correction, so the first steps are up to
    1 / sqrt(1 - alpha) times longer than the later ones: `Adam` corrects that.

    Args:
        params: parameters, (name, parameter) pairs, or groups; see `Optimizer`.
        lr: the learning rate; this and the other numbers may be schedules.
        alpha: how much of the means stays, 0 to below 1.
        eps: keeps the quotient finite where gradients vanish.
        weight_decay: the factor of p in the gradient.
        momentum: how much of the velocity stays, 0 to below 1.
        centered: divide by the standard deviation instead of the size.

    Raises:
        ArgumentError: a value out of its range.
        ArgumentTypeError: something that is no `Parameter`, or no number.

    Example:
        >>> import tinygrad_course as tg
        >>> w = tg.Parameter([1.0])
        >>> optimizer = RMSprop([w], lr=0.25, alpha=0.75)
        >>> (1000.0 * w).sum().backward()
        >>> optimizer.step()
        >>> w.tolist()
        [0.5]

    References:
        Tieleman and Hinton 2012, "Neural Networks for Machine Learning", lecture 6.5. Centered and
        with momentum: Graves 2013, "Generating Sequences With Recurrent Neural Networks",
        equations 38 to 41, where eps stands inside the root and the velocity contains the rate.
    """

    ranges: ClassVar[dict[str, Rule]] = {
        "lr": Interval(),
        "alpha": Interval(0, 1),
        "eps": Interval(),
        "weight_decay": Interval(),
        "momentum": Interval(0, 1),
        "centered": None,
    }

    def __init__(
        self,
        params: Any,
        lr: float | Schedule = 1e-2,
        alpha: float | Schedule = 0.99,
        eps: float | Schedule = 1e-8,
        weight_decay: float | Schedule = 0.0,
        momentum: float | Schedule = 0.0,
        centered: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            alpha=alpha,
            eps=eps,
            weight_decay=weight_decay,
            momentum=momentum,
            centered=centered,
        )

    def slots(self, group: Group) -> tuple[str, ...]:
        """v, and what centering and momentum need: m and b of the formula."""
        mean = ("mean",) if group.options["centered"] else ()
        return ("square_mean", *mean, *(("velocity",) if group.options["momentum"] != 0 else ()))

    def update(
        self,
        parameters: list[Array],
        gradients: list[Array],
        state: dict[str, list[Array]],
        step: int,
        values: dict[str, Any],
    ) -> None:
        """The formula, over all arrays at once."""
        kept = state["square_mean"], state.get("mean"), state.get("velocity")
        launch("rmsprop_step", parameters, gradients, *kept, **values)
