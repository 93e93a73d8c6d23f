"""Parameters in groups, and hyper-parameters that are numbers or schedules.

What an optimizer is handed is read and checked here, once. Read next: `optimizer.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..backend import Array
from ..errors import ArgumentError, ArgumentTypeError, nearest
from ..tensor import Parameter, Tensor


@dataclass(frozen=True)
class Interval:
    """The values a hyper-parameter may take: from `low` (included) to `high` (excluded)."""

    low: float = 0.0
    high: float = math.inf

    def __str__(self) -> str:
        end = "" if math.isinf(self.high) else f" and below {self.high:g}"
        return f"a finite number of at least {self.low:g}{end}"


Rule: TypeAlias = Interval | tuple[Interval, ...] | None
"""What a hyper-parameter may be: a number, a tuple of numbers, or (None) a flag."""


@dataclass
class Group:
    """Parameters that share their hyper-parameters.

    Attributes:
        names: one per parameter; its position among all where none was given.
        parameters: the parameters.
        options: the hyper-parameters: numbers, or schedules (functions of the step).
    """

    names: list[str]
    parameters: list[Parameter]
    options: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Batch:
    """Parameters of a group that take a step together: alike in updates seen, dtype and device.

    Attributes:
        names: theirs.
        parameters: the parameters.
        arrays: their values.
        state: per slot, one array per parameter.
    """

    names: list[str]
    parameters: list[Parameter]
    arrays: list[Array]
    state: dict[str, list[Array]]

    def is_due(self) -> bool:
        """Whether all of them have a gradient again, and still the same arrays."""
        for parameter, array in zip(self.parameters, self.arrays, strict=False):
            leaf = parameter.node
            if leaf is None or leaf.grad is None or parameter.data is not array:
                return False
        return True


def read_groups(optimizer: str, params: Any, defaults: dict[str, Any]) -> list[Group]:
    """`params`, in any of the forms that `Optimizer` takes, as groups with all their options."""
    if isinstance(params, (Tensor, Mapping, str)) or not isinstance(params, Iterable):
        raise ArgumentTypeError(
            f"{optimizer}: params must be a list of parameters, such as model.parameters(), of "
            f"(name, parameter) pairs, or of groups {{'params': [...], ...}}, but it is a "
            f"{type(params).__name__}{_remedy(params)}"
        )
    given = list(params)
    if any(isinstance(item, Mapping) for item in given):
        described = [_split(optimizer, item, defaults) for item in given]
    else:
        described = [(given, dict(defaults))]
    groups: list[Group] = []
    owners: dict[int, str] = {}
    for members, options in described:
        group = Group([], [], options)
        for member in members:
            name, parameter = _named(optimizer, member, len(owners))
            if id(parameter) in owners:
                raise ArgumentError(
                    f"{optimizer}: parameter {name!r} was given before as "
                    f"{owners[id(parameter)]!r}; a parameter belongs to one group, once"
                )
            if name in owners.values():
                raise ArgumentError(f"{optimizer}: two parameters are named {name!r}; rename one")
            owners[id(parameter)] = name
            group.names.append(name)
            group.parameters.append(parameter)
        groups.append(group)
    if not owners:
        raise ArgumentError(
            f"{optimizer}: there are no parameters; pass model.parameters() of a model that has "
            "some (an iterator that was used before is empty)"
        )
    return groups


def _split(
    optimizer: str, group: Any, defaults: dict[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """A group's members and its options, the defaults filled in."""
    if not isinstance(group, Mapping):
        raise ArgumentTypeError(
            f"{optimizer}: params mixes groups with {type(group).__name__} objects; make every "
            "entry a dict {'params': [...], ...}"
        )
    if "params" not in group:
        raise ArgumentError(f"{optimizer}: a group has no 'params'; its keys are {sorted(group)}")
    options = {key: value for key, value in group.items() if key != "params"}
    for key in options:
        if key not in defaults:
            raise ArgumentError(
                f"{optimizer}: a group sets {key!r}, which is no hyper-parameter; "
                f"{nearest(str(key), defaults)}"
            )
    members = group["params"]
    if isinstance(members, (Tensor, str)) or not isinstance(members, Iterable):
        raise ArgumentTypeError(
            f"{optimizer}: a group's 'params' must be a list of parameters, but it is a "
            f"{type(members).__name__}{_remedy(members)}"
        )
    return list(members), {**defaults, **options}


def _named(optimizer: str, member: Any, position: int) -> tuple[str, Parameter]:
    """A parameter and its name: from a pair, or its position."""
    name, parameter = str(position), member
    if isinstance(member, tuple) and len(member) == 2 and isinstance(member[0], str):
        name, parameter = member
    if not isinstance(parameter, Parameter):
        raise ArgumentTypeError(
            f"{optimizer}: entry {name!r} of params must be a Parameter, but it is a "
            f"{type(parameter).__name__}{_remedy(parameter)}"
        )
    return name, parameter


def pairs(function: str, parameters: Any) -> list[tuple[str, Parameter]]:
    """Parameters or (name, parameter) pairs as pairs; a parameter's position is its name."""
    if isinstance(parameters, (Tensor, Mapping, str)) or not isinstance(parameters, Iterable):
        raise ArgumentTypeError(
            f"{function}: parameters must be a list, such as model.parameters(), but it is a "
            f"{type(parameters).__name__}{_remedy(parameters)}"
        )
    return [_named(function, member, position) for position, member in enumerate(parameters)]


def _remedy(value: Any) -> str:
    if hasattr(value, "parameters"):
        return "; pass its .parameters()"
    if isinstance(value, Parameter):
        return "; put it in a list"
    if isinstance(value, Tensor):
        return "; make it a tg.Parameter"
    if isinstance(value, Mapping):
        return "; put the group in a list"
    return ""


def checked(optimizer: str, name: str, value: Any, rule: Rule) -> Any:
    """`value` in the form in which it is kept, if it may be this hyper-parameter.

    A schedule is called only when a step needs it, so its values are checked then.
    """
    if rule is None:
        if not isinstance(value, bool):
            raise ArgumentTypeError(f"{optimizer}: {name} must be True or False, not {value!r}")
        return value
    if isinstance(rule, tuple):
        if not isinstance(value, (tuple, list)) or len(value) != len(rule):
            raise ArgumentTypeError(
                f"{optimizer}: {name} must be a tuple of {len(rule)} numbers, but it is {value!r}"
            )
        return tuple(checked(optimizer, name, v, r) for v, r in zip(value, rule, strict=True))
    return value if callable(value) else check_number(optimizer, name, value, rule)


def check_number(
    optimizer: str, name: str, value: Any, interval: Interval, where: str = ""
) -> float:
    """`value` as a float inside the interval."""
    if isinstance(value, (bool, str, Tensor)) or not hasattr(value, "__float__"):
        raise ArgumentTypeError(
            f"{optimizer}: {name} must be a number or a schedule (a function of the step), but it "
            f"is {value!r} ({type(value).__name__}){where}"
        )
    number = float(value)
    if not (math.isfinite(number) and interval.low <= number < interval.high):
        raise ArgumentError(f"{optimizer}: {name} must be {interval}, but it is {value!r}{where}")
    return number


def value_at(optimizer: str, name: str, option: Any, step: int, rule: Rule) -> Any:
    """A hyper-parameter's value at a step, counted from 0."""
    if isinstance(rule, tuple):
        pairs = zip(option, rule, strict=True)
        return tuple(value_at(optimizer, name, part, step, r) for part, r in pairs)
    if rule is None or not callable(option):
        return option
    where = f": its schedule's value at step {step}"
    return check_number(optimizer, name, option(step), rule, where)
