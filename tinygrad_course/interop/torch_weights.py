"""PyTorch's weights in our layers: other names, other layouts, the same numbers.

    model = nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.Flatten(), nn.Dense(3456, 10))
    load_torch_state_dict(model, torch_model.state_dict(), input_shape=(28, 28, 1))

`layouts.py` has the layouts, layer by layer; `docs/from-pytorch.md` the names side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .. import nn
from ..errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError, nearest
from ..grad_mode import no_grad
from ..nn import Module, Unmatched
from ..observer import observing
from ..tensor import Tensor
from .layouts import Flattenings, Layout, layout_of, their_name

TITLE = "load_torch_state_dict"

COUNTERS = "num_batches_tracked"
"""PyTorch's batch norm counts its batches, which nothing reads unless momentum is None."""


def load_torch_state_dict(
    module: Module,
    state: Mapping[str, Any],
    *,
    input_shape: Sequence[int] | None = None,
    flattened: Mapping[str, Sequence[int]] | None = None,
    rename: Callable[[str], str] | Mapping[str, str] | None = None,
    strict: bool = True,
) -> Unmatched:
    """Overwrite the weights of `module` with those of the same network in PyTorch.

    Names: a layer that is an attribute of ours has the attribute's name there too; the layers of
    our `Sequential` are `layers.0`, `layers.1`, PyTorch's `0`, `1`. A `module.` in front of every
    name (DataParallel) is dropped.

    Layouts: a dense W is transposed, a convolution's (O, C / groups, KH, KW) becomes
    (KH, KW, C / groups, O). Where images are flattened, PyTorch's rows run through C, H, W and
    ours through H, W, C, so what comes next (a Dense, a BatchNorm) has its inputs in another order:
    `input_shape` lets one forward pass of zeros find out where that is.

    Args:
        module: the network, built as PyTorch's is: all or none of it is overwritten.
        state: PyTorch's `state_dict()`: its tensors, or arrays in its layouts.
        input_shape: (H, W, C) of a sample. Expected where both a layer of images and a Dense are.
        flattened: instead of it, for each layer whose input is flattened images its name and the
            image's (H, W, C): {"layers.3": (12, 12, 6)}; {} if there is none.
        rename: what else distinguishes the names: a dict, or a function, from PyTorch's name to the
            one that is expected (ours, or ours as PyTorch would say it).
        strict: every name must have its counterpart.

    Returns:
        The names that were not loaded: `missing`, ours, and `unexpected`, PyTorch's.

    Raises:
        ArgumentError: names that one side lacks; neither input_shape nor flattened, where the order
            is in doubt.
        ShapeError: another shape, both in PyTorch's layout; an input_shape the network refuses.
        DtypeError: another dtype; nothing is converted behind your back.

    Example:
        >>> import numpy as np, tinygrad_course as tg
        >>> model = tg.nn.Sequential(tg.nn.Dense(2, 3))
        >>> theirs = {"0.weight": np.arange(6, dtype="float32").reshape(3, 2),
        ...           "0.bias": np.zeros(3, "float32")}
        >>> load_torch_state_dict(model, theirs)
        Unmatched(missing=(), unexpected=())
        >>> model[0].weight.tolist()
        [[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]]
    """
    if not isinstance(state, Mapping):
        raise ArgumentTypeError(
            f"{TITLE}: expected PyTorch's state_dict(), but got {type(state).__name__}; of a whole "
            "model, pass model.state_dict()"
        )
    images = _flattened(module, input_shape, flattened)
    layouts = _layouts(module, images)
    by_their_name = {layout.theirs: ours for ours, layout in layouts.items()}
    found: dict[str, str] = {}
    unexpected = []
    for name, expected in _renamed(state, rename).items():
        ours = expected if expected in layouts else by_their_name.get(expected)
        if ours is not None and ours not in found:
            found[ours] = name
        elif name.rpartition(".")[2] != COUNTERS:
            unexpected.append(name)
    missing = tuple(ours for ours in layouts if ours not in found)
    if strict and (missing or unexpected):
        raise ArgumentError(f"{TITLE}: {_unmatched(missing, unexpected, layouts)}")
    converted = {
        ours: _converted(state[name], name, ours, layouts[ours]) for ours, name in found.items()
    }
    module.load_state_dict(converted, strict=False)
    return Unmatched(missing, tuple(unexpected))


def _layouts(module: Module, images: Mapping[str, tuple[int, ...]]) -> dict[str, Layout]:
    """For each of our tensors, what PyTorch calls it and how it lays it out."""
    owners = dict(module.named_modules())
    unknown = [name for name in images if name not in owners]
    if unknown:
        raise ArgumentError(
            f"{TITLE}: flattened names no layer {unknown[0]!r}; {nearest(unknown[0], owners)}"
        )
    layouts = {}
    for name, tensor in module.named_tensors():
        path, _, attribute = name.rpartition(".")
        while path not in owners:  # a list or dict of parameters: its owner is further up
            path, _, more = path.rpartition(".")
            attribute = f"{more}.{attribute}"
        theirs = their_name(module, path, attribute)
        layouts[name] = layout_of(owners[path], attribute, tensor, theirs, images.get(path))
    return layouts


def _renamed(
    state: Mapping[str, Any], rename: Callable[[str], str] | Mapping[str, str] | None
) -> dict[str, str]:
    """PyTorch's names, each with the name to look for."""
    prefix = "module." if state and all(name.startswith("module.") for name in state) else ""
    names = {name: name.removeprefix(prefix) for name in state}
    if rename is None:
        return names
    if isinstance(rename, Mapping):
        table = rename
        return {name: table.get(name, table.get(short, short)) for name, short in names.items()}
    return {name: rename(short) for name, short in names.items()}


def _converted(value: Any, name: str, ours: str, layout: Layout) -> Any:
    """PyTorch's array as ours, checked against what it has to be."""
    array = _array(name, value)
    if array.shape != layout.shape:
        raise ShapeError(
            f"{TITLE}: {name!r} has shape {array.shape} in the state, but {ours!r} of shape "
            f"{layout.ours} expects {layout.shape} there; build the model with PyTorch's sizes"
        )
    if array.dtype != layout.dtype:
        raise DtypeError(
            f"{TITLE}: {name!r} is {array.dtype} in the state, but {ours!r} is {layout.dtype}; "
            f"convert one side: model.astype('{array.dtype}'), or the state's tensors"
        )
    return np.ascontiguousarray(layout.convert(array))


def _array(name: str, value: Any) -> np.ndarray[Any, Any]:
    if isinstance(value, Tensor):
        return value.numpy()
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise DtypeError(
            f"{TITLE}: {name!r} cannot become an array ({error}); convert it with .float()"
        ) from error
    if array.dtype.kind not in "fiub":
        raise ArgumentTypeError(
            f"{TITLE}: {name!r} is expected to be a tensor or an array, but is "
            f"{type(value).__name__}; pass the state_dict alone, without what was saved beside it"
        )
    return array


def _unmatched(
    missing: Sequence[str], unexpected: Sequence[str], layouts: Mapping[str, Layout]
) -> str:
    parts = []
    if missing:
        shown = ", ".join(f"{layouts[name].theirs!r}" for name in missing[:5])
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        parts.append(f"the state lacks {shown}{more}")
    if unexpected:
        shown = ", ".join(repr(name) for name in unexpected[:5])
        more = f" and {len(unexpected) - 5} more" if len(unexpected) > 5 else ""
        parts.append(f"the state has {shown}{more}, which the model lacks")
        free = [layouts[name].theirs for name in missing] or [x.theirs for x in layouts.values()]
        guess = nearest(unexpected[0], free)
        if guess.startswith("did you mean"):
            parts.append(f"for {unexpected[0]!r}: {guess.partition('?')[0]}?")
    return "; ".join(parts) + "; pass rename=, or strict=False to load only what both have"


def _flattened(
    module: Module,
    input_shape: Sequence[int] | None,
    flattened: Mapping[str, Sequence[int]] | None,
) -> dict[str, tuple[int, ...]]:
    """The layers that read flattened images, each with the images' shape."""
    if flattened is not None:
        return {name: tuple(shape) for name, shape in flattened.items()}
    if input_shape is None:
        layers = module.modules()
        of_images = next((m for m in layers if isinstance(m, _IMAGE_LAYERS)), None)
        dense = next((m for m in layers if isinstance(m, nn.Dense)), None)
        if of_images is not None and dense is not None:
            raise ArgumentError(
                f"{TITLE}: the model has {of_images!r} and {dense!r}; if images are flattened "
                "between them, the order of the inputs differs from PyTorch's: pass "
                "input_shape=(H, W, C) of a sample, or flattened={} if none are"
            )
        return {}
    modes = [(layer, layer.training) for layer in module.modules()]
    dtype = next((p.dtype for p in module.parameters()), "float32")
    watch = Flattenings(module)
    try:
        module.eval()
        with no_grad(), observing(watch):
            module(Tensor(np.zeros((1, *input_shape), dtype)))
    finally:
        for layer, training in modes:
            layer.training = training
    return watch.found


_IMAGE_LAYERS = (
    nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d, nn.Flatten,
    nn.MaxPool1d, nn.AvgPool1d, nn.MaxPool2d, nn.AvgPool2d,
)  # fmt: skip
