"""Networks by name: `build("lenet5", input_shape=(28, 28, 1), classes=10)`.

Each file holds one network, written as the list of its layers. Read `lenet5.py`, then
`../training/recipe.py`, which says how a network is trained.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import ArgumentError, ArgumentTypeError, nearest
from ..nn import Module
from ..random import Generator
from .alexnet import alexnet
from .lenet5 import lenet5
from .mlp import mlp
from .resnet import resnet18, resnet20
from .vgg_small import vgg_small

_BUILDERS: dict[str, Callable[..., Module]] = {
    "lenet5": lenet5,
    "mlp": mlp,
    "vgg-small": vgg_small,
    "resnet20": resnet20,
    "resnet18": resnet18,
    "alexnet": alexnet,
}

_HAVE_CLASSIC = ("lenet5",)


def names() -> list[str]:
    """The names that `build` takes.

    Example:
        >>> names()
        ['lenet5', 'mlp', 'vgg-small', 'resnet20', 'resnet18', 'alexnet']
    """
    return list(_BUILDERS)


def build(
    name: str,
    *,
    input_shape: Sequence[int],
    classes: int,
    generator: Generator | None = None,
    dtype: Any = "float32",
    classic: bool = False,
) -> Module:
    """A network by its name, with fresh weights.

    Args:
        name: one of `names()`.
        input_shape: the shape of one sample, without the batch: (28, 28, 1) for MNIST.
        classes: how many logits come out.
        generator: where weights, and later dropout masks, come from; the default generator if
            None.
        dtype: float32 or float64.
        classic: the network as it was first published, where that differs (lenet5: tanh and
            average pooling).

    Returns:
        The network: (N, *input_shape) in, logits (N, classes) out.

    Raises:
        ArgumentError: an unknown name (with the nearest valid one), a network without a classic
            form, no classes.
        ShapeError: samples the network cannot take.

    Example:
        >>> build("lenet5", input_shape=(28, 28, 1), classes=10).num_parameters()
        61706
    """
    if not isinstance(name, str):
        raise ArgumentTypeError(f"build: name must be a string, but it is {name!r}")
    if name not in _BUILDERS:
        raise ArgumentError(f"build: there is no model {name!r}; {nearest(name, _BUILDERS)}")
    if classic and name not in _HAVE_CLASSIC:
        raise ArgumentError(
            f"build: {name} has no classic form; leave classic out, or use "
            f"{' or '.join(_HAVE_CLASSIC)}"
        )
    options = {"classic": True} if classic else {}
    shape = tuple(input_shape)
    return _BUILDERS[name](shape, classes, generator=generator, dtype=dtype, **options)


def usual(input_shape: Sequence[int]) -> str:
    """The network to begin with for samples of a shape: the baseline, not the last word.

    Grey images get lenet5, coloured ones vgg-small, anything else (tables, points, images below
    12 x 12) the mlp.

    Args:
        input_shape: the shape of one sample.

    Example:
        >>> usual((28, 28, 1)), usual((32, 32, 3)), usual((30,)), usual((8, 8, 1))
        ('lenet5', 'vgg-small', 'mlp', 'mlp')

    References:
        Goodfellow, Bengio and Courville, "Deep Learning", 2016, section 11.2.
    """
    shape = tuple(input_shape)
    if len(shape) != 3 or min(shape[:2]) < 12:
        return "mlp"
    return "lenet5" if shape[2] == 1 else "vgg-small"


__all__ = [
    "alexnet",
    "build",
    "lenet5",
    "mlp",
    "names",
    "resnet18",
    "resnet20",
    "usual",
    "vgg_small",
]
