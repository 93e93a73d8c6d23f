"""A tensor is an array and a node: values, and where they came from.

First of the core's files. A tensor whose node is None is a constant; a leaf, made by the user
with `requires_grad=True`, has a node too, which owns its gradient. Every operator below is one
line: make an op, apply it. Read next: `node.py` and `function.py`, which say what applying means.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any, NoReturn

from .backend import Array, array_module, check_device, check_same_device, to_device
from .dtypes import array_from, assignable, literal
from .errors import ArgumentTypeError, DtypeError, GraphError, ShapeError
from .interchange import Interchange
from .node import Leaf, Node, next_serial, written

new = object.__new__


class Tensor(Interchange):
    """An array of numbers that remembers how it was computed.

    Args:
        data: an array, a scalar or nested lists; copied. Python floats become float32.
        dtype: the dtype to convert to.
        device: where to put it, as "cpu" or "cuda"; None leaves it where the data are.
        requires_grad: make it a leaf: `backward()` will leave dL/d(this) in `.grad`.

    Attributes:
        data: the values, always an array.
        node: the graph node that made it; None for a constant.

    Raises:
        ArgumentTypeError: data that are no real numbers, or integers that require a gradient.
        DeviceError: there is no such device.

    Example:
        >>> import tinygrad_course as tg
        >>> x = tg.Tensor([1.0, 2.0], requires_grad=True)
        >>> (x * x).sum().backward()
        >>> x.grad.tolist()
        [2.0, 4.0]
    """

    __slots__ = ("__weakref__", "data", "node")
    __array_priority__ = 1000

    data: Array
    node: Node | None

    def __init__(
        self, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
    ) -> None:
        if isinstance(data, Tensor):
            data = data.data
        given = array_from(data, dtype)
        moved = given if device is None else to_device(given, check_device(device))
        self.data = array_module(given).array(given, order="C") if moved is given else moved
        self.node = None
        if requires_grad:
            self.requires_grad = True

    # Gradients.

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient can be asked for. Set it on a leaf or a constant only."""
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if bool(value) == (self.node is not None):
            return
        if self.node is not None and not isinstance(self.node, Leaf):
            raise GraphError(
                f"requires_grad: this tensor was computed by {self.node!r}; only a leaf can be "
                "switched off. Use detach() for a constant with the same values"
            )
        if value and self.dtype.kind != "f":
            raise ArgumentTypeError(
                f"requires_grad: only floats have gradients, but the values are {self.dtype}; "
                "convert them with .astype('float32')"
            )
        self.node = Leaf() if value else None

    @property
    def grad(self) -> Tensor | None:
        """dL/d(this), after `backward()`: on leaves, and on tensors that called `retain_grad()`."""
        return None if self.node is None else self.node.grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if self.node is None or not isinstance(self.node, Leaf):
            raise GraphError("grad: only a leaf with requires_grad=True owns a gradient")
        if value is not None:
            value = (
                value
                if isinstance(value, Tensor)
                else wrap(literal(value, self.dtype, self.data), None)
            )
            if value.shape != self.shape:
                raise ShapeError(
                    f"grad: must have the tensor's shape {self.shape}, but it has {value.shape}"
                )
            if value.dtype != self.dtype:
                raise DtypeError(
                    f"grad: must have the tensor's dtype {self.dtype}, but it has {value.dtype}; "
                    f"convert it with .astype('{self.dtype}')"
                )
            check_same_device("grad", (self.data, value.data), ("the tensor", "its gradient"))
        self.node.grad = value

    def backward(
        self, gradient: Any = None, *, retain_graph: bool = False, create_graph: bool = False
    ) -> None:
        """Accumulate dL/d(leaf) into `.grad` of every leaf this tensor was computed from.

        Args:
            gradient: dL/d(this), of this shape; may be left out for a scalar (then 1).
            retain_graph: keep the graph; without it, a second call raises.
            create_graph: give the gradients a graph of their own. `.grad` then holds the graph and
                the graph the leaf: a cycle. Prefer `tg.grad(..., create_graph=True)`.

        Raises:
            GraphError: nothing here requires a gradient, the graph was released, or a kept value
                was overwritten.
            ShapeError: a tensor that is no scalar, without `gradient`.
        """
        if create_graph:
            import warnings

            warnings.warn(
                "backward(create_graph=True) makes a cycle of a leaf and its .grad, which only the "
                "garbage collector frees; use tg.grad(loss, inputs, create_graph=True)",
                stacklevel=2,
            )
        run_backward(self, gradient, retain_graph, create_graph)

    def zero_grad(self) -> None:
        """Forget the gradient: `.grad` becomes None."""
        if self.node is not None:
            self.node.grad = None

    def retain_grad(self) -> None:
        """Ask for `.grad` on a tensor that is no leaf."""
        if self.node is None:
            raise GraphError("retain_grad: this tensor is a constant; it has no gradient to keep")
        if not isinstance(self.node, Leaf):  # a leaf keeps it anyway
            self.node.retained = True

    def detach(self) -> Tensor:
        """The same values (the same memory) as a constant."""
        return wrap(self.data, None)

    def assign(self, value: Any) -> None:
        """Overwrite the values in place: how a leaf or a buffer is changed from outside.

        A graph that kept the old values will refuse to run backward.

        Raises:
            GraphError: the tensor was computed by an op.
            ShapeError: another shape.
            DtypeError: fractions for a tensor of integers.
            DeviceError: an array on another device.
            ArgumentError: a read-only view.
        """
        if self.node is not None and not isinstance(self.node, Leaf):
            raise GraphError(f"assign: this tensor was computed by {self.node!r}; assign to a leaf")
        if isinstance(value, Tensor):
            value = value.data
        array = assignable(value, self.data)
        check_same_device("assign", (self.data, array), ("the tensor", "the value"))
        self.data[...] = array
        mark_written([self])

    # Conversions (to NumPy, DLPack, pickle, text: `interchange.py`).

    def to(self, device: str) -> Tensor:
        """This tensor if it is on `device`, else a copy there; the gradient comes back here.

        Args:
            device: "cpu", "cuda" (this thread's GPU) or "cuda:1".

        Raises:
            DeviceError: there is no such device; the message says what is missing.

        Example:
            >>> import tinygrad_course as tg
            >>> x = tg.tensor([1.0])
            >>> x.to("cpu") is x
            True
        """
        return to(self, device)

    def cuda(self) -> Tensor:
        """`to("cuda")`."""
        return to(self, "cuda")

    def cpu(self) -> Tensor:
        """`to("cpu")`."""
        return to(self, "cpu")

    def astype(self, dtype: Any) -> Tensor:
        """The values converted to `dtype`; the gradient comes back in this tensor's dtype."""
        return shaping.astype(self, dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return ufuncs.dispatch(ufunc.__name__, method, inputs, options)

    __hash__ = object.__hash__

    # Operators.

    def __add__(self, other: Any) -> Tensor:
        return Add().apply(self, other)

    def __radd__(self, other: Any) -> Tensor:
        return Add().apply(other, self)

    def __sub__(self, other: Any) -> Tensor:
        return Sub().apply(self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return Sub().apply(other, self)

    def __mul__(self, other: Any) -> Tensor:
        return Mul().apply(self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return Mul().apply(other, self)

    def __truediv__(self, other: Any) -> Tensor:
        return Div().apply(self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return Div().apply(other, self)

    def __pow__(self, other: Any) -> Tensor:
        return Pow().apply(self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return Pow().apply(other, self)

    def __matmul__(self, other: Any) -> Tensor:
        return linear.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return linear.matmul(other, self)

    def __neg__(self) -> Tensor:
        return Neg().apply(self)

    def __pos__(self) -> Tensor:
        return self

    def __abs__(self) -> Tensor:
        return Abs().apply(self)

    def __eq__(self, other: object) -> Any:
        return comparison.compared(operator.eq, self, other)

    def __ne__(self, other: object) -> Any:
        return comparison.compared(operator.ne, self, other)

    def __lt__(self, other: Any) -> Tensor:
        return comparison.compared(operator.lt, self, other)

    def __le__(self, other: Any) -> Tensor:
        return comparison.compared(operator.le, self, other)

    def __gt__(self, other: Any) -> Tensor:
        return comparison.compared(operator.gt, self, other)

    def __ge__(self, other: Any) -> Tensor:
        return comparison.compared(operator.ge, self, other)

    def __and__(self, other: Any) -> Tensor:
        return comparison.combined("&", operator.and_, self, other)

    def __or__(self, other: Any) -> Tensor:
        return comparison.combined("|", operator.or_, self, other)

    def __xor__(self, other: Any) -> Tensor:
        return comparison.combined("^", operator.xor, self, other)

    def __invert__(self) -> Tensor:
        return comparison.combined("~", operator.invert, self)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Tensor:
        return indexing.getitem(self, index)

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise ArgumentTypeError(
            "a tensor's values are not overwritten in place, since the graph may need the old "
            "ones: select with tg.where(mask, new, old), add at places with tg.scatter_add, build "
            "with tg.concatenate or tg.stack, or overwrite a whole leaf with leaf.assign(array)"
        )

    # Methods that arrays have too, so that a formula may be handed either.

    def sum(self, axis: Any = None, *, keepdims: bool = False) -> Tensor:
        """The sum over `axis`, as `tg.sum`."""
        return reduction.sum(self, axis, keepdims=keepdims)

    def mean(self, axis: Any = None, *, keepdims: bool = False) -> Tensor:
        """The mean over `axis`, as `tg.mean`."""
        return reduction.mean(self, axis, keepdims=keepdims)

    def var(self, axis: Any = None, *, ddof: int = 0, keepdims: bool = False) -> Tensor:
        """The variance over `axis`, as `tg.var`."""
        return reduction.var(self, axis, ddof=ddof, keepdims=keepdims)

    def max(self, axis: Any = None, *, keepdims: bool = False) -> Tensor:
        """The maximum over `axis`, as `tg.max`."""
        return reduction.max(self, axis, keepdims=keepdims)

    def argmax(self, axis: Any = None, *, keepdims: bool = False) -> Tensor:
        """The first place of the maximum, as `tg.argmax`."""
        return reduction.argmax(self, axis, keepdims=keepdims)

    def reshape(self, *shape: Any) -> Tensor:
        """The values in another shape, as `tg.reshape`."""
        return shaping.reshape(self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Tensor:
        """The axes permuted, as `tg.transpose`."""
        if len(axes) == 1 and not isinstance(axes[0], int):
            axes = axes[0]
        return shaping.transpose(self, axes or None)

    def swapaxes(self, axis1: int, axis2: int) -> Tensor:
        """Two axes exchanged."""
        axes = list(range(self.ndim))
        one, other = (as_axis("swapaxes", a, self.shape, self.ndim) for a in (axis1, axis2))
        axes[one], axes[other] = other, one
        return shaping.transpose(self, axes)

    @property
    def T(self) -> Tensor:  # noqa: N802 - NumPy's name
        """The axes in reverse order."""
        return shaping.transpose(self)

    def squeeze(self, axis: Any = None) -> Tensor:
        """Without the axes of size 1, as `tg.squeeze`."""
        return shaping.squeeze(self, axis)

    def clip(self, min: Any = None, max: Any = None) -> Tensor:  # noqa: A002 - NumPy's names
        """The values held between two bounds, as `tg.clip`."""
        return clip(self, min, max)


class Parameter(Tensor):
    """A leaf that belongs to a model: found by `Module.parameters()`, written by an optimizer.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.Parameter([1.0]).requires_grad
        True
    """

    __slots__ = ()

    def __init__(
        self, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = True
    ) -> None:
        super().__init__(data, dtype=dtype, device=device, requires_grad=requires_grad)

    def _refuse_in_place(self, other: Any) -> NoReturn:
        raise ArgumentTypeError(
            "`parameter += ...` would make a new tensor and leave the model's parameter as it was; "
            "write parameter.assign(parameter.data + ...), or let an optimizer do it"
        )

    __iadd__ = __isub__ = __imul__ = __itruediv__ = __ipow__ = __imatmul__ = _refuse_in_place


def wrap(array: Array, node: Node | None) -> Tensor:
    """A tensor around an array that exists: no copy, no check."""
    tensor = new(Tensor)
    tensor.data = array
    tensor.node = node
    return tensor


def values(x: Any) -> Any:
    """The array of a tensor; anything else as it is. For what is read, not differentiated: labels.

    Example:
        >>> values(Tensor([1, 2])).tolist()
        [1, 2]
    """
    return x.data if isinstance(x, Tensor) else x


def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of a copy of `data`; the same as `Tensor(...)`.

    Example:
        >>> import tinygrad_course as tg
        >>> tg.tensor([[1, 2], [3, 4]], dtype="float32").shape
        (2, 2)
    """
    return Tensor(data, dtype=dtype, device=device, requires_grad=requires_grad)


def filled(like: Any, shape: tuple[int, ...], value: float, dtype: Any = None) -> Array:
    """An array of one value, on the device of `like` and, where none is given, of its dtype."""
    array = values(like)
    return array_module(array).full(shape, value, array.dtype if dtype is None else dtype)


def mark_written(tensors: list[Tensor]) -> None:
    """Note that the values of these leaves were overwritten: what a graph kept of them is stale."""
    serial = next_serial()
    for t in tensors:
        if isinstance(t.node, Leaf):
            t.node.changed = written.newest = serial


# An operator is an op, and an op needs the class above: so its module is imported last.
from .gradients import run_backward  # noqa: E402
from .ops import comparison, indexing, linear, reduction, shaping, ufuncs  # noqa: E402
from .ops.arithmetic import Abs, Add, Div, Mul, Neg, Pow, Sub  # noqa: E402
from .ops.axes import as_axis  # noqa: E402
from .ops.choice import clip  # noqa: E402
from .ops.device import to  # noqa: E402
