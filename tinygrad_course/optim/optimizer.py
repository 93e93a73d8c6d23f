"""The base of the optimizers: which parameters are due, with which values, and what is saved.

An optimizer sees parameters, never a model. Its arithmetic is one kernel launch over a list of
arrays. Read next: `sgd.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from ..backend import Array, array_module, as_array, to_device, to_host
from ..errors import ArgumentTypeError
from ..tensor import Parameter, mark_written
from .groups import Batch, Group, Rule, checked, read_groups, value_at
from .saved import check_names, count_in, like


class Optimizer:
    """The base: a subclass names its hyper-parameters and its state, and writes `update`.

    Args:
        params: parameters (`model.parameters()`), or (name, parameter) pairs
            (`model.named_parameters()`), or groups `{"params": [...], "lr": ...}`, each with the
            hyper-parameters in which it differs from the defaults.
        **defaults: the hyper-parameters: numbers, or schedules, which are called with the number
            of steps already made (0, 1, 2, ...).

    Attributes:
        groups: the parameters in their groups.
        steps: how many steps were made.

    Raises:
        ArgumentTypeError: something that is no `Parameter`, or no number.
        ArgumentError: no parameters, one given twice, a value out of its range, an unknown
            hyper-parameter in a group.
    """

    ranges: ClassVar[dict[str, Rule]] = {}
    """What each hyper-parameter may be."""

    def __init__(self, params: Any, **defaults: Any) -> None:
        self.steps = 0
        self.groups = read_groups(type(self).__name__, params, defaults)
        self._updates: dict[str, int] = {}
        self._state: dict[str, dict[str, Array]] = {}
        self._whole: dict[int, Batch] = {}
        for group in self.groups:
            self.check(group)

    def check(self, group: Group) -> None:
        """Raise unless the group's hyper-parameters make sense; a subclass adds its own rules."""
        for name, value in group.options.items():
            rule = self.ranges[name]
            group.options[name] = checked(type(self).__name__, name, value, rule)

    def slots(self, group: Group) -> tuple[str, ...]:
        """The arrays kept for each parameter of a group, such as "velocity"."""
        raise ArgumentTypeError(f"{type(self).__name__}: slots is not written")

    def new_slot(self, slot: str, parameter: Parameter, group: Group) -> Array:
        """A slot's array before a parameter's first step: zeros of its shape and dtype."""
        return array_module(parameter.data).zeros_like(parameter.data)

    def update(
        self,
        parameters: list[Array],
        gradients: list[Array],
        state: dict[str, list[Array]],
        step: int,
        values: dict[str, Any],
    ) -> None:
        """Write one step into the parameters and their state, in place.

        Args:
            parameters: arrays of one dtype.
            gradients: one per parameter.
            state: per slot, one array per parameter; see `new_slot`.
            step: which update this is for these parameters, the first being 1.
            values: the hyper-parameters' values at this step.
        """
        raise ArgumentTypeError(f"{type(self).__name__}: update is not written")

    def step(self) -> None:
        """Update every parameter that has a gradient; frozen ones and those without are skipped.

        Raises:
            ArgumentError: a schedule returned a value out of its range.
        """
        values = [self.values(group, self.steps) for group in self.groups]
        for index, now in enumerate(values):
            for batch in self._due(index):
                step = self._updates.get(batch.names[0], 0) + 1
                gradients = [p.node.grad.data for p in batch.parameters]  # type: ignore[union-attr]
                self.update(batch.arrays, gradients, batch.state, step, now)
                mark_written(batch.parameters)
                for name in batch.names:
                    self._updates[name] = step
        self.steps += 1

    def _due(self, index: int) -> list[Batch]:
        """The parameters of a group that have a gradient, in batches.

        One that was skipped (frozen, or outside this step's graph) has seen fewer updates than the
        rest: Adam's bias correction counts its own. Mostly all of a group go together; that batch
        is remembered.
        """
        group = self.groups[index]
        slots = self.slots(group)
        whole = self._whole.pop(index, None)
        if whole is None or slots != tuple(whole.state) or not whole.is_due():
            batches = self._batches(group, slots)
            if [len(batch.names) for batch in batches] != [len(group.names)]:
                return batches
            whole = batches[0]
        self._whole[index] = whole
        return [whole]

    def _batches(self, group: Group, slots: tuple[str, ...]) -> list[Batch]:
        due: dict[tuple[int, Any, Any], list[tuple[str, Parameter]]] = {}
        for name, p in zip(group.names, group.parameters, strict=True):
            if p.grad is not None:
                kind = self._updates.get(name, 0), p.data.dtype, p.data.device
                due.setdefault(kind, []).append((name, p))
        return [
            Batch(
                [name for name, _ in members],
                [p for _, p in members],
                [p.data for _, p in members],
                {slot: [self._slot(slot, name, p, group) for name, p in members] for slot in slots},
            )
            for members in due.values()
        ]

    def _slot(self, slot: str, name: str, parameter: Parameter, group: Group) -> Array:
        """The array kept for a parameter, made when it is first needed; it follows a move."""
        arrays = self._state.setdefault(name, {})
        if slot not in arrays:
            arrays[slot] = self.new_slot(slot, parameter, group)
        elif arrays[slot].device != parameter.data.device:
            arrays[slot] = to_device(arrays[slot], parameter.device)
        return arrays[slot]

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for group in self.groups:
            for parameter in group.parameters:
                parameter.zero_grad()

    def values(self, group: Group | None = None, step: int | None = None) -> dict[str, Any]:
        """The hyper-parameters' values, schedules evaluated.

        Args:
            group: one of `groups`; the first if None.
            step: counted from 0; the last step made if None (before any, the first).
        """
        chosen = self.groups[0] if group is None else group
        at = max(self.steps - 1, 0) if step is None else step
        owner = type(self).__name__
        return {
            name: value_at(owner, name, option, at, self.ranges[name])
            if callable(option) or option.__class__ is tuple
            else option
            for name, option in chosen.options.items()
        }

    @property
    def lr(self) -> float:
        """The first group's learning rate in the last step made (before any, in the first)."""
        return float(self.values()["lr"])

    def state_dict(self) -> dict[str, np.ndarray[Any, Any]]:
        """Copies of everything that changes, as one flat dict of arrays.

        "steps" is an int64 of shape (); "updates.NAME" another for each parameter that was
        updated; "SLOT.NAME" the arrays kept for it. Hyper-parameters are no state: a run that is
        resumed makes its optimizer with the same arguments, and schedules go on from "steps".
        """
        state = {"steps": np.array(self.steps, np.int64)}
        for name, count in self._updates.items():
            state[f"updates.{name}"] = np.array(count, np.int64)
            for slot, array in self._state.get(name, {}).items():
                state[f"{slot}.{name}"] = to_host(array).copy(order="C")
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state. All of it is loaded or (on an error) none.

        Raises:
            ArgumentError: names that one side lacks, or a count below 0.
            ShapeError: an array of another shape than its parameter.
            DtypeError: an array of another dtype than its parameter.
        """
        title = f"{type(self).__name__}.load_state_dict"
        if not isinstance(state, Mapping):
            raise ArgumentTypeError(
                f"{title}: expected a dict of arrays by name, as state_dict() returns it, but got "
                f"{type(state).__name__}"
            )
        arrays = {name: as_array(value) for name, value in state.items()}
        expected: dict[str, tuple[str, str, Array] | None] = {"steps": None}
        for group in self.groups:
            for name, p in zip(group.names, group.parameters, strict=True):
                if f"updates.{name}" in arrays:
                    expected[f"updates.{name}"] = None
                    for slot in self.slots(group):
                        fresh = self.new_slot(slot, p, group)
                        expected[f"{slot}.{name}"] = (slot, name, fresh)
        check_names(title, expected, arrays)
        counts = {n: count_in(title, n, a) for n, a in arrays.items() if expected[n] is None}
        loaded: dict[str, dict[str, Array]] = {}
        for key, target in expected.items():
            if target is not None:
                slot, name, fresh = target
                loaded.setdefault(name, {})[slot] = like(title, key, arrays[key], fresh)
        self.steps = counts.pop("steps")
        self._updates = {name.removeprefix("updates."): count for name, count in counts.items()}
        self._state = loaded
        self._whole = {}

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self.groups[0].options.items())
        count = sum(len(group.parameters) for group in self.groups)
        tensors = f"{count} parameter{'' if count == 1 else 's'}"
        groups = f" in {len(self.groups)} groups" if len(self.groups) > 1 else ""
        return f"{type(self).__name__}({tensors}{groups}, {options})"
