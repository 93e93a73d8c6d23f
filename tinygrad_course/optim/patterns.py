"""Groups by the names of parameters: per-layer rates, and no decay for biases, in one line each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from ..errors import ArgumentError, ArgumentTypeError, nearest
from .groups import pairs


def groups_by_pattern(
    named_parameters: Any, patterns: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Split named parameters into an optimizer's groups, by patterns of their names.

    A parameter goes to the first pattern that fits its name (`*` stands for any characters, `?` for
    one); what fits none keeps the optimizer's defaults.

    Args:
        named_parameters: (name, parameter) pairs, `model.named_parameters()`.
        patterns: for each pattern, the hyper-parameters of its group.

    Returns:
        Groups, to be given to an optimizer: what fitted no pattern first, then one per pattern.

    Raises:
        ArgumentError: a pattern that no (remaining) name fits.
        ArgumentTypeError: parameters without names, or hyper-parameters that are no dict.

    Example:
        >>> import tinygrad_course as tg
        >>> model = tg.nn.Sequential(tg.nn.Dense(4, 3), tg.nn.Dense(3, 2))
        >>> own = {"*.bias": {"weight_decay": 0.0}, "layers.0.*": {"lr": 0.01}}
        >>> groups = groups_by_pattern(model.named_parameters(), own)
        >>> for group in groups:
        ...     print([name for name, _ in group["params"]], group.get("lr"))
        ['layers.1.weight'] None
        ['layers.0.bias', 'layers.1.bias'] None
        ['layers.0.weight'] 0.01
        >>> optimizer = tg.optim.SGD(groups, lr=0.1, weight_decay=1e-4)

    References:
        Howard and Ruder 2018, "Universal Language Model Fine-tuning for Text Classification",
        section 3.2 (a rate for each layer, falling towards the input).
    """
    given = list(named_parameters) if isinstance(named_parameters, Iterable) else named_parameters
    if isinstance(given, list) and any(not isinstance(item, tuple) for item in given):
        raise ArgumentTypeError(
            "groups_by_pattern: named_parameters must be (name, parameter) pairs; pass "
            "model.named_parameters()"
        )
    left = pairs("groups_by_pattern", given)
    names = [name for name, _ in left]
    groups: list[dict[str, Any]] = []
    for pattern, options in patterns.items():
        if not isinstance(options, Mapping):
            raise ArgumentTypeError(
                f"groups_by_pattern: pattern {pattern!r} needs a dict of hyper-parameters, such as "
                f"{{'lr': 0.01}}, but it has {options!r}"
            )
        fitting = [pair for pair in left if fnmatchcase(pair[0], pattern)]
        if not fitting:
            raise ArgumentError(
                f"groups_by_pattern: pattern {pattern!r} fits no parameter{_why(pattern, names)}"
            )
        left = [pair for pair in left if not fnmatchcase(pair[0], pattern)]
        groups.append({"params": fitting, **options})
    return [{"params": left}, *groups] if left else groups


def _why(pattern: str, names: list[str]) -> str:
    if any(fnmatchcase(name, pattern) for name in names):
        return " that an earlier pattern has left; put the narrower pattern first"
    return f"; {nearest(pattern, names)}"
