"""Adam, and AdamW, which takes the weight decay out of the moments. Read next: `schedules.py`."""

from __future__ import annotations

from typing import Any, ClassVar

from ..backend import Array, launch
from .groups import Group, Interval, Rule
from .optimizer import Optimizer
from .schedules import Schedule


class Adam(Optimizer):
    """Each parameter's own step size, from running means of its gradient and of its square.

        g <- dL/dp + weight_decay p
        m <- beta1 m + (1 - beta1) g             v <- beta2 v + (1 - beta2) g^2
        p <- p - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)

    m and v start at 0, and 1 - beta^t corrects for that; t counts a parameter's own updates.

    Args:
        params: parameters, (name, parameter) pairs, or groups; see `Optimizer`.
        lr: the learning rate; this and the other numbers may be schedules.
        betas: (beta1, beta2): how much of the two means stays, each 0 to below 1.
        eps: keeps the quotient finite where gradients vanish.
        weight_decay: the factor of p in the gradient; it passes through m and v. See `AdamW`.

    Raises:
        ArgumentError: a value out of its range.
        ArgumentTypeError: something that is no `Parameter`, or no number.

    Example:
        >>> import tinygrad_course as tg
        >>> w = tg.Parameter([1.0])
        >>> optimizer = Adam([w], lr=0.25)
        >>> (1000.0 * w).sum().backward()
        >>> optimizer.step()
        >>> w.tolist()
        [0.75]

    References:
        Kingma and Ba 2015, "Adam: A Method for Stochastic Optimization", algorithm 1.
    """

    decoupled: ClassVar[bool] = False
    ranges: ClassVar[dict[str, Rule]] = {
        "lr": Interval(),
        "betas": (Interval(0, 1), Interval(0, 1)),
        "eps": Interval(),
        "weight_decay": Interval(),
    }

    def __init__(
        self,
        params: Any,
        lr: float | Schedule = 1e-3,
        betas: tuple[float | Schedule, float | Schedule] = (0.9, 0.999),
        eps: float | Schedule = 1e-8,
        weight_decay: float | Schedule = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    def slots(self, group: Group) -> tuple[str, ...]:
        """m and v of the formula."""
        return "first_moment", "second_moment"

    def update(
        self,
        parameters: list[Array],
        gradients: list[Array],
        state: dict[str, list[Array]],
        step: int,
        values: dict[str, Any],
    ) -> None:
        """The formula, over all arrays at once."""
        beta1, beta2 = values["betas"]
        launch(
            "adam_step",
            parameters,
            gradients,
            state["first_moment"],
            state["second_moment"],
            lr=values["lr"],
            beta1=beta1,
            beta2=beta2,
            eps=values["eps"],
            weight_decay=values["weight_decay"],
            decoupled=self.decoupled,
            step=step,
        )


class AdamW(Adam):
    """Adam with the weight decay applied to p itself: p <- p - lr weight_decay p, then Adam's step.

    In Adam the decay's gradient is divided by sqrt(v) like any other, so parameters with large
    gradients hardly decay; here all shrink alike.

    Args:
        params: parameters, (name, parameter) pairs, or groups; see `Optimizer`.
        lr: the learning rate; this and the other numbers may be schedules.
        betas: (beta1, beta2): how much of the two means stays, each 0 to below 1.
        eps: keeps the quotient finite where gradients vanish.
        weight_decay: the shrinking rate, relative to lr.

    Raises:
        ArgumentError: a value out of its range.
        ArgumentTypeError: something that is no `Parameter`, or no number.

    Example:
        >>> import tinygrad_course as tg
        >>> w = tg.Parameter([1.0])
        >>> optimizer = AdamW([w], lr=0.5, weight_decay=0.5)
        >>> (0.0 * w).sum().backward()
        >>> optimizer.step()
        >>> w.tolist()
        [0.75]

    References:
        Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization", algorithm 2.
    """

    decoupled: ClassVar[bool] = True

    def __init__(
        self,
        params: Any,
        lr: float | Schedule = 1e-3,
        betas: tuple[float | Schedule, float | Schedule] = (0.9, 0.999),
        eps: float | Schedule = 1e-8,
        weight_decay: float | Schedule = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)
