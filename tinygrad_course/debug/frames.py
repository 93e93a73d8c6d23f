"""The user's side of a call: the line, and the names under which variables hold tensors.

A graph has no names; the program that made it has. Variables are looked up in the frames that are
running, through lists, tuples, dicts, modules and plain objects. Used by everything in this folder.
"""

from __future__ import annotations

import inspect
import linecache
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, FunctionType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..nn.module import Module
from ..node import Node
from ..tensor import Tensor

PACKAGE = Path(__file__).parent.parent.as_posix() + "/"
LIBRARIES = tuple(
    {Path(sysconfig.get_path(p)).as_posix() + "/" for p in ("stdlib", "purelib", "platlib")}
)
DEPTH, ITEMS, CONTAINERS = 4, 2_000, 5_000

PLAIN = (int, float, complex, str, bytes, type(None), np.ndarray, FunctionType, type, ModuleType)


class Found(NamedTuple):
    """A variable that leads to a tensor.

    Attributes:
        name: as one would write it: `total`, `losses[3]`, `model.layers.0.weight`.
        tensor: the tensor.
        variable: the variable's own name, without what follows it.
        frame: the running function whose local it is; None for a global.
        file: a global's file.
    """

    name: str
    tensor: Tensor
    variable: str
    frame: FrameType | None
    file: str


def is_package(file: str) -> bool:
    """Whether a file is one of this package's."""
    return file.replace("\\", "/").startswith(PACKAGE)


def user_line() -> str:
    """file:line of the nearest caller outside the package."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_back is not None and is_package(frame.f_code.co_filename):
        frame = frame.f_back
    return "" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"


def source_of(where: str) -> str:
    """The text of the line that `file:line` names; "" where there is none.

    Example:
        >>> source_of("nowhere.py:3")
        ''
    """
    file, _, line = where.rpartition(":")
    return linecache.getline(file, int(line)).strip() if line.isdigit() else ""


def short(where: str) -> str:
    """`file:line` with the file's name alone.

    Example:
        >>> short("/home/ada/train.py:12")
        'train.py:12'
    """
    return where.replace("\\", "/").rpartition("/")[2]


def said(where: str) -> str:
    """A line as it is shown: `train.py:12: h = tg.relu(x @ w)`."""
    text = source_of(where)
    return f"{short(where)}: {text}" if text else short(where)


def user_frames() -> list[FrameType]:
    """The frames of the user's own code, the nearest first."""
    frames: list[FrameType] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename.replace("\\", "/")
        if not is_package(file) and not file.startswith(LIBRARIES):
            frames.append(frame)
        frame = frame.f_back
    return frames


def variables(function: Any = None) -> Iterator[Found]:
    """Every tensor that a variable of the running frames leads to, under each of its names.

    Args:
        function: one whose globals are searched too, before those of the frames.
    """
    done: set[int] = set()
    spaces: list[tuple[Any, FrameType | None]] = []
    if function is not None:
        spaces.append((getattr(inspect.unwrap(function), "__globals__", {}), None))
    for running in user_frames():
        spaces += [(running.f_locals, running), (running.f_globals, None)]
    for space, frame in spaces:
        if id(space) in done:
            continue
        done.add(id(space))
        for variable, value in list(space.items()):
            if not variable.startswith("__"):
                for name, tensor in _tensors(variable, value, DEPTH, set()):
                    yield Found(name, tensor, variable, frame, space.get("__file__", ""))


def names_of_nodes(function: Any = None) -> dict[Node, str]:
    """The name of each node whose tensor a variable leads to: the nearest one."""
    names: dict[Node, str] = {}
    for found in variables(function):
        node = found.tensor.node
        if node is not None and not found.variable.startswith("_"):
            names.setdefault(node, found.name)
    return names


def _tensors(name: str, value: Any, depth: int, seen: set[int]) -> Iterator[tuple[str, Tensor]]:
    """(name, tensor) for all that `value` leads to."""
    if isinstance(value, Tensor):
        yield name, value
    elif depth and id(value) not in seen and len(seen) < CONTAINERS:
        if isinstance(value, dict):
            items = [(f"{name}[{k!r}]", v) for k, v in list(value.items())[:ITEMS]]
        elif isinstance(value, (list, tuple)):
            items = [(f"{name}[{i}]", v) for i, v in enumerate(value[:ITEMS])]
        elif isinstance(value, (set, frozenset)):
            items = [(f"an element of {name}", v) for v in value]
        elif isinstance(value, Module):
            items = [(f"{name}.{k}", v) for k, v in value.members()]
        elif _plain_object(value):
            items = [(f"{name}.{k}", v) for k, v in vars(value).items()]
        else:
            return
        seen.add(id(value))
        for inner, item in items:
            if isinstance(item, PLAIN):
                continue
            yield from _tensors(inner, item, depth - 1, seen)


def _plain_object(value: Any) -> bool:
    """An instance of a class of the user's or ours: its attributes are looked at, too."""
    if isinstance(value, (type, ModuleType, Node)) or not hasattr(value, "__dict__"):
        return False
    module = sys.modules.get(type(value).__module__)
    file = (getattr(module, "__file__", "") or "").replace("\\", "/")
    ours = is_package(file) or not file.startswith(LIBRARIES)
    return ours and type(value).__module__ != "builtins"
