"""Stochastic gradient descent, with momentum and Nesterov's momentum. Read next: `adam.py`."""

from __future__ import annotations

from typing import Any, ClassVar

from ..backend import Array, launch
from ..errors import ArgumentError
from .groups import Group, Interval, Rule
from .optimizer import Optimizer
from .schedules import Schedule


class SGD(Optimizer):
    """Downhill along the gradient g of the mini-batch, or along a velocity v.

        g <- dL/dp + weight_decay p
        v <- momentum v + (1 - dampening) g      (v <- g in a parameter's first update)
        p <- p - lr g                            without momentum
        p <- p - lr v                            with momentum
        p <- p - lr (g + momentum v)             with nesterov

    The velocity is kept without the learning rate (as in PyTorch), so a scheduled rate acts at
    once. `weight_decay` is the factor of p in the gradient, from a penalty weight_decay/2 sum p^2.

    Args:
        params: parameters, (name, parameter) pairs, or groups; see `Optimizer`.
        lr: the learning rate; this and the other numbers may be schedules.
        momentum: how much of the velocity stays, 0 to below 1.
        dampening: how much of the gradient is kept out of the velocity, 0 to below 1.
        nesterov: look ahead along the new velocity; wants a momentum and no dampening.
        weight_decay: the factor of p.

    Raises:
        ArgumentError: a value out of its range, nesterov without momentum or with dampening.
        ArgumentTypeError: something that is no `Parameter`, or no number.

    Example:
        >>> import tinygrad_course as tg
        >>> w = tg.Parameter([1.0])
        >>> optimizer = SGD([w], lr=0.25)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w.tolist(), optimizer.lr
        ([0.5], 0.25)

    References:
        Sutskever, Martens, Dahl and Hinton 2013, "On the importance of initialization and momentum
        in deep learning", section 2 (there the velocity contains the learning rate).
    """

    ranges: ClassVar[dict[str, Rule]] = {
        "lr": Interval(),
        "momentum": Interval(0, 1),
        "dampening": Interval(0, 1),
        "nesterov": None,
        "weight_decay": Interval(),
    }

    def __init__(
        self,
        params: Any,
        lr: float | Schedule,
        momentum: float | Schedule = 0.0,
        dampening: float | Schedule = 0.0,
        nesterov: bool = False,
        weight_decay: float | Schedule = 0.0,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            momentum=momentum,
            dampening=dampening,
            nesterov=nesterov,
            weight_decay=weight_decay,
        )

    def check(self, group: Group) -> None:
        """Nesterov's formula holds with a momentum and without dampening."""
        super().check(group)
        options = group.options
        if options["nesterov"] and (options["momentum"] == 0 or options["dampening"] != 0):
            raise ArgumentError(
                "SGD: nesterov needs a momentum above 0 and dampening 0, but they are "
                f"{options['momentum']!r} and {options['dampening']!r}"
            )

    def slots(self, group: Group) -> tuple[str, ...]:
        """A velocity, unless the momentum is 0 for good."""
        return () if group.options["momentum"] == 0 else ("velocity",)

    def update(
        self,
        parameters: list[Array],
        gradients: list[Array],
        state: dict[str, list[Array]],
        step: int,
        values: dict[str, Any],
    ) -> None:
        """The formula, over all arrays at once."""
        velocities = state.get("velocity")
        launch("sgd_step", parameters, gradients, velocities, first=step == 1, **values)
