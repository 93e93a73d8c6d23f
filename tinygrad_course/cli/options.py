"""Options and names that several commands share. Read next: `train.py`."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import click
from click.shell_completion import CompletionItem

from ..errors import ArgumentError, DataError, nearest
from ..training.recipe_checks import looks_like_a_path

Function = TypeVar("Function", bound=Callable[..., Any])


if TYPE_CHECKING:
    StringType: TypeAlias = click.ParamType[str]
    SizeType: TypeAlias = click.ParamType[int | tuple[int, ...]]
else:  # not generic in every version of click
    StringType = SizeType = click.ParamType


class Name(StringType):
    """One of some names; an unknown one is answered with the nearest.

    Args:
        what: what is named, as "model".
        names: a function that returns the valid names; called when a name is looked at.
    """

    name = "name"

    def __init__(self, what: str, names: Callable[[], Iterable[str]]) -> None:
        self.what, self.names = what, names

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """The name itself, or a usage error with the nearest."""
        text, valid = str(value), list(self.names())
        if text not in valid:
            self.fail(f"there is no {self.what} {text!r}; {nearest(text, valid)}", param, ctx)
        return text

    def shell_complete(self, ctx: Any, param: Any, incomplete: str) -> list[CompletionItem]:
        """The names that begin so, for the shell's tab key."""
        return [CompletionItem(name) for name in self.names() if name.startswith(incomplete)]


def model_names() -> list[str]:
    """The models that can be built."""
    from .. import models

    return list(models.names())


def data_names() -> list[str]:
    """The data sets that can be loaded."""
    from .. import data

    return data.names()


class Place(Name):
    """A data set by its name, or the path of the user's own data."""

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """The name itself, or a path that cannot be mistaken for one."""
        from ..data import kind_of

        text = str(value)
        try:
            if kind_of(text) == "name":
                return text
        except ArgumentError:
            self.fail(
                f"there is no {self.what} {text!r}; {nearest(text, self.names())}; nor is there "
                "such a folder or file",
                param,
                ctx,
            )
        except DataError as error:
            self.fail(str(error).removeprefix("load: "), param, ctx)
        return text if looks_like_a_path(text) else f"./{text}"


class Size(SizeType):
    """A side, or height x width."""

    name = "size"

    def convert(self, value: Any, param: Any, ctx: Any) -> int | tuple[int, ...]:
        """28 as 28, 32x48 as (32, 48)."""
        try:
            sides = tuple(int(side) for side in str(value).lower().split("x"))
        except ValueError:
            self.fail(f"expected a side as 28, or height x width as 32x48, but got {value!r}",
                      param, ctx)  # fmt: skip
        return sides[0] if len(sides) == 1 else sides


MODEL = Name("model", model_names)
DATA = Name("data set", data_names)
PLACE = Place("data set", data_names)


def common(function: Function) -> Function:
    """The options of every command: `--json` and `--debug`."""
    debug = click.option(
        "--debug", is_flag=True, expose_value=False, help="Show tracebacks of errors."
    )
    as_json = click.option(
        "--json", "as_json", is_flag=True, help="Print JSON, one object a line, and nothing else."
    )
    return as_json(debug(function))


def print_json(record: dict[str, Any]) -> None:
    """One object on one line of standard output; NaN and infinities, which JSON lacks, as null."""
    click.echo(json.dumps(_plain(record), allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):  # a NumPy array or scalar
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
