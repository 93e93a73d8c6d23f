"""Inputs for what a file holds: its `inputs(rng)`, or arrays drawn from shapes in annotations.

Letters in annotations become distinct primes, others in every drawing, so that no transposition and
no missing sum fits by accident. Used by `tgc check` and `assert_gradients`; see `files.py`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..errors import ArgumentError
from .files import Found

BOTH_FORMS = """give them in one of two ways:

    def inputs(rng):                       # in the file; rng is a numpy Generator
        return rng.standard_normal((5, 3)), rng.standard_normal((3, 2))

    {example}
        ...                                # or as shapes: one letter per axis, equal letters of
                                           # equal lengths; y: "N ints below K" for labels"""

KERNELS = (2, 3)
IMAGES = (5, 7)
PRIMES = (5, 3, 2, 7, 11)
LABELS = re.compile(r"^(.*?)\s+ints?\s+below\s+(\w+)$")


class Drawn(NamedTuple):
    """A way to draw inputs.

    Attributes:
        draw: (rng, which drawing) -> inputs; other shapes in other drawings where shapes are free.
        single: draws (the first letter, inputs where it is 1), or None where shapes are given.
        origin: where they come from, for the report.
    """

    draw: Callable[[np.random.Generator, int], list[Any]]
    single: Callable[[np.random.Generator], tuple[str, list[Any]]] | None
    origin: str


def drawn_for(found: Found, module: ModuleType) -> Drawn:
    """How inputs for it are drawn.

    Raises:
        ArgumentError: the file does not say; the message shows both forms.
    """
    names = [found.name, *found.aliases]
    for name in [*[f"inputs_{n}" for n in names], *[f"{n}_inputs" for n in names], "inputs"]:
        function = getattr(module, name, None)
        if inspect.isfunction(function):
            return _from_function(function, name, names)
    shapes = _annotated(found)
    if shapes:
        return _from_shapes(shapes)
    given = list(inspect.signature(found.forward).parameters)[found.skip :]
    parameters = ", ".join(given)
    typical = ("N D", "D M", "M")
    shown = ", ".join(f'{n}: "{typical[min(i, 2)]}"' for i, n in enumerate(given))
    raise ArgumentError(
        f"check: no inputs for {found.name}({parameters}); "
        + BOTH_FORMS.format(example=f"def {found.forward.__name__}({shown}):")
    )


def _from_function(function: Callable[..., Any], name: str, names: list[str]) -> Drawn:
    takes = len(inspect.signature(function).parameters)

    def draw(rng: np.random.Generator, which: int) -> list[Any]:
        given = function(rng) if takes else function()
        if isinstance(given, dict):
            known = [n for n in names if n in given]
            if not known:
                raise ArgumentError(
                    f"check: {name}() returned a dict without {names[0]!r}; it has "
                    f"{', '.join(map(str, given))}"
                )
            given = given[known[0]]
        return list(given) if isinstance(given, (tuple, list)) else [given]

    return Drawn(draw, None, f"{name}({'rng' if takes else ''})")


def _annotated(found: Found) -> list[tuple[str, str]]:
    """(name, shape) per parameter, where all parameters without a default have one."""
    out = []
    for parameter in list(inspect.signature(found.forward).parameters.values())[found.skip :]:
        note = parameter.annotation
        if isinstance(note, (tuple, list)) and all(isinstance(n, int) for n in note):
            note = " ".join(map(str, note)) or "()"
        if not isinstance(note, str) or not _is_shape(note):
            if parameter.default is not inspect.Parameter.empty:
                break
            return []
        out.append((parameter.name, _unquoted(note)))
    return out


def _unquoted(note: str) -> str:
    """Under `from __future__ import annotations` an annotation in quotes keeps them."""
    return note.strip().strip("'\"()").strip()


def _is_shape(note: str) -> bool:
    text = _unquoted(note)
    labels = LABELS.match(text)
    words = re.split(r"[\s,]+", labels.group(1) if labels else text)
    return all(re.fullmatch(r"\d+|[A-Z][A-Z0-9]{0,2}|", w) for w in words)


def _from_shapes(shapes: list[tuple[str, str]]) -> Drawn:
    letters = []
    for _, note in shapes:
        labels = LABELS.match(note)
        words = note.replace(",", " ").split() if labels is None else [
            *labels.group(1).replace(",", " ").split(), labels.group(2)]  # fmt: skip
        letters += [w for w in words if not w.isdigit() and w not in letters]

    def draw(rng: np.random.Generator, which: int) -> list[Any]:
        return [_array(rng, note, _sizes(letters, which)) for _, note in shapes]

    def single(rng: np.random.Generator) -> tuple[str, list[Any]]:
        sizes = _sizes(letters, 0)
        sizes[letters[0]] = 1
        return letters[0], [_array(rng, note, sizes) for _, note in shapes]

    return Drawn(draw, single if letters else None, "shapes in annotations")


def _sizes(letters: list[str], which: int) -> dict[str, int]:
    """A length for each letter: primes, distinct where there are enough small ones.

    Example:
        >>> _sizes(["N", "D", "M"], 0), _sizes(["N", "D", "M"], 1)
        ({'N': 5, 'D': 3, 'M': 2}, {'N': 3, 'D': 2, 'M': 7})
    """
    sizes: dict[str, int] = {}
    kernels = images = others = which
    for letter in letters:
        if re.fullmatch(r"K[HW]", letter):
            sizes[letter] = KERNELS[kernels % 2]
            kernels += 1
        elif letter in ("H", "W"):
            sizes[letter] = IMAGES[images % 2]
            images += 1
        else:
            sizes[letter] = PRIMES[others % len(PRIMES)]
            others += 1
    return sizes


def _array(rng: np.random.Generator, note: str, sizes: dict[str, int]) -> Any:
    labels = LABELS.match(note)
    words = (labels.group(1) if labels else note).replace(",", " ").split()
    shape = tuple(int(w) if w.isdigit() else sizes[w] for w in words)
    if labels:
        classes = labels.group(2)
        return rng.integers(0, int(classes) if classes.isdigit() else sizes[classes], shape)
    return rng.standard_normal(shape)
