"""Rprop: the signs of the whole training set's gradient, and a step for each number."""

from __future__ import annotations

from typing import Any, ClassVar

from ..backend import Array, array_module, launch
from ..errors import ArgumentError
from ..tensor import Parameter
from .groups import Group, Interval, Rule
from .optimizer import Optimizer
from .schedules import Schedule


class Rprop(Optimizer):
    """Each number walks with a step d of its own, by the sign of its gradient alone.

        d <- min(eta_plus d, largest)      where the sign stayed
        d <- max(eta_minus d, smallest)    where it turned: a minimum was jumped over
        p <- p - d sign(g)                 where it did not turn; else p rests for one step

    The size of g plays no part, so a saturated unit learns as fast as any. It is for gradients of
    the whole training set: in mini-batches signs turn by chance (there, use `RMSprop`).

    Args:
        params: parameters, (name, parameter) pairs, or groups; see `Optimizer`.
        lr: d before the first step; later values of a schedule play no part.
        etas: (eta_minus, eta_plus): the factors of d, below and above 1.
        step_sizes: (smallest, largest) d.

    Raises:
        ArgumentError: a value out of its range, or smallest above largest.
        ArgumentTypeError: something that is no `Parameter`, or no number.

    Example:
        >>> import tinygrad_course as tg
        >>> w = tg.Parameter([1.0])
        >>> optimizer = Rprop([w], lr=0.5, etas=(0.5, 1.25))
        >>> for _ in range(3):
        ...     (1000.0 * w * w).sum().backward()
        ...     optimizer.step()
        ...     optimizer.zero_grad()
        ...     print(w.tolist())
        [0.5]
        [-0.125]
        [-0.125]

    References:
        Riedmiller and Braun 1993, "A Direct Adaptive Method for Faster Backpropagation Learning:
        The RPROP Algorithm" (which takes the last step back where the sign turned). This variant,
        also PyTorch's, rests instead: iRprop- of Igel and Huesken 2000, "Improving the Rprop
        Learning Algorithm", section 2.3.
    """

    ranges: ClassVar[dict[str, Rule]] = {
        "lr": Interval(),
        "etas": (Interval(0, 1), Interval(1)),
        "step_sizes": (Interval(), Interval()),
    }

    def __init__(
        self,
        params: Any,
        lr: float | Schedule = 1e-2,
        etas: tuple[float | Schedule, float | Schedule] = (0.5, 1.2),
        step_sizes: tuple[float | Schedule, float | Schedule] = (1e-6, 50.0),
    ) -> None:
        super().__init__(params, lr=lr, etas=etas, step_sizes=step_sizes)

    def check(self, group: Group) -> None:
        """The largest step is no smaller than the smallest."""
        super().check(group)
        smallest, largest = group.options["step_sizes"]
        if not callable(smallest) and not callable(largest) and smallest > largest:
            raise ArgumentError(
                f"Rprop: step_sizes must be (smallest, largest), but they are {smallest!r} and "
                f"{largest!r}; exchange them"
            )

    def slots(self, group: Group) -> tuple[str, ...]:
        """The sign of the last gradient, and d."""
        return "sign", "step_size"

    def new_slot(self, slot: str, parameter: Parameter, group: Group) -> Array:
        """d starts from `lr`."""
        start = self.values(group, self.steps)["lr"] if slot == "step_size" else 0
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
        eta_minus, eta_plus = values["etas"]
        smallest, largest = values["step_sizes"]
        launch(
            "rprop_step",
            parameters,
            gradients,
            state["sign"],
            state["step_size"],
            eta_minus=eta_minus,
            eta_plus=eta_plus,
            smallest=smallest,
            largest=largest,
        )
