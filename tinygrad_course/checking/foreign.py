"""A user's own forward and backward as one node of our graph, whatever they call on their arrays.

`Foreign` is a Function whose two halves were written elsewhere: NumPy pairs, the courses' form with
a cache, `torch.autograd.Function`. All are `run(*inputs) -> (outputs, cache)` and
`pull(grads, cache, inputs) -> gradients` here; `forms.py` makes those. Read next: `forms.py`.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ArgumentTypeError, GraphError, ShapeError
from ..function import Function
from ..tensor import Tensor

Array = Any
Run = Callable[..., tuple[Any, Any]]
Pull = Callable[[tuple[Array, ...], Any, list[Any]], Any]


class MisshapenGradientError(ShapeError):
    """A gradient that has not its input's shape.

    Attributes:
        label: the input's name.
        found: all gradients as they were returned, by the inputs' names.
    """

    def __init__(
        self, label: str, shape: tuple[int, ...], found: Mapping[str, Array | None]
    ) -> None:
        theirs = np.shape(found[label])  # type: ignore[arg-type]
        super().__init__(f"the gradient of {label} has shape {theirs}, but {label} has {shape}")
        self.label = label
        self.found = found


_HERE = str(Path(__file__).parent.parent)
_NUMPY = str(Path(np.__file__).parent)


class BackwardFailedError(GraphError):
    """The user's backward raised."""

    def __init__(self, error: Exception) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        own = [f for f in frames if not f.filename.startswith((_HERE, _NUMPY))] or frames
        where = f" at line {own[-1].lineno}: {own[-1].line}" if own[-1].line else ""
        super().__init__(f"backward raised {type(error).__name__}: {error}{where}")


class Foreign(Function):
    """y = run(x, ...)        dL/dx, ... = pull(dL/dy, cache, x, ...)

    Args:
        run: the user's forward: all inputs to (outputs, cache).
        pull: the user's backward: upstream gradients, cache, all inputs to what it returns.
        inputs: all inputs; tensors among them are replaced by the arrays of the call.
        labels: their names.
    """

    def __init__(self, run: Run, pull: Pull, inputs: Sequence[Any], labels: Sequence[str]) -> None:
        self.run = run
        self.back = pull
        self.inputs = list(inputs)
        self.labels = labels
        self.slots = [i for i, v in enumerate(inputs) if isinstance(v, Tensor)]

    def forward(self, *xs: Array) -> Any:
        for slot, x in zip(self.slots, xs, strict=True):
            self.inputs[slot] = x
        y, self.cache = self.run(*self.inputs)
        if isinstance(y, (tuple, list)):
            return tuple([_as_array(a) for a in y])
        return _as_array(y)

    def backward(self, grad: Any, cache: Any, xs: tuple[Any, ...]) -> list[Any]:
        grads = tuple(grad) if isinstance(grad, (tuple, list)) else (grad,)
        if any(isinstance(g, Tensor) for g in grads):
            raise GraphError(
                "a second derivative needs a backward pass written with tg's functions; a backward "
                "on plain arrays can be checked to first order only"
            )
        try:
            returned = self.back(grads, cache, list(self.inputs))
        except Exception as error:
            raise BackwardFailedError(error) from error
        found = matched(returned, self.inputs, self.labels, self.slots)
        for slot, x, g in zip(self.slots, xs, found, strict=True):
            if g is not None and g.shape != x.shape:
                names = [self.labels[i] for i in self.slots]
                everything = dict(zip(names, found, strict=True))
                raise MisshapenGradientError(self.labels[slot], x.shape, everything)
        return found


def matched(
    returned: Any, inputs: Sequence[Any], labels: Sequence[str], slots: Sequence[int]
) -> list[Array | None]:
    """What a backward returned, one gradient per float input (`slots`), None where none is owed.

    A tuple holds one gradient per input, or one per float input, or one per float array; a dict
    has them by name (w, dw, d_w, grad_w, in any case).

    Raises:
        ArgumentTypeError: it is none of these.

    Example:
        >>> import numpy as np
        >>> x, stride = np.ones(2), 2
        >>> matched((3.0 * x,), [x, stride], ["x", "stride"], [0])
        [array([3., 3.])]
    """
    names = [labels[i] for i in slots]
    if returned is None:
        raise ArgumentTypeError(
            f"backward returned nothing: does it end without a return? Return the gradients of "
            f"{', '.join(names)}"
        )
    if isinstance(returned, Mapping):
        keys = {str(key).lower(): value for key, value in returned.items()}
        by_name = [next((keys[k] for k in spellings(n) if k in keys), None) for n in names]
        if all(g is None for g in by_name):
            raise ArgumentTypeError(
                f"backward returned a dict with {', '.join(map(str, returned))}, but the inputs "
                f"are {', '.join(names)}; name each gradient as d{names[0]}"
            )
        return [_gradient(g, n) for g, n in zip(by_name, names, strict=True)]
    grads = list(returned) if isinstance(returned, (tuple, list)) else [returned]
    floats = [i for i, v in enumerate(inputs) if isinstance(v, np.ndarray) and v.dtype.kind == "f"]
    arrays = [i for i in floats if inputs[i].ndim]
    for places in (list(range(len(inputs))), floats, arrays, list(slots)):
        if len(grads) == len(places):
            at = dict(zip(places, grads, strict=True))
            return [_gradient(at.get(i), labels[i]) for i in slots]
    raise ArgumentTypeError(
        f"backward returned {len(grads)} gradient{'s' * (len(grads) != 1)} for {len(inputs)} "
        f"inputs ({', '.join(labels)}); return one per input, None where none is owed"
    )


def misshapen(error: BaseException, leaf: Tensor) -> Array | None:
    """The gradient of a wrong shape that a formula of a Function returned for this leaf, if so.

    The engine stops at it; the frame that complained still holds it.
    """
    trace = error.__traceback__
    while trace is not None:
        names = trace.tb_frame.f_locals
        if trace.tb_frame.f_code.co_name == "_wrong_shape" and "g" in names:
            edge = (names["self"].edges or ())[names["i"]]
            return np.asarray(names["g"]) if edge is leaf.node else None
        trace = trace.tb_next
    return None


def spellings(name: str) -> list[str]:
    """How the gradient of `name` may be called, in lower case.

    Example:
        >>> spellings("W")
        ['w', 'dw', 'd_w', 'grad_w', 'w_grad', 'gw', 'dl_dw', 'dldw', 'delta_w', 'dl_d_w']
    """
    n = name.lower()
    return [n, f"d{n}", f"d_{n}", f"grad_{n}", f"{n}_grad", f"g{n}", f"dl_d{n}", f"dld{n}",
            f"delta_{n}", f"dl_d_{n}"]  # fmt: skip


def _gradient(g: Any, label: str) -> Array | None:
    if g is None:
        return None
    try:
        array = np.asarray(g)
    except ValueError:
        array = np.asarray(None)
    if array.dtype.kind not in "fiub":
        raise ArgumentTypeError(
            f"backward returned {type(g).__name__} as the gradient of {label}; return an array"
        )
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def _as_array(value: Any) -> Array:
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise ArgumentTypeError(
            f"forward returned {type(value).__name__}; return an array, a tuple of arrays, or "
            "(out, cache) with backward(dout, cache)"
        )
    return array
