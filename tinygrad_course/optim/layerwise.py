"""LARS and LAMB: for batches of thousands, a step as long as the parameter is. Read `sgd.py` first.

|p| is the Euclidean norm of a whole parameter. Where |p| or the direction's norm is 0 (biases that
start at zero) their ratio says nothing, and 1 is used. Biases and normalisation weights are usually
kept out: give them a group of their own without decay, or another optimizer.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ..backend import Array, launch
from .groups import Group, Interval, Rule
from .optimizer import Optimizer
from .schedules import Schedule


class LARS(Optimizer):
    """Momentum, with a rate for each layer that keeps its steps in proportion to its weights.

        a = trust |p| / (|g| + weight_decay |p|)       with g = dL/dp
        v <- momentum v + lr a (g + weight_decay p)
        p <- p - v

    The velocity contains the learning rate, as in the paper (`SGD`'s does not).

    Args:
        params: parameters, (name, parameter) pairs, or groups; see `Optimizer`.
        lr: the global learning rate, often `polynomial(lr, steps, power=2)` after a warm-up; this
            and the other numbers may be schedules.
        momentum: how much of the velocity stays, 0 to below 1.
        weight_decay: the factor of p.
        trust: which part of its length a layer moves where lr is 1.

    Raises:
        ArgumentError: a value out of its range.
        ArgumentTypeError: something that is no `Parameter`, or no number.

    Example:
        >>> import tinygrad_course as tg
        >>> w = tg.Parameter([3.0, 4.0])
        >>> optimizer = LARS([w], lr=1.0, trust=0.1)
        >>> (tg.tensor([0.0, 1000.0]) * w).sum().backward()
        >>> optimizer.step()
        >>> w.tolist()
        [3.0, 3.5]

    References:
        You, Gitman and Ginsburg 2017, "Large Batch Training of Convolutional Networks",
        algorithm 1.
    """

    ranges: ClassVar[dict[str, Rule]] = {
        "lr": Interval(),
        "momentum": Interval(0, 1),
        "weight_decay": Interval(),
        "trust": Interval(),
    }

    def __init__(
        self,
        params: Any,
        lr: float | Schedule,
        momentum: float | Schedule = 0.9,
        weight_decay: float | Schedule = 0.0,
        trust: float | Schedule = 1e-3,
    ) -> None:
        super().__init__(params, lr=lr, momentum=momentum, weight_decay=weight_decay, trust=trust)

    def slots(self, group: Group) -> tuple[str, ...]:
        """v of the formula."""
        return ("velocity",)

    def update(
        self,
        parameters: list[Array],
        gradients: list[Array],
        state: dict[str, list[Array]],
        step: int,
        values: dict[str, Any],
    ) -> None:
        """The formula, over all arrays at once."""
        launch("lars_step", parameters, gradients, state["velocity"], **values)


class LAMB(Optimizer):
    """Adam's direction with the length of the parameter: LARS for what Adam trains.

        m, v as Adam's, of g = dL/dp
        r = (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps) + weight_decay p
        p <- p - lr (|p| / |r|) r

    Args:
        params: parameters, (name, parameter) pairs, or groups; see `Optimizer`.
        lr: which part of its length a parameter moves; this and the other numbers may be
            schedules.
        betas: (beta1, beta2): how much of the two means stays, each 0 to below 1.
        eps: keeps the quotient finite where gradients vanish.
        weight_decay: the factor of p in the direction; it does not pass through m and v.

    Raises:
        ArgumentError: a value out of its range.
        ArgumentTypeError: something that is no `Parameter`, or no number.

    Example:
        >>> import tinygrad_course as tg
        >>> w = tg.Parameter([3.0, 4.0])
        >>> optimizer = LAMB([w], lr=0.1, eps=1e-8)
        >>> (tg.tensor([0.0, 1000.0]) * w).sum().backward()
        >>> optimizer.step()
        >>> w.tolist()
        [3.0, 3.5]

    References:
        You, Li, Reddi, Hseu, Kumar, Bhojanapalli, Song, Demmel, Keutzer and Hsieh 2020, "Large
        Batch Optimization for Deep Learning: Training BERT in 76 minutes", algorithm 2, with
        phi(z) = z.
    """

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
        eps: float | Schedule = 1e-6,
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
        numbers = dict(values)
        numbers["beta1"], numbers["beta2"] = numbers.pop("betas")
        moments = state["first_moment"], state["second_moment"]
        launch("lamb_step", parameters, gradients, *moments, step=step, **numbers)
