"""The base of every layer and model: an object whose tensors and layers are found by looking.

There is no registration and no magic: `parameters()` walks the attributes in the order in which
they were assigned. Read `dense.py` next, the simplest layer; `state.py` loads what was saved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import numpy as np

from ..backend import check_device, to_device, to_host
from ..errors import ArgumentError, ArgumentTypeError, Error
from ..grad_mode import mode
from ..tensor import Parameter, Tensor, mark_written
from . import printing
from .checks import float_dtype
from .state import Unmatched, load

Self = TypeVar("Self", bound="Module")


class Module:
    """The base of layers and models: write `__init__` (make parameters) and `forward`.

    Found by walking the attributes in assignment order, through lists, tuples and dicts, each
    object once, under the first name that leads to it:

    - a `Parameter` is a parameter: trained, saved;
    - any other `Tensor` is a buffer: saved, moved and converted with the model, not trained. (What
      an op computed from a parameter, such as a remembered activation, is no state and is skipped.)
    - a `Module` is a layer of this one; its tensors are named `layer.weight`.

    A subclass need not call `super().__init__()`.

    Attributes:
        training: what `train()` and `eval()` set; dropout and batch norm read it.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> class Line(tg.nn.Module):
        ...     def __init__(self) -> None:
        ...         self.slope = tg.Parameter([2.0])
        ...         self.offset = tg.Parameter([1.0])
        ...     def forward(self, x):
        ...         return x * self.slope + self.offset
        >>> line = Line()
        >>> line(tg.tensor([3.0])).tolist()
        [7.0]
        >>> [name for name, _ in line.named_parameters()]
        ['slope', 'offset']
    """

    training: bool = True

    def forward(self, *inputs: Any) -> Any:
        """The output for these inputs; every layer writes its own."""
        raise ArgumentTypeError(
            f"{type(self).__name__}: forward is not written; define forward(self, x)"
        )

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Run `forward`. An error of ours names the path of the layer in which it happened."""
        try:
            if mode.observer is None:
                return self.forward(*inputs, **options)
            with mode.observer.layer(self):
                return self.forward(*inputs, **options)
        except Error as error:
            self._name_the_layer(error)
            raise

    def _name_the_layer(self, error: Error) -> None:
        """Put "in conv1 (Conv2d): " before the message, one part of the path at each level."""
        default = (self, "", type(self).__name__, str(error))
        inner, path, kind, message = vars(error).get("raised_in", default)
        if inner is not self:
            name = next((n for n, m in self.named_modules() if m is inner), type(inner).__name__)
            path = f"{name}.{path}" if path else name
            error.args = (f"in {path} ({kind}): {message}",)
        vars(error)["raised_in"] = (self, path, kind, message)

    # What it is made of.

    def members(self) -> list[tuple[str, Any]]:
        """The tensors and layers held directly, as (name, object), in assignment order."""
        return [m for name, value in vars(self).items() for m in _members(name, value)]

    def _walk(self, name: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
        """(name, object) for this module and every layer and tensor below it, each once."""
        if id(self) in seen:
            return
        seen.add(id(self))
        yield name, self
        for part, member in self.members():
            path = f"{name}.{part}" if name else part
            if isinstance(member, Module):
                yield from member._walk(path, seen)
            elif id(member) not in seen:
                seen.add(id(member))
                yield path, member

    def named_modules(self) -> list[tuple[str, Module]]:
        """(name, module) for this one, under the name "", and every layer below it, each once."""
        return [(name, m) for name, m in self._walk("", set()) if isinstance(m, Module)]

    def modules(self) -> list[Module]:
        """This one and every layer below it, each once."""
        return [module for _, module in self.named_modules()]

    def named_tensors(self) -> list[tuple[str, Tensor]]:
        """(name, tensor) for parameters and buffers alike, each tensor once.

        Raises:
            ArgumentError: two tensors have one name (a dict key with a dot in it can do that).
        """
        found: dict[str, Tensor] = {}
        for name, member in self._walk("", set()):
            if not isinstance(member, Tensor) or _computed(member):
                continue
            if name in found:
                raise ArgumentError(
                    f"{type(self).__name__}: two tensors are named {name!r}; rename the "
                    "attribute or the dict key of one of them"
                )
            found[name] = member
        return list(found.items())

    def named_parameters(self) -> list[tuple[str, Parameter]]:
        """(name, parameter) for every parameter, a tied one once."""
        return [(name, t) for name, t in self.named_tensors() if isinstance(t, Parameter)]

    def parameters(self) -> list[Parameter]:
        """Every parameter, a tied one once: what an optimizer is given."""
        return [parameter for _, parameter in self.named_parameters()]

    def named_buffers(self) -> list[tuple[str, Tensor]]:
        """(name, tensor) for every tensor that is no parameter."""
        return [(name, t) for name, t in self.named_tensors() if not isinstance(t, Parameter)]

    def buffers(self) -> list[Tensor]:
        """Every tensor that is no parameter."""
        return [buffer for _, buffer in self.named_buffers()]

    def num_parameters(self) -> int:
        """How many numbers the parameters hold, frozen ones included.

        Example:
            >>> import tinygrad_course as tg
            >>> tg.nn.Dense(120, 84).num_parameters()
            10164
        """
        return sum(parameter.size for parameter in self.parameters())

    # How it is used.

    def train(self: Self, mode: bool = True) -> Self:
        """Set `training` here and in every layer below; returns the module itself."""
        for module in self.modules():
            module.training = bool(mode)
        return self

    def eval(self: Self) -> Self:
        """Inference: dropout passes everything, batch norm uses its running statistics."""
        return self.train(False)

    def requires_grad_(self: Self, value: bool = True) -> Self:
        """Freeze (False) or unfreeze (True) every parameter; returns the module itself.

        An optimizer skips frozen parameters. Batch norm's running statistics are buffers: they
        follow the data in training all the same; `eval()` stops them.
        """
        for parameter in self.parameters():
            parameter.requires_grad = value
        return self

    def freeze(self: Self) -> Self:
        """`requires_grad_(False)`."""
        return self.requires_grad_(False)

    def unfreeze(self: Self) -> Self:
        """`requires_grad_(True)`."""
        return self.requires_grad_(True)

    def zero_grad(self) -> None:
        """Forget every parameter's gradient."""
        for parameter in self.parameters():
            parameter.zero_grad()

    def to(self: Self, device: str) -> Self:
        """Move parameters and buffers to `device`, in place; gradients are forgotten.

        The weights are the same numbers on every device: layers draw them on the CPU. An optimizer
        made before takes its state along at its next step.

        Args:
            device: "cpu", "cuda" (this thread's GPU) or "cuda:1".

        Returns:
            The module itself.

        Raises:
            DeviceError: there is no such device; the message says what is missing.
        """
        wanted = check_device(device)
        for _, tensor in self.named_tensors():
            moved = to_device(tensor.data, wanted)
            if moved is not tensor.data:
                _replace(tensor, moved)
        return self

    def cuda(self: Self) -> Self:
        """`to("cuda")`."""
        return self.to("cuda")

    def cpu(self: Self) -> Self:
        """`to("cpu")`."""
        return self.to("cpu")

    def astype(self: Self, dtype: Any) -> Self:
        """Convert float parameters and buffers to `dtype`, in place; gradients are forgotten.

        Raises:
            ArgumentTypeError: `dtype` is no float.
        """
        wanted = float_dtype(f"{type(self).__name__}.astype", dtype)
        for _, tensor in self.named_tensors():
            if tensor.dtype.kind == "f" and tensor.dtype != wanted:
                _replace(tensor, tensor.data.astype(wanted))
        for module in self.modules():
            if "dtype" in vars(module):
                vars(module)["dtype"] = wanted
        return self

    # Saving.

    def state_dict(self) -> dict[str, np.ndarray[Any, Any]]:
        """Copies of all parameters and buffers, by name.

        Example:
            >>> import tinygrad_course as tg
            >>> list(tg.nn.Sequential(tg.nn.Dense(2, 3), tg.nn.BatchNorm(3)).state_dict())[:3]
            ['layers.0.weight', 'layers.0.bias', 'layers.1.weight']
        """
        return {name: to_host(t.data).copy(order="C") for name, t in self.named_tensors()}

    def load_state_dict(self, state: Mapping[str, Any], *, strict: bool = True) -> Unmatched:
        """Overwrite parameters and buffers with saved ones. All of them, or (on an error) none.

        Args:
            state: arrays or tensors by name, as `state_dict()` returns them.
            strict: every name must have its counterpart. Without it, only names that both sides
                have are loaded; their shapes and dtypes must still agree.

        Returns:
            The names that were not loaded: `missing` from the state, `unexpected` in it.

        Raises:
            ArgumentError: names that one side lacks, with the nearest valid one.
            ShapeError: another shape, naming both.
            DtypeError: another dtype; nothing is converted behind your back.
        """
        return load(type(self).__name__, dict(self.named_tensors()), state, strict=strict)

    def __repr__(self) -> str:
        children = [(name, m) for name, m in self.members() if isinstance(m, Module)]
        return printing.tree(type(self).__name__, printing.arguments(self), children)


def _members(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The tensors and modules that an attribute holds, through containers."""
    if isinstance(value, (Tensor, Module)):
        yield name, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _members(f"{name}.{key}", item)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _members(f"{name}.{index}", item)


def _computed(tensor: Tensor) -> bool:
    """Whether an op computed it: then it belongs to one forward pass, not to the model."""
    return tensor.node is not None and tensor.node.edges != ()


def _replace(tensor: Tensor, array: Any) -> None:
    """Give a leaf or a buffer another array."""
    tensor.zero_grad()
    tensor.data = array
    mark_written([tensor])
