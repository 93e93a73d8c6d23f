"""What PyTorch calls the same work, by cuDNN and cuBLAS in float32, TF32 off.

Arrays are shared with PyTorch without a copy. NHWC images become its channels-last tensors; the
filters are laid out for it once, before the clock starts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Call = Callable[[], Any]


def peer_call(op: str, arrays: Any, params: dict[str, Any]) -> Call | None:
    """The call that does the same, or None: no PyTorch, or nothing of the kind in it."""
    if op not in PEERS:
        return None
    try:
        import torch
    except ImportError:
        return None
    if not torch.cuda.is_available():
        return None
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    shared = [torch.from_dlpack(a) if hasattr(a, "__dlpack__") else a for a in arrays]
    return PEERS[op](torch, shared, params)


def _images(x: Any) -> Any:
    return x.permute(0, 3, 1, 2)


def _filters(torch: Any, w: Any) -> Any:
    return w.permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)


def _geometry(params: dict[str, Any]) -> dict[str, Any] | None:
    (top, bottom), (left, right) = params["padding"]
    if top != bottom or left != right:
        return None
    return {
        "stride": params["stride"],
        "padding": (top, left),
        "dilation": params["dilation"],
        "groups": params["groups"],
    }


def _conv2d(torch: Any, arrays: Any, params: dict[str, Any]) -> Call | None:
    x, w, b = arrays
    geometry = _geometry(params)
    if geometry is None:
        return None
    images, filters = _images(x), _filters(torch, w)
    return lambda: torch.nn.functional.conv2d(images, filters, b, **geometry)


def _conv2d_input_grad(torch: Any, arrays: Any, params: dict[str, Any]) -> Call | None:
    dy, w = arrays
    geometry = _geometry(params)
    if geometry is None:
        return None
    N, H, W, C = params["x_shape"]
    upstream, filters = _images(dy), _filters(torch, w)
    return lambda: torch.nn.grad.conv2d_input((N, C, H, W), filters, upstream, **geometry)


def _conv2d_weight_grad(torch: Any, arrays: Any, params: dict[str, Any]) -> Call | None:
    x, dy = arrays
    geometry = _geometry(params)
    if geometry is None:
        return None
    KH, KW, C, O = params["w_shape"]
    images, upstream = _images(x), _images(dy)
    return lambda: torch.nn.grad.conv2d_weight(images, (O, C, KH, KW), upstream, **geometry)


def _matmul(torch: Any, arrays: Any, params: dict[str, Any]) -> Call:
    a, b = arrays
    return lambda: torch.matmul(a, b)


def _dense(torch: Any, arrays: Any, params: dict[str, Any]) -> Call:
    x, w, b = arrays
    turned = w.t()
    return lambda: torch.nn.functional.linear(x, turned, b)


def _cross_entropy(torch: Any, arrays: Any, params: dict[str, Any]) -> Call:
    logits, targets = arrays
    return lambda: torch.nn.functional.cross_entropy(logits, targets, reduction="none")


def _activation(torch: Any, arrays: Any, params: dict[str, Any]) -> Call | None:
    x, b = arrays
    function = getattr(torch, params["kind"], None)
    if function is None:
        return None
    return (lambda: function(x)) if b is None else (lambda: function(x + b))


def _dropout(torch: Any, arrays: Any, params: dict[str, Any]) -> Call:
    (x,) = arrays
    return lambda: torch.nn.functional.dropout(x, params["p"])


def _max_pool(torch: Any, arrays: Any, params: dict[str, Any]) -> Call | None:
    (x,) = arrays
    (top, bottom), (left, right) = params["padding"]
    if top != bottom or left != right:
        return None
    images, pool = _images(x), torch.nn.functional.max_pool2d
    return lambda: pool(images, params["size"], params["stride"], (top, left))


def _softmax(torch: Any, arrays: Any, params: dict[str, Any]) -> Call:
    (x,) = arrays
    return lambda: torch.softmax(x, -1)


def _adam(torch: Any, arrays: Any, params: dict[str, Any]) -> Call:
    optimizer = torch.optim.Adam(
        _parameters(torch, arrays), lr=params["lr"], betas=(params["beta1"], params["beta2"]),
        fused=True,
    )  # fmt: skip
    return optimizer.step


def _sgd(torch: Any, arrays: Any, params: dict[str, Any]) -> Call:
    momentum = params["momentum"]
    return torch.optim.SGD(
        _parameters(torch, arrays), lr=params["lr"], momentum=momentum, fused=True
    ).step  # type: ignore[no-any-return]


def _parameters(torch: Any, arrays: Any) -> list[Any]:
    parameters = []
    for p, g in zip(arrays[0], arrays[1], strict=True):
        parameter = torch.nn.Parameter(torch.from_dlpack(p).clone())
        parameter.grad = torch.from_dlpack(g).clone()
        parameters.append(parameter)
    return parameters


PEERS: dict[str, Callable[[Any, Any, dict[str, Any]], Call | None]] = {
    "activation": _activation,
    "adam_step": _adam,
    "conv2d": _conv2d,
    "conv2d_input_grad": _conv2d_input_grad,
    "conv2d_weight_grad": _conv2d_weight_grad,
    "dense": _dense,
    "dropout": _dropout,
    "matmul": _matmul,
    "max_pool2d": _max_pool,
    "sgd_step": _sgd,
    "softmax": _softmax,
    "softmax_cross_entropy": _cross_entropy,
}
