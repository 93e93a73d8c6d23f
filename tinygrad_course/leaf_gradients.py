"""Where the backward pass ends: dL/d(leaf) arrives in the leaf's `.grad`, which owns its array.

Two leaves may be handed one array (both sides of a sum are), or a view of one, or what somebody
else still holds. Such a gradient is copied; an array that nobody else refers to becomes the
leaf's own. Read next: `grad_mode.py`.
"""

from __future__ import annotations

import threading
from mmap import mmap
from sys import getrefcount
from typing import Any

from numpy import ndarray

from .backend import array_module
from .grad_mode import enable_grad, no_grad
from .node import Node
from .tensor import Tensor, wrap

accumulating = threading.RLock()
"""Threads that share a leaf add to its gradient one after the other."""

_alone = {"grad": object()}
IN_ONE_DICT = getrefcount(_alone["grad"])
"""References that Python counts to `grads[node]` where nothing but the dict holds it."""


def accumulate(grads: dict[Node, Any], create: bool) -> None:
    """Add to the gradients of the keys: of leaves, or of a node that was asked to keep its own.

    Args:
        grads: what to add, emptied on the way.
        create: leave the gradients their graph.
    """
    with accumulating:
        for node in tuple(grads):
            if node.grad is None:
                node.grad = owned(node, grads, create)
            else:
                with enable_grad() if create else no_grad():
                    node.grad = node.grad + grads[node]
            del grads[node]


def owned(node: Node, grads: dict[Node, Any], create: bool = False) -> Tensor:
    """`grads[node]` as a tensor whose array nobody else refers to, contiguous and writeable.

    Args:
        node: a key of `grads`.
        grads: arrays, or (with `create`) tensors.
        create: leave the gradient its graph.
    """
    unshared = getrefcount(grads[node]) == IN_ONE_DICT
    grad = grads[node]
    if grad.__class__ is ndarray:
        base: Any = grad.base  # memory of the array's own, or of the pool behind kernels' results
        whole = (base is None or base.__class__ is mmap) and grad.flags.carray
        return wrap(grad if unshared and whole else grad.copy(), None)
    if isinstance(grad, Tensor):
        copy = array_module(grad.data).array(grad.data, order="C")
        return wrap(copy, grad.node if create else None)
    return wrap(array_module(grad).array(grad, order="C"), None)
