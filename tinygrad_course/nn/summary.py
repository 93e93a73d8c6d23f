"""The table of a model's layers: output shapes, parameters, multiply-adds, activation bytes.

One forward pass is run, and every layer's output is looked at as it comes by.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ArgumentTypeError, ShapeError
from ..grad_mode import no_grad
from ..tensor import Parameter, Tensor
from .checks import size
from .convolution import Conv2d
from .dense import Dense
from .module import Module

Observer = Callable[[str, Module, Any], None]


@dataclass(frozen=True)
class LayerSummary:
    """One row: a call of a layer.

    Attributes:
        name: the path from the model, such as `layers.0`.
        layer: the layer as it prints itself.
        output_shape: with the batch axis; None if the forward pass did not come by.
        parameters: how many numbers its own parameters hold; 0 in a second call.
        multiply_adds: products of a weight and a value, biases not counted.
        activation_bytes: the size of the output.
    """

    name: str
    layer: str
    output_shape: tuple[int, ...] | None
    parameters: int
    multiply_adds: int
    activation_bytes: int


@dataclass(frozen=True)
class Summary:
    """A model's rows and their totals; printing it gives the table.

    Attributes:
        rows: one for each call of a layer, in order.
        parameters: of the whole model, a tied one once.
        trainable_parameters: those that are not frozen.
    """

    rows: tuple[LayerSummary, ...]
    parameters: int
    trainable_parameters: int

    @property
    def multiply_adds(self) -> int:
        """The sum over all rows."""
        return sum(row.multiply_adds for row in self.rows)

    @property
    def activation_bytes(self) -> int:
        """The sum over all rows."""
        return sum(row.activation_bytes for row in self.rows)

    def __str__(self) -> str:
        head = ("name", "layer", "output", "parameters", "multiply-adds", "bytes")
        body = [
            (row.name, row.layer, _shown(row.output_shape), f"{row.parameters:,}",
             f"{row.multiply_adds:,}", f"{row.activation_bytes:,}")
            for row in self.rows
        ]  # fmt: skip
        total = ("total", "", "", f"{self.parameters:,}", f"{self.multiply_adds:,}",
                 f"{self.activation_bytes:,}")  # fmt: skip
        frozen = self.parameters - self.trainable_parameters
        note = f"\n{frozen:,} of the parameters are frozen" if frozen else ""
        return _table(head, body, total) + note


def summary(
    model: Module, input_shape: Sequence[int], *, batch_size: int = 1, dtype: Any = None
) -> Summary:
    """Run a batch of zeros through the model and report every layer.

    The pass runs in eval mode and leaves no trace: no graph, no random draw, no running statistic,
    and each layer's `training` as it was. A layer is listed if it has no layers inside, or
    parameters of its own; functions of `F` called in a model's forward are not seen.

    Multiply-adds: every weight of a Dense or a Conv2d is used once for each position of the output
    (batch, and pixels). Layers of other kinds count as 0.

    Args:
        model: any module.
        input_shape: the shape of one input, without the batch axis: (28, 28, 1).
        batch_size: how many inputs.
        dtype: of the input; that of the model's first parameter if None, or float32.

    Returns:
        The rows and totals; `print` it for the table.

    Raises:
        ShapeError: sizes below 1, or an input that the model does not take.
        ArgumentTypeError: no module.

    Example:
        >>> import tinygrad_course as tg
        >>> model = tg.nn.Sequential(tg.nn.Dense(2, 16), tg.nn.Tanh(), tg.nn.Dense(16, 2))
        >>> print(tg.nn.summary(model, (2,)))
        name      layer         output   parameters  multiply-adds  bytes
        -----------------------------------------------------------------
        layers.0  Dense(2, 16)  (1, 16)          48             32     64
        layers.1  Tanh()        (1, 16)           0              0     64
        layers.2  Dense(16, 2)  (1, 2)           34             32      8
        -----------------------------------------------------------------
        total                                    82             64    136
    """
    if not isinstance(model, Module):
        raise ArgumentTypeError(f"summary: model must be a Module, but it is {model!r}")
    shape = (size("summary", "batch_size", batch_size), *_input_sizes(input_shape))
    first = next((p.dtype for p in model.parameters()), np.dtype("float32"))
    device = next((t.device for _, t in model.named_tensors()), "cpu")
    x = Tensor(np.zeros(shape, first if dtype is None else dtype), device=device)
    rows: list[LayerSummary] = []
    counted: set[int] = set()

    def note(name: str, layer: Module, output: Any) -> None:
        rows.append(_row(name, layer, output, counted))

    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with no_grad(), _observed(model, note):
            model(x)
    finally:
        for module, training in modes:
            module.training = training
    for name, layer in _listed(model):
        if _own_size(layer, counted):
            rows.append(_row(name, layer, None, counted))
    trainable = sum(p.size for p in model.parameters() if p.requires_grad)
    return Summary(tuple(rows), model.num_parameters(), trainable)


@contextmanager
def _observed(model: Module, observer: Observer) -> Iterator[None]:
    """Inside, `observer` sees each listed layer's output: an attribute hides the class's method."""
    layers = _listed(model)
    for name, layer in layers:
        vars(layer)["forward"] = _reporting(name, layer, layer.forward, observer)
    try:
        yield
    finally:
        for _, layer in layers:
            del vars(layer)["forward"]


def _reporting(
    name: str, layer: Module, forward: Callable[..., Any], observer: Observer
) -> Callable[..., Any]:
    def reported(*inputs: Any, **options: Any) -> Any:
        output = forward(*inputs, **options)
        observer(name, layer, output)
        return output

    return reported


def _listed(model: Module) -> list[tuple[str, Module]]:
    """The layers that get a row: without layers inside, or with parameters of their own."""
    return [
        (name or type(module).__name__, module)
        for name, module in model.named_modules()
        if not any(isinstance(m, Module) for _, m in module.members())
        or any(isinstance(m, Parameter) for _, m in module.members())
    ]


def _row(name: str, layer: Module, output: Any, counted: set[int]) -> LayerSummary:
    parameters = _own_size(layer, counted)
    counted.update(id(member) for _, member in layer.members())
    line = repr(layer).partition("\n")[0]
    outputs = [t for t in (output if isinstance(output, tuple) else (output,)) if t is not None]
    if not outputs:
        return LayerSummary(name, line, None, parameters, 0, 0)
    first = outputs[0]
    bytes_ = sum(t.size * t.dtype.itemsize for t in outputs)
    return LayerSummary(name, line, first.shape, parameters, _multiply_adds(layer, first), bytes_)


def _own_size(layer: Module, counted: set[int]) -> int:
    """How many numbers the layer's own parameters hold, without those already counted."""
    own = {
        id(m): m for _, m in layer.members() if isinstance(m, Parameter) and id(m) not in counted
    }
    return sum(parameter.size for parameter in own.values())


def _multiply_adds(layer: Module, output: Any) -> int:
    """Every weight is used once for each position of the output."""
    if not isinstance(layer, (Dense, Conv2d)):
        return 0
    positions: int = math.prod(output.shape[:-1])
    return layer.weight.size * positions


def _input_sizes(shape: Sequence[int]) -> tuple[int, ...]:
    if isinstance(shape, (str, bytes)) or not hasattr(shape, "__iter__"):
        raise ShapeError(
            f"summary: input_shape must be a tuple such as (28, 28, 1), but it is {shape!r}"
        )
    return tuple(size("summary", "input_shape", n) for n in shape)


def _shown(shape: tuple[int, ...] | None) -> str:
    return "not called" if shape is None else str(shape)


def _table(head: Sequence[str], body: Sequence[Sequence[str]], total: Sequence[str]) -> str:
    """Columns as wide as their widest cell: the first three to the left, numbers to the right."""
    lines = [head, *body, total]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]

    def text(line: Sequence[str]) -> str:
        cells = [
            c.ljust(w) if i < 3 else c.rjust(w)
            for i, (c, w) in enumerate(zip(line, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    return "\n".join([text(head), rule, *map(text, body), rule, text(total)])
