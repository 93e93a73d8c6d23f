"""Adam's relatives: AMSGrad, NAdam and RAdam; each changes one thing. Read `adam.py` first."""

from __future__ import annotations

from typing import Any, ClassVar

from ..backend import Array, array_module, launch
from ..tensor import Parameter
from .groups import Group, Interval, Rule
from .optimizer import Optimizer
from .schedules import Schedule

_RANGES: dict[str, Rule] = {
    "lr": Interval(),
    "betas": (Interval(0, 1), Interval(0, 1)),
    "eps": Interval(),
    "weight_decay": Interval(),
    "decoupled_weight_decay": None,
}


class _Moments(Optimizer):
    """What the three share: Adam's two means, and the choice of where the decay acts."""

    kernel: ClassVar[str]
    extra: ClassVar[tuple[str, ...]] = ()
    ranges: ClassVar[dict[str, Rule]] = _RANGES

    def slots(self, group: Group) -> tuple[str, ...]:
        """m and v of the formula, and what the algorithm adds."""
        return "first_moment", "second_moment", *self.extra

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
        numbers["decoupled"] = numbers.pop("decoupled_weight_decay")
        launch(self.kernel, parameters, gradients, *state.values(), step=step, **numbers)


class AMSGrad(_Moments):
    """Adam whose v never falls: rare large gradients are not forgotten.

        m, v as Adam's
        u <- max(u, v)
        p <- p - lr (m / (1 - beta1^t)) / (sqrt(u / (1 - beta2^t)) + eps)

    Where a large gradient comes once among many small ones that point the other way, v has
    forgotten it before it comes again, and Adam may walk uphill for ever. It is PyTorch's
    `Adam(amsgrad=True)`; the paper has neither the two corrections nor eps.

    Args:
        params: parameters, (name, parameter) pairs, or groups; see `Optimizer`.
        lr: the learning rate; this and the other numbers may be schedules.
        betas: (beta1, beta2): how much of the two means stays, each 0 to below 1.
        eps: keeps the quotient finite where gradients vanish.
        weight_decay: the factor of p in the gradient.
        decoupled_weight_decay: shrink p itself by lr weight_decay instead, as `AdamW`.

    Raises:
        ArgumentError: a value out of its range.
        ArgumentTypeError: something that is no `Parameter`, or no number.

    Example:
        >>> import tinygrad_course as tg
        >>> w = tg.Parameter([1.0])
        >>> optimizer = AMSGrad([w], lr=0.25)
        >>> (1000.0 * w).sum().backward()
        >>> optimizer.step()
        >>> w.tolist()
        [0.75]

    References:
        Reddi, Kale and Kumar 2018, "On the Convergence of Adam and Beyond", algorithm 2.
    """

    kernel: ClassVar[str] = "amsgrad_step"
    extra: ClassVar[tuple[str, ...]] = ("largest_moment",)

    def __init__(
        self,
        params: Any,
        lr: float | Schedule = 1e-3,
        betas: tuple[float | Schedule, float | Schedule] = (0.9, 0.999),
        eps: float | Schedule = 1e-8,
        weight_decay: float | Schedule = 0.0,
        decoupled_weight_decay: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            decoupled_weight_decay=decoupled_weight_decay,
        )


class NAdam(_Moments):
    """Adam with Nesterov's momentum: m as it will be after the next step, as far as it is known.

        m, v as Adam's;   mu(t) = beta1 (1 - 0.96^(t momentum_decay) / 2);   P = mu(1) ... mu(t)
        d = (1 - mu(t)) g / (1 - P) + mu(t + 1) m / (1 - P mu(t + 1))
        p <- p - lr d / (sqrt(v / (1 - beta2^t)) + eps)

    mu(t) lets the momentum grow from beta1 / 2 to beta1 over the first few hundred steps.

    Args:
        params: parameters, (name, parameter) pairs, or groups; see `Optimizer`.
        lr: the learning rate; this and the other numbers may be schedules.
        betas: (beta1, beta2): how much of the two means stays, each 0 to below 1.
        eps: keeps the quotient finite where gradients vanish.
        weight_decay: the factor of p in the gradient.
        momentum_decay: how fast mu(t) goes to beta1; the paper's is 0.004.
        decoupled_weight_decay: shrink p itself by lr weight_decay instead, as `AdamW`.

    Raises:
        ArgumentError: a value out of its range.
        ArgumentTypeError: something that is no `Parameter`, or no number.

    Example:
        >>> import tinygrad_course as tg
        >>> w = tg.Parameter([1.0])
        >>> optimizer = NAdam([w], lr=0.25, momentum_decay=0.0)
        >>> (1000.0 * w).sum().backward()
        >>> optimizer.step()
        >>> round(w.item(), 6)
        0.735893

    References:
        Dozat 2016, "Incorporating Nesterov Momentum into Adam", algorithm 2 and section 3.
    """

    kernel: ClassVar[str] = "nadam_step"
    extra: ClassVar[tuple[str, ...]] = ("momentum_product",)
    ranges: ClassVar[dict[str, Rule]] = {**_RANGES, "momentum_decay": Interval()}

    def __init__(
        self,
        params: Any,
        lr: float | Schedule = 2e-3,
        betas: tuple[float | Schedule, float | Schedule] = (0.9, 0.999),
        eps: float | Schedule = 1e-8,
        weight_decay: float | Schedule = 0.0,
        momentum_decay: float | Schedule = 4e-3,
        decoupled_weight_decay: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            momentum_decay=momentum_decay,
            decoupled_weight_decay=decoupled_weight_decay,
        )

    def new_slot(self, slot: str, parameter: Parameter, group: Group) -> Array:
        """P is one number for the whole parameter, and starts at 1."""
        if slot == "momentum_product":
            return array_module(parameter.data).ones((), parameter.dtype)
        return super().new_slot(slot, parameter, group)


class RAdam(_Moments):
    """Adam that knows how little v knows at first: warm-up without a schedule.

        m, v as Adam's
        R = 2 / (1 - beta2) - 1        r = R - 2 t beta2^t / (1 - beta2^t)
        c = sqrt((r - 4) (r - 2) R / ((R - 4) (R - 2) r))
        p <- p - lr c (m / (1 - beta1^t)) sqrt(1 - beta2^t) / (sqrt(v) + eps)      where r > 5
        p <- p - lr (m / (1 - beta1^t))                                            before

    r counts the gradients that v remembers. While they are few, 1 / sqrt(v) varies wildly: the
    first steps are momentum's alone, and c, which goes to 1, holds the next ones back.

    Args:
        params: parameters, (name, parameter) pairs, or groups; see `Optimizer`.
        lr: the learning rate; this and the other numbers may be schedules.
        betas: (beta1, beta2): how much of the two means stays, each 0 to below 1.
        eps: keeps the quotient finite where gradients vanish.
        weight_decay: the factor of p in the gradient.
        decoupled_weight_decay: shrink p itself by lr weight_decay instead, as `AdamW`.

    Raises:
        ArgumentError: a value out of its range.
        ArgumentTypeError: something that is no `Parameter`, or no number.

    Example:
        >>> import tinygrad_course as tg
        >>> w = tg.Parameter([1.0])
        >>> optimizer = RAdam([w], lr=0.25)
        >>> (2.0 * w).sum().backward()
        >>> optimizer.step()
        >>> round(w.item(), 6)
        0.5

    References:
        Liu, Jiang, He, Chen, Liu, Gao and Han 2020, "On the Variance of the Adaptive Learning Rate
        and Beyond", algorithm 2. Its threshold is r > 4; the authors' code and PyTorch take 5.
    """

    kernel: ClassVar[str] = "radam_step"

    def __init__(
        self,
        params: Any,
        lr: float | Schedule = 1e-3,
        betas: tuple[float | Schedule, float | Schedule] = (0.9, 0.999),
        eps: float | Schedule = 1e-8,
        weight_decay: float | Schedule = 0.0,
        decoupled_weight_decay: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            decoupled_weight_decay=decoupled_weight_decay,
        )
