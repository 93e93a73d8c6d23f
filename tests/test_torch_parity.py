"""Values, gradients and second order beside PyTorch's, in float64 to 1e-6. Optional: needs torch.

Images are NHWC here and NCHW there, filters (KH, KW, C, O) here and (O, C, KH, KW) there: the
torch side of each pair moves the axes, so gradients come back in our layout.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_course as tg

torch = pytest.importorskip("torch")
TF = torch.nn.functional

RNG = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return np.asarray(RNG.standard_normal(shape))


def positive(*shape: int) -> np.ndarray:
    return np.asarray(RNG.uniform(0.5, 2.0, shape))


def distinct(*shape: int) -> np.ndarray:
    return RNG.permutation(int(np.prod(shape))).reshape(shape) * 0.1


def parity(
    ours: Callable[..., Any], theirs: Callable[..., Any], *arrays: np.ndarray, second: bool = True
) -> None:
    """y, dL/dx and the gradients of <u, dL/dx> for a random upstream v and random u."""
    x = [tg.tensor(a, requires_grad=True) for a in arrays]
    t = [torch.tensor(a, requires_grad=True) for a in arrays]
    y, z = ours(*x), theirs(*t)
    same(y.data, z)
    v = np.asarray(np.random.default_rng(1).standard_normal(y.shape))
    slopes = tg.grad(y, x, v, create_graph=True)
    expected = torch.autograd.grad(z, t, torch.tensor(v), create_graph=True)
    for g, e in zip(slopes, expected, strict=True):
        same(g.data, e)
    plain = tg.grad(ours(*x), x, v)
    for g, e in zip(plain, expected, strict=True):
        same(g.data, e)
    us = [
        np.asarray(np.random.default_rng(i).standard_normal(a.shape)) for i, a in enumerate(arrays)
    ]
    bends = [(g, u) for g, u in zip(slopes, us, strict=True) if g.requires_grad]
    theirs_too = [
        (g, torch.tensor(u)) for g, u in zip(expected, us, strict=True) if g.requires_grad
    ]
    if not bends or not theirs_too or not second:
        return
    second = tg.grad([g for g, _ in bends], x, [u for _, u in bends])
    expected = torch.autograd.grad(
        [g for g, _ in theirs_too], t, [u for _, u in theirs_too], allow_unused=True
    )
    for g, e in zip(second, expected, strict=True):
        same(g.data, torch.zeros(g.shape, dtype=torch.float64) if e is None else e)


def same(ours: Any, theirs: Any) -> None:
    expected = theirs.numpy(force=True)
    assert ours.shape == expected.shape
    scale = np.abs(expected).max(initial=0.0)
    np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=1e-9 * max(scale, 1e-3))


def nchw(f: Callable[..., Any]) -> Callable[..., Any]:
    """A torch function of NCHW images (and OIHW filters) in our layouts."""

    def run(x: Any, w: Any = None, *rest: Any) -> Any:
        more = () if w is None else (w.permute(3, 2, 0, 1),)
        return f(x.permute(0, 3, 1, 2), *more, *rest).permute(0, 2, 3, 1)

    return run


ELEMENTWISE = {
    "exp": (tg.exp, torch.exp, normal), "log": (tg.log, torch.log, positive),
    "sqrt": (tg.sqrt, torch.sqrt, positive), "tanh": (tg.tanh, torch.tanh, normal),
    "sigmoid": (tg.sigmoid, torch.sigmoid, normal), "relu": (tg.relu, torch.relu, normal),
    "leaky_relu": (lambda x: tg.leaky_relu(x, 0.2), lambda t: TF.leaky_relu(t, 0.2), normal),
    "abs": (tg.abs, torch.abs, normal), "neg": (tg.neg, torch.neg, normal),
    "clip": (lambda x: tg.clip(x, -0.5, 0.8), lambda t: torch.clamp(t, -0.5, 0.8), normal),
    "softmax": (lambda x: tg.softmax(x, 1), lambda t: torch.softmax(t, 1), normal),
    "log_softmax": (lambda x: tg.log_softmax(x, 0), lambda t: torch.log_softmax(t, 0), normal),
    "expm1": (tg.expm1, torch.expm1, normal), "log1p": (tg.log1p, torch.log1p, positive),
    "square": (tg.square, torch.square, normal), "sin": (tg.sin, torch.sin, normal),
    "cos": (tg.cos, torch.cos, normal), "erf": (tg.erf, torch.erf, normal),
    "softplus": (tg.softplus, TF.softplus, normal),
    "softplus 3": (lambda x: tg.softplus(x, 3.0), lambda t: TF.softplus(t, 3.0), normal),
    "elu": (lambda x: tg.elu(x, 0.7), lambda t: TF.elu(t, 0.7), normal),
    "gelu": (tg.gelu, TF.gelu, normal), "silu": (tg.silu, TF.silu, normal),
    "gelu tanh": (lambda x: tg.gelu(x, "tanh"), lambda t: TF.gelu(t, approximate="tanh"), normal),
    "cube": (lambda x: x**3, lambda t: t**3, normal),
    "power": (lambda x: 2.0**x, lambda t: 2.0**t, normal),
}  # fmt: skip


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise(name: str) -> None:
    ours, theirs, draw = ELEMENTWISE[name]
    for shape in ((3, 4), (2, 1, 3), (1, 1), (0, 2)):
        parity(ours, theirs, draw(*shape))


@pytest.mark.parametrize(
    "shapes", [((3, 4), (3, 4)), ((2, 1, 3), (4, 1)), ((3,), (2, 3)), ((1,), (2, 2))]
)
def test_two_inputs(shapes: Any) -> None:
    a, b = (positive(*s) for s in shapes)
    for op in (
        lambda x, y: x + y, lambda x, y: x - y, lambda x, y: x * y, lambda x, y: x / y,
        lambda x, y: x**y,
    ):  # fmt: skip
        parity(op, op, a, b)
    parity(tg.maximum, torch.maximum, a, b)
    parity(tg.minimum, torch.minimum, a, b)
    mask = RNG.random(np.broadcast_shapes(*shapes)) < 0.5
    parity(
        lambda x, y: tg.where(mask, x, y), lambda x, y: torch.where(torch.tensor(mask), x, y), a, b
    )


@pytest.mark.parametrize(
    ("axis", "keepdims"), [(0, False), (1, True), ((0, 2), False), (-1, True), (None, False)]
)
def test_reductions(axis: Any, keepdims: bool) -> None:
    x = distinct(2, 3, 4)
    dim = tuple(range(3)) if axis is None else axis
    for name, theirs in (
        ("sum", torch.sum), ("mean", torch.mean),
        ("logsumexp", torch.logsumexp), ("max", torch.amax),
        ("min", torch.amin),
    ):  # fmt: skip
        parity(
            lambda a, name=name: getattr(tg, name)(a, axis, keepdims=keepdims),
            lambda a, theirs=theirs: theirs(a, dim, keepdim=keepdims),
            x,
        )
    for ddof in (0, 1):
        parity(
            lambda a, ddof=ddof: tg.var(a, axis, ddof=ddof, keepdims=keepdims),
            lambda a, ddof=ddof: torch.var(a, dim, correction=ddof, keepdim=keepdims),
            x,
        )
    if not isinstance(axis, tuple):
        expected = torch.argmax(torch.tensor(x), axis, keepdim=keepdims and axis is not None)
        np.testing.assert_array_equal(tg.argmax(x, axis, keepdims=keepdims), expected.numpy())


def test_shaping_and_indexing() -> None:
    x, y = normal(2, 3, 4), normal(2, 3, 4)
    parity(lambda a: a.reshape(4, 6).T, lambda a: a.reshape(4, 6).T, x)
    parity(lambda a: a.transpose(2, 0, 1), lambda a: a.permute(2, 0, 1), x)
    parity(lambda a: tg.broadcast_to(a[:, :1], (2, 5, 4)), lambda a: a[:, :1].expand(2, 5, 4), x)
    parity(lambda a, b: tg.concatenate([a, b], 1), lambda a, b: torch.cat([a, b], 1), x, y)
    parity(lambda a, b: tg.stack([a, b], -1), lambda a, b: torch.stack([a, b], -1), x, y)
    parity(
        lambda a: tg.pad(a, ((0, 0), (1, 0), (2, 3)), 1.5),
        lambda a: TF.pad(a, (2, 3, 1, 0), value=1.5),
        x,
    )
    index = np.array([0, 2, 2])
    for pick in (
        lambda a: a[:, index] * a[:, index],
        lambda a: a[1, ..., 0] ** 2,
        lambda a: a[:, None, 1:] ** 2,
        lambda a: a[[0, 0, 1], [1, 1, 2]] ** 2,
    ):
        parity(pick, pick, x)
    mask = x > 0.0
    parity(lambda a: a[mask] ** 2, lambda a: a[torch.tensor(mask)] ** 2, x)


@pytest.mark.parametrize(("axis", "keepdims"), [(0, False), (-1, True), ((0, 2), False)])
def test_statistics(axis: Any, keepdims: bool) -> None:
    x = positive(2, 3, 4) * RNG.choice([-1.0, 1.0], (2, 3, 4))
    both = {"dim": axis, "keepdim": keepdims}
    for ddof in (0, 1):
        parity(
            lambda a, ddof=ddof: tg.std(a, axis, ddof=ddof, keepdims=keepdims),
            lambda a, ddof=ddof: torch.std(a, correction=ddof, **both),
            x,
        )
    for p in (0.5, 1, 1.5, 2, 3, 4.0, np.inf):
        parity(
            lambda a, p=p: tg.norm(a, axis, p=p, keepdims=keepdims),
            lambda a, p=p: torch.linalg.vector_norm(a, p, **both),
            x,
        )
        if p == np.inf:
            continue
        zeros = np.zeros((2, 3, 2))
        a, b = tg.tensor(zeros, requires_grad=True), torch.tensor(zeros, requires_grad=True)
        tg.norm(a, axis, p=p).sum().backward()
        torch.linalg.vector_norm(b, p, dim=axis).sum().backward()
        same(a.grad.data, b.grad)
    if isinstance(axis, tuple):
        return
    parity(lambda a: tg.cumsum(a, axis), lambda a: torch.cumsum(a, axis), x)
    some = x.copy()
    some[0, 0, 0] = some[1, 1, :2] = some[:, 2, 1] = 0.0
    for values in (x, some, x[:, :0]):
        parity(
            lambda a: tg.prod(a, axis, keepdims=keepdims), lambda a: torch.prod(a, **both), values
        )


def test_arranging_and_gathering() -> None:
    x = normal(3, 4, 2)
    index = np.array([2, 0, 2, 2])

    def added(a: Any, axis: int, at: Any) -> Any:
        return torch.zeros(3, 5, a.shape[-1], dtype=a.dtype).index_add(axis, at, a)

    pairs = (
        (lambda a: tg.moveaxis(a, (0, 2), (1, 0)) ** 2, lambda a: a.movedim((0, 2), (1, 0)) ** 2),
        (lambda a: tg.flip(a, (0, 2)) ** 2, lambda a: a.flip(0, 2) ** 2),
        (
            lambda a: tg.split(a, [1, 3], 1)[1] * tg.split(a, 2, 1)[0],
            lambda a: torch.tensor_split(a, [1, 3], 1)[1] * torch.split(a, 2, 1)[0],
        ),
        (
            lambda a: tg.take(a, index, 0) ** 2,
            lambda a: torch.index_select(a, 0, torch.tensor(index)) ** 2,
        ),
        (
            lambda a: tg.scatter_add(a, index, 1, size=5) ** 2,
            lambda a: added(a, 1, torch.tensor(index)) ** 2,
        ),
    )
    for ours, theirs in pairs:
        for values in (x, x[..., :0]):
            parity(ours, theirs, values)


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("ij,jk->ik", ((2, 3), (3, 4))), ("bhqd,bhkd->bhqk", ((2, 2, 3, 4), (2, 2, 5, 4))),
        ("i,ij,j->", ((2,), (2, 3), (3,))), ("ij,k->ik", ((2, 3), (4,))), ("ii->i", ((3, 3),)),
        ("iij,j->i", ((2, 2, 3), (3,))), ("...ij,...jk->...ik", ((2, 1, 2, 3), (4, 3, 2))),
        ("...i,...i", ((2, 3), (2, 3))), ("i...->...", ((2, 3),)), ("ba", ((2, 3),)),
        ("ij,jk->ik", ((0, 3), (3, 2))), ("ij,jk->ik", ((2, 0), (0, 3))), ("...i->i", ((2, 3),)),
    ],
)  # fmt: skip
def test_einsum(equation: str, shapes: Any) -> None:
    arrays = [normal(*shape) for shape in shapes]
    parity(lambda *a: tg.einsum(equation, *a), lambda *a: torch.einsum(equation, *a), *arrays)


def test_outer() -> None:
    parity(tg.outer, torch.outer, normal(3), normal(2))
    parity(tg.outer, torch.outer, normal(0), normal(2))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((2, 3), (3, 4)), ((2, 2, 3), (2, 3, 4)), ((5, 1, 2, 3), (2, 3, 4)), ((3,), (3,)),
        ((2, 3), (3,)), ((3,), (3, 2)), ((3,), (2, 3, 4)), ((0, 3), (3, 2)),
    ],
)  # fmt: skip
def test_matmul(a: Any, b: Any) -> None:
    parity(tg.matmul, torch.matmul, normal(*a), normal(*b))


def test_dense() -> None:
    for rows in ((4,), (2, 3), ()):
        x, w, b = normal(*rows, 3), normal(3, 2), normal(2)
        parity(tg.dense, lambda x, w, b: TF.linear(x, w.T, b), x, w, b)


CONVOLUTIONS = (
    ((2, 5, 6, 3), (3, 2, 3, 4), {}),
    ((1, 6, 5, 2), (3, 3, 2, 3), {"stride": 2, "padding": 1}),
    ((2, 7, 6, 2), (2, 3, 2, 2), {"stride": (2, 1), "padding": (1, 2), "dilation": (2, 1)}),
    ((2, 5, 5, 4), (3, 3, 2, 6), {"groups": 2, "padding": 1}),
    ((1, 4, 4, 3), (2, 2, 1, 6), {"groups": 3}),
    ((1, 5, 6, 2), (4, 2, 2, 2), {"padding": "same"}),
    ((1, 6, 5, 1), (2, 3, 1, 2), {"padding": "same", "dilation": (3, 2)}),
    ((1, 5, 5, 1), (3, 3, 1, 1), {"padding": "valid", "stride": 2}),
    ((1, 1, 1, 2), (1, 1, 2, 3), {}),
)


@pytest.mark.parametrize(("x", "w", "options"), CONVOLUTIONS)
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
def test_conv2d(x: Any, w: Any, options: dict[str, Any]) -> None:
    parity(
        lambda *a: tg.conv2d(*a, **options),
        nchw(lambda *a: TF.conv2d(*a, **options)),
        normal(*x),
        normal(*w),
        normal(w[3]),
    )


def test_conv2d_with_sides_of_their_own() -> None:
    padding = ((0, 2), (1, 0))
    parity(
        lambda x, w: tg.conv2d(x, w, padding=padding, stride=2),
        nchw(lambda x, w: TF.conv2d(TF.pad(x, (1, 0, 0, 2)), w, stride=2)),
        normal(2, 4, 5, 2),
        normal(3, 2, 2, 2),
    )


POOLS = (
    {"kernel_size": 2},
    {"kernel_size": 3, "stride": 1},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": (3, 2), "stride": (1, 2), "padding": (1, 0)},
    {"kernel_size": (2, 3), "stride": 3},
)


@pytest.mark.parametrize("options", POOLS)
def test_pools(options: dict[str, Any]) -> None:
    x = distinct(2, 6, 5, 2)
    parity(lambda a: tg.max_pool2d(a, **options), nchw(lambda a: TF.max_pool2d(a, **options)), x)
    negative = lambda a: -(a + 1.0)  # noqa: E731 - the padding's zeros must not win
    parity(
        lambda a: tg.max_pool2d(negative(a), **options),
        nchw(lambda a: TF.max_pool2d(negative(a), **options)),
        x,
    )
    for count in (True, False):
        both = {**options, "count_include_pad": count}
        parity(
            lambda a, o=both: tg.avg_pool2d(a, **o),
            nchw(lambda a, o=both: TF.avg_pool2d(a, **o)),
            x,
        )
    parity(tg.global_avg_pool2d, lambda a: a.mean((1, 2)), x)
    parity(tg.global_max_pool2d, lambda a: a.amax((1, 2)), x)


def test_max_pool_ties_and_nan() -> None:
    x = np.array([[1.0, 1.0, 1.0], [1.0, np.nan, 0.0], [0.0, 0.0, 0.0]]).reshape(1, 3, 3, 1)
    y = tg.max_pool2d(tg.tensor(x), 2, stride=1).data
    z = nchw(lambda a: TF.max_pool2d(a, 2, stride=1))(torch.tensor(x))
    np.testing.assert_array_equal(y, z.numpy())
    ties = np.ones((1, 4, 4, 1))
    parity(
        lambda a: tg.max_pool2d(a, 3, stride=1, padding=1),
        nchw(lambda a: TF.max_pool2d(a, 3, stride=1, padding=1)),
        ties,
    )


@pytest.mark.parametrize("shape", [(6, 3), (2, 3, 4, 2), (3, 1)])
@pytest.mark.parametrize("momentum", [0.1, 0.7])
def test_batch_norm(shape: tuple[int, ...], momentum: float) -> None:
    C = shape[-1]
    x, gamma, beta = 2.0 * normal(*shape) + 1.0, normal(C), normal(C)
    start = normal(C), positive(C)

    def channels_second(f: Any) -> Any:
        return lambda a, *rest: f(a.movedim(-1, 1), *rest).movedim(1, -1)

    for eps in (1e-5, 0.1):
        parity(
            lambda *a, eps=eps: tg.batch_norm(*a, eps=eps),
            channels_second(
                lambda a, g, b, eps=eps: TF.batch_norm(a, None, None, g, b, training=True, eps=eps)
            ),
            x,
            gamma,
            beta,
        )
    mean, var = tg.tensor(start[0]), tg.tensor(start[1])
    their_mean, their_var = (torch.tensor(a) for a in start)
    for _ in range(3):
        tg.batch_norm(x, gamma, beta, mean, var, momentum=momentum)
        TF.batch_norm(
            torch.tensor(x).movedim(-1, 1), their_mean, their_var, training=True, momentum=momentum
        )
    same(mean.data, their_mean)
    same(var.data, their_var)
    parity(
        lambda a, g, b: tg.batch_norm(a, g, b, mean, var, training=False),
        channels_second(
            lambda a, g, b: TF.batch_norm(a, their_mean, their_var, g, b, training=False)
        ),
        x,
        gamma,
        beta,
    )


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_losses(reduction: str) -> None:
    logits, classes = normal(5, 4), np.array([0, 3, 1, 1, 2])
    parity(
        lambda z: tg.cross_entropy(z, classes, reduction=reduction),
        lambda z: TF.cross_entropy(z, torch.tensor(classes), reduction=reduction),
        logits,
    )
    soft = RNG.dirichlet(np.ones(4), 5)
    parity(
        lambda z, t: tg.cross_entropy(z, t, reduction=reduction),
        lambda z, t: TF.cross_entropy(z, t, reduction=reduction),
        logits,
        soft,
    )
    deep, labels = normal(2, 3, 4), RNG.integers(4, size=(2, 3))
    parity(
        lambda z: tg.cross_entropy(z, labels, reduction=reduction),
        lambda z: TF.cross_entropy(z.movedim(-1, 1), torch.tensor(labels), reduction=reduction),
        deep,
    )
    y, target = normal(3, 2), normal(3, 2)
    parity(
        lambda a, b: tg.mse(a, b, reduction=reduction),
        lambda a, b: TF.mse_loss(a, b, reduction=reduction),
        y,
        target,
    )
    parity(
        lambda z, t: tg.binary_cross_entropy_with_logits(z, t, reduction=reduction),
        lambda z, t: TF.binary_cross_entropy_with_logits(z, t, reduction=reduction),
        3.0 * y,
        1.0 / (1.0 + np.exp(-target)),
    )
    w = positive(y.shape[-1])
    parity(
        lambda z, t: tg.binary_cross_entropy_with_logits(z, t, pos_weight=w, reduction=reduction),
        lambda z, t: TF.binary_cross_entropy_with_logits(
            z, t, pos_weight=torch.tensor(w), reduction=reduction
        ),
        3.0 * y,
        1.0 / (1.0 + np.exp(-target)),
    )


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    "options",
    [
        {"weight": True}, {"ignore_index": -100}, {"ignore_index": 2}, {"label_smoothing": 0.3},
        {"weight": True, "ignore_index": 1, "label_smoothing": 0.2},
        {"weight": True, "ignore_index": 0}, {"ignore_index": -1, "label_smoothing": 1.0},
    ],
)  # fmt: skip
def test_cross_entropy_options(reduction: str, options: dict[str, Any]) -> None:
    w = np.array([0.5, 2.0, 0.75, 1.25])
    ours, theirs = {**options, "reduction": reduction}, {**options, "reduction": reduction}
    if "weight" in options:
        ours["weight"], theirs["weight"] = w, torch.tensor(w)
    ignored = options.get("ignore_index")
    every = [np.array([0, 3, 1, 2, 2]), np.zeros(0, int)]
    if ignored is not None:
        every += [np.array([0, 3, ignored, 2, ignored]), np.full(5, ignored)]
    for labels in every:
        logits, t = normal(len(labels), 4), torch.tensor(labels)
        parity(
            lambda z, labels=labels: tg.cross_entropy(z, labels, **ours),
            lambda z, t=t: TF.cross_entropy(z, t, **theirs),
            logits,
        )
        if "label_smoothing" in options:
            continue
        parity(
            lambda z, labels=labels: tg.nll(z, labels, **ours),
            lambda z, t=t: TF.nll_loss(z, t, **theirs),
            logits,
        )
    if ignored is not None:
        return
    soft = RNG.dirichlet(np.ones(4), (2, 3))
    parity(
        lambda z, t: tg.cross_entropy(z, t, **ours),
        lambda z, t: TF.cross_entropy(z.movedim(-1, 1), t.movedim(-1, 1), **theirs),
        normal(2, 3, 4),
        soft,
    )


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides the total loss:UserWarning")
def test_more_losses(reduction: str) -> None:
    r = {"reduction": reduction}
    for shape in ((3, 4), (0, 4)):
        y, target, p = normal(*shape), normal(*shape), RNG.uniform(0.05, 0.95, shape)
        labels, signs = RNG.integers(4, size=shape[:1]), RNG.choice([-1, 1], shape)
        t, s = torch.tensor(labels), torch.tensor(signs)
        parity(lambda a, b: tg.l1(a, b, **r), lambda a, b: TF.l1_loss(a, b, **r), y, target)
        for delta in (0.5, 1.0):
            parity(
                lambda a, b, d=delta: tg.huber(a, b, delta=d, **r),
                lambda a, b, d=delta: TF.huber_loss(a, b, delta=d, **r),
                y,
                target,
            )
        parity(
            lambda a, b: tg.binary_cross_entropy(a, b, **r),
            lambda a, b: TF.binary_cross_entropy(a, b, **r),
            p,
            RNG.uniform(size=shape),
        )
        if shape[0] or reduction != "mean":  # torch refuses an empty batch's mean
            parity(
                lambda z, labels=labels: tg.multi_class_hinge(z, labels, margin=0.7, **r),
                lambda z, t=t: TF.multi_margin_loss(z, t, margin=0.7, **r),
                y,
                second=False,  # torch has none
            )
        parity(
            lambda z, signs=signs: tg.logistic_loss(z, signs, **r),
            lambda z, s=s: TF.soft_margin_loss(z, s.to(z.dtype), **r),
            y,
        )
        for log_target in (False, True):
            for q in (reduction, "batchmean") if shape[0] else (reduction,):
                parity(
                    lambda a, b, q=q, k=log_target: tg.kl_div(a, b, log_target=k, reduction=q),
                    lambda a, b, q=q, k=log_target: TF.kl_div(a, b, log_target=k, reduction=q),
                    y,
                    p,
                )


def test_certain_probabilities() -> None:
    p, t = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.0, 1.0, 0.0, 1.0])
    for values, targets in ((p, t), (p.astype("float32"), t.astype("float32"))):
        ours = [tg.tensor(a, requires_grad=True) for a in (values, targets)]
        theirs = [torch.tensor(a, requires_grad=True) for a in (values, targets)]
        y = tg.binary_cross_entropy(*ours, reduction="none")
        z = TF.binary_cross_entropy(*theirs, reduction="none")
        same(y.data, z)
        y.sum().backward()
        z.sum().backward()
        same(ours[0].grad.data, theirs[0].grad)  # that of the targets is infinite in torch


def test_embedding() -> None:
    weight = normal(5, 3)
    weight[2] = 0.0  # what torch's layer makes of the padding's row
    for index in (np.array([[0, 2, 4], [2, 2, 1]]), np.zeros((0, 2), int), np.array([2, 2])):
        for padding in (None, 2, -3):
            parity(
                lambda w, i=index, p=padding: tg.embedding(i, w, padding_index=p) ** 2,
                lambda w, i=index, p=padding: TF.embedding(torch.tensor(i), w, p) ** 2,
                weight,
                second=index.size > 0,  # torch fails
            )


def test_cosine_similarity() -> None:
    for a, b, axis in (
        ((3, 4), (3, 4), 1), ((3, 4), (4,), 1), ((2, 3, 4), (3, 4), 1), ((0, 3), (0, 3), 1),
    ):  # fmt: skip
        parity(
            lambda x, y, axis=axis: tg.cosine_similarity(x, y, axis),
            lambda x, y, axis=axis: TF.cosine_similarity(x, y, axis),
            normal(*a),
            normal(*b),
        )
    x, y = normal(3, 4), normal(3, 4)  # shorter than eps: torch's gradient is not the value's
    y_torch = TF.cosine_similarity(torch.tensor(x), torch.tensor(y), 1, 9.0)
    same(tg.cosine_similarity(x, y, 1, eps=9.0), y_torch)


def test_losses_of_extreme_logits() -> None:
    logits, classes = np.array([[1e4, 0.0, -1e4], [-1e4, 1e4, 1e4]]), np.array([2, 1])
    parity(
        lambda z: tg.cross_entropy(z, classes, reduction="none"),
        lambda z: TF.cross_entropy(z, torch.tensor(classes), reduction="none"),
        logits,
    )
    x, t = np.array([-1e4, -50.0, 50.0, 1e4]), np.array([1.0, 0.0, 1.0, 0.5])
    parity(
        lambda z: tg.binary_cross_entropy_with_logits(z, t, reduction="none"),
        lambda z: TF.binary_cross_entropy_with_logits(z, torch.tensor(t), reduction="none"),
        x,
    )


def test_a_network_end_to_end() -> None:
    """Convolution, batch norm, pool, dense, cross-entropy: the gradients of all weights."""
    classes = np.array([0, 2, 1, 1])

    def ours(x: Any, w: Any, gamma: Any, beta: Any, d: Any, b: Any) -> Any:
        h = tg.relu(tg.batch_norm(tg.conv2d(x, w, padding="same"), gamma, beta))
        h = tg.max_pool2d(h, 2).transpose(0, 3, 1, 2)  # torch flattens (C, H, W)
        return tg.cross_entropy(tg.dense(tg.flatten(h), d, b), classes)

    def theirs(x: Any, w: Any, gamma: Any, beta: Any, d: Any, b: Any) -> Any:
        h = TF.conv2d(x.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1), padding="same")
        h = TF.max_pool2d(TF.relu(TF.batch_norm(h, None, None, gamma, beta, training=True)), 2)
        return TF.cross_entropy(h.flatten(1) @ d + b, torch.tensor(classes))

    parity(
        ours, theirs, normal(4, 6, 6, 2), normal(3, 3, 2, 3), positive(3), normal(3), normal(27, 3),
        normal(3),
    )  # fmt: skip
