"""A moving average of the weights: smoother than where the last steps happened to land."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..backend import Array, as_array, to_device, to_host
from ..errors import ArgumentError, ArgumentTypeError
from ..tensor import Tensor, mark_written
from .groups import Interval, checked, value_at
from .saved import check_names, count_in, like
from .schedules import Schedule

_DECAY = Interval(0, 1)


class MovingAverage:
    """The exponential moving average of tensors, kept beside them and swapped in for evaluation.

        a <- decay a + (1 - decay) p         after each step; a starts as p

        average = optim.MovingAverage(model.named_parameters(), decay=0.999)
        ... optimizer.step(); average.update() ...
        with average.applied():
            ... evaluate, save ...

    It looks back over about 1 / (1 - decay) updates. With `decay=lambda n: (n + 1) / (n + 2)` it is
    the plain mean of the start and all updates. Batch normalization's running statistics belong to
    the weights that were trained: average them too, by giving `model.named_buffers()` as well.

    Args:
        tensors: parameters, (name, parameter) pairs, or (name, tensor) pairs of buffers of floats.
        decay: how much of the average stays, 0 to below 1; or a function of the updates made.

    Attributes:
        updates: how many updates were made.
        averages: the averages by name; arrays.

    Raises:
        ArgumentTypeError: something that is no tensor of floats.
        ArgumentError: a decay out of its range, no tensors, or two of one name.

    Example:
        >>> import tinygrad_course as tg
        >>> w = tg.Parameter([0.0])
        >>> average = MovingAverage([("w", w)], decay=0.75)
        >>> w.assign([4.0])
        >>> average.update()
        >>> with average.applied():
        ...     w.tolist()
        [1.0]
        >>> w.tolist()
        [4.0]

    References:
        Polyak and Juditsky 1992, "Acceleration of Stochastic Approximation by Averaging" (the plain
        mean). Tarvainen and Valpola 2017, "Mean teachers are better role models", section 2.
    """

    def __init__(self, tensors: Any, decay: float | Schedule = 0.999) -> None:
        self.decay = checked(type(self).__name__, "decay", decay, _DECAY)
        self.updates = 0
        self._tensors = _by_name(tensors)
        self._applied = False
        self._decay_now()
        self.averages: dict[str, Array] = {n: t.data.copy() for n, t in self._tensors.items()}

    def _decay_now(self) -> float:
        name = type(self).__name__
        return float(value_at(name, "decay", self.decay, self.updates, _DECAY))

    def update(self) -> None:
        """Take the tensors' present values into the average; call it after `optimizer.step()`.

        Raises:
            ArgumentError: inside `applied()`, or the decay's function left its range.
        """
        if self._applied:
            raise ArgumentError(
                "MovingAverage.update: the averages are swapped in; leave applied() first"
            )
        share = 1 - self._decay_now()
        for name, tensor in self._tensors.items():
            average = self.averages[name] = to_device(self.averages[name], tensor.device)
            average += share * (tensor.data - average)
        self.updates += 1

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Inside, the tensors hold their averages; afterwards their own values again.

        Raises:
            ArgumentError: it is open already.
        """
        if self._applied:
            raise ArgumentError("MovingAverage.applied: the averages are swapped in already")
        kept = {name: tensor.data.copy() for name, tensor in self._tensors.items()}
        self._applied = True
        self._write(self.averages)
        try:
            yield
        finally:
            self._write(kept)
            self._applied = False

    def _write(self, values: dict[str, Array]) -> None:
        for name, tensor in self._tensors.items():
            tensor.data[...] = to_device(values[name], tensor.device)
        mark_written(list(self._tensors.values()))

    def state_dict(self) -> dict[str, np.ndarray[Any, Any]]:
        """Copies of the averages as "average.NAME", and "updates", an int64 of shape ()."""
        state = {"updates": np.array(self.updates, np.int64)}
        for name, array in self.averages.items():
            state[f"average.{name}"] = to_host(array).copy(order="C")
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state. All of it is loaded or (on an error) none.

        Raises:
            ArgumentError: names that one side lacks, or a count below 0.
            ShapeError: an array of another shape than its tensor.
            DtypeError: an array of another dtype than its tensor.
        """
        title = "MovingAverage.load_state_dict"
        arrays = {name: as_array(value) for name, value in state.items()}
        check_names(title, ["updates", *(f"average.{name}" for name in self.averages)], arrays)
        loaded = {
            name: like(title, f"average.{name}", arrays[f"average.{name}"], average)
            for name, average in self.averages.items()
        }
        self.updates = count_in(title, "updates", arrays["updates"])
        self.averages = loaded

    def __repr__(self) -> str:
        return f"MovingAverage({len(self._tensors)} tensors, decay={self.decay!r})"


def _by_name(tensors: Any) -> dict[str, Tensor]:
    """The tensors by their names, or by their positions."""
    found: dict[str, Tensor] = {}
    if isinstance(tensors, Tensor) or not hasattr(tensors, "__iter__"):
        raise ArgumentTypeError(
            "MovingAverage: tensors must be a list, such as model.named_parameters(), but it is a "
            f"{type(tensors).__name__}"
        )
    for position, item in enumerate(tensors):
        name, tensor = item if isinstance(item, tuple) else (str(position), item)
        if not isinstance(tensor, Tensor) or tensor.dtype.kind != "f":
            raise ArgumentTypeError(
                f"MovingAverage: entry {name!r} of tensors must be a tensor of floats, but it is "
                f"{tensor!r}"
            )
        if name in found:
            raise ArgumentError(f"MovingAverage: two tensors are named {name!r}; rename one")
        found[name] = tensor
    if not found:
        raise ArgumentError("MovingAverage: there are no tensors; pass model.named_parameters()")
    return found
