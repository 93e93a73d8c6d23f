"""The optimizers by name, each with the learning rate and the weight decay that it usually gets.

`tgc train --optimizer NAME` and `Recipe(optimizer=NAME)` mean these. The formulas are in `optim/`;
read `recipe.py` next.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from ..optim import (
    LAMB,
    LARS,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    AMSGrad,
    NAdam,
    Optimizer,
    RAdam,
    RMSprop,
    Rprop,
)

if TYPE_CHECKING:
    from .recipe import Recipe


class Method(NamedTuple):
    """An optimizer by name: how to make it, and the values it gets where the recipe has none.

    Attributes:
        make: `make(parameters, rate, recipe)`.
        lr: the usual highest learning rate; found on digits and mnist-12k.
        weight_decay: the usual decay.
        has_momentum: whether the recipe's momentum means something to it.
    """

    make: Callable[[Any, Any, Recipe], Optimizer]
    lr: float
    weight_decay: float = 0.0
    has_momentum: bool = False
    follows_slope: bool = False
    """Whether its steps are as long as the gradient, and so too long where a loss is steep."""


def _sgd(parameters: Any, lr: Any, recipe: Recipe) -> Optimizer:
    return SGD(parameters, lr, weight_decay=recipe.weight_decay or 0.0)


def _momentum(parameters: Any, lr: Any, recipe: Recipe) -> Optimizer:
    return SGD(parameters, lr, recipe.momentum, weight_decay=recipe.weight_decay or 0.0)


def _nesterov(parameters: Any, lr: Any, recipe: Recipe) -> Optimizer:
    decay, ahead = recipe.weight_decay or 0.0, recipe.momentum > 0
    return SGD(parameters, lr, recipe.momentum, nesterov=ahead, weight_decay=decay)


def _lars(parameters: Any, lr: Any, recipe: Recipe) -> Optimizer:
    return LARS(parameters, lr, recipe.momentum, weight_decay=recipe.weight_decay or 0.0)


def _rprop(parameters: Any, lr: Any, recipe: Recipe) -> Optimizer:
    return Rprop(parameters, recipe.lr or lr)  # it adapts its own steps: a schedule plays no part


def _plain(kind: Callable[..., Optimizer], **more: Any) -> Callable[[Any, Any, Recipe], Optimizer]:
    """An optimizer that the recipe gives a rate and a decay."""

    def make(parameters: Any, lr: Any, recipe: Recipe) -> Optimizer:
        return kind(parameters, lr, weight_decay=recipe.weight_decay or 0.0, **more)

    return make


METHODS = {
    "sgd": Method(_sgd, lr=0.3, weight_decay=1e-3, follows_slope=True),
    "momentum": Method(_momentum, 0.05, 1e-3, has_momentum=True, follows_slope=True),
    "nesterov": Method(_nesterov, 0.05, 1e-3, has_momentum=True, follows_slope=True),
    "adagrad": Method(_plain(Adagrad), lr=0.05),
    "adadelta": Method(_plain(Adadelta), lr=2.0),
    "rmsprop": Method(_plain(RMSprop), lr=0.003),
    "rmsprop-centered": Method(_plain(RMSprop, centered=True), lr=0.003),
    "adam": Method(_plain(Adam), lr=0.006),
    "adamw": Method(_plain(AdamW), lr=0.006, weight_decay=0.1),
    "amsgrad": Method(_plain(AMSGrad), lr=0.006),
    "nadam": Method(_plain(NAdam), lr=0.006),
    "radam": Method(_plain(RAdam), lr=0.02),
    "lars": Method(_lars, lr=8.0, weight_decay=1e-3, has_momentum=True),
    "lamb": Method(_plain(LAMB), lr=0.02, weight_decay=0.01),
    "rprop": Method(_rprop, lr=0.001),
}
"""Every optimizer that a recipe can name."""

NAMES = tuple(METHODS)
MOMENTUM = tuple(name for name, method in METHODS.items() if method.has_momentum)


def one_of(names: tuple[str, ...]) -> str:
    """Names as a sentence lists them.

    Example:
        >>> one_of(("sgd", "adam", "rprop"))
        'sgd, adam or rprop'
    """
    return f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else names[0]
