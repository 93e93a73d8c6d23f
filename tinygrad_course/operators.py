"""What a tensor does by ops: its operators, its methods, `backward`. Each is one line.

An op makes tensors, and a tensor's operators apply ops: here, where both exist, the class gets
them. Read next: `node.py` and `function.py`, which say what applying means.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TypeVar

from .errors import ArgumentTypeError
from .gradients import run_backward
from .interchange import Interchange
from .ops import comparison, indexing, linear, reduction, shaping, ufuncs
from .ops.arithmetic import Abs, Add, Div, Mul, Neg, Pow, Sub
from .ops.axes import as_axis
from .ops.choice import clip
from .ops.device import to
from .tensor import Tensor

ClassT = TypeVar("ClassT", bound=type)


def methods_of(target: type) -> Callable[[ClassT], ClassT]:
    """A class decorator: what the class defines becomes `target`'s, too."""

    def install(methods: ClassT) -> ClassT:
        for name, member in vars(methods).items():
            if callable(member) or isinstance(member, property):
                setattr(target, name, member)
        return methods

    return install


@methods_of(Tensor)
class Operators(Interchange):
    """The part of `Tensor` that is written in ops; `tensor.py` has the rest."""

    __slots__ = ()
    __hash__ = object.__hash__  # the operator == would take it away

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
            warnings.warn(
                "backward(create_graph=True) makes a cycle of a leaf and its .grad, which only the "
                "garbage collector frees; use tg.grad(loss, inputs, create_graph=True)",
                stacklevel=2,
            )
        run_backward(self, gradient, retain_graph, create_graph)

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
        return self  # type: ignore[return-value]

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
