"""Twenty backwards that are wrong in ways people really write, each named; and five right ones.

They are plain NumPy, in their authors' own words: nothing but the numbers tells what they do wrong.
"""

import re

import numpy as np
import pytest

from tinygrad_course.checking import gradcheck

rng = np.random.default_rng(0)
X, W, B = rng.standard_normal((5, 3)), rng.standard_normal((3, 2)), rng.standard_normal(2)
X4, W4, B4 = rng.standard_normal((5, 4)), rng.standard_normal((4, 4)), rng.standard_normal(4)
LABELS = np.array([0, 2, 1, 1, 0])
GAMMA, BETA = rng.uniform(0.5, 2.0, 3), rng.standard_normal(3)
IMAGES, KERNELS = rng.standard_normal((2, 5, 4, 2)), rng.standard_normal((3, 2, 2, 3))


def dense(x, w, b):
    return x @ w + b


def dense_backward(dx=None, dw=None, db=None):
    def backward(g, x, w, b):
        return (
            g @ w.T if dx is None else dx(g, w),
            x.T @ g if dw is None else dw(g, x),
            g.sum(axis=0) if db is None else db(g),
        )

    return backward


def softmax(z):
    p = np.exp(z - z.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def one_hot(z, y):
    return np.eye(z.shape[1])[y]


def loss(z, y):
    return -np.log(softmax(z)[np.arange(len(y)), y]).mean()


def normalise(x, gamma, beta):
    return gamma * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5) + beta


def normalise_backward(dx):
    def backward(g, x, gamma, beta):
        std = np.sqrt(x.var(axis=0) + 1e-5)
        z = (x - x.mean(axis=0)) / std
        return dx(g, gamma, z, std), (g * z).sum(axis=0), g.sum(axis=0)

    return backward


def through(g, z, std):
    """What a right batch norm makes of the gradient of its normalised values."""
    return (g - g.mean(axis=0) - z * (g * z).mean(axis=0)) / std


def conv(x, w):
    kh, kw = w.shape[:2]
    rows, columns = x.shape[1] - kh + 1, x.shape[2] - kw + 1
    places = [(i, j) for i in range(kh) for j in range(kw)]
    return sum(x[:, i : i + rows, j : j + columns] @ w[i, j] for i, j in places)


def conv_backward(fault=""):
    def backward(dy, x, w):
        (kh, kw), (rows, columns) = w.shape[:2], dy.shape[1:3]
        dx, dw = np.zeros_like(x), np.zeros_like(w)
        for i in range(rows):
            for j in range(columns):
                used = w[::-1, ::-1] if fault == "flipped dx" else w
                part = np.einsum("no,hwco->nhwc", dy[:, i, j], used)
                window = np.s_[:, i : i + kh, j : j + kw]
                dx[window] = part if fault == "overwritten" else dx[window] + part
                dw += np.einsum("nhwc,no->hwco", x[window], dy[:, i, j])
        if fault == "border":
            dx[:, -1] = 0.0
        return dx, dw[::-1, ::-1] if fault == "flipped dw" else dw

    return backward


def relu(x):
    return np.maximum(x, 0.0)


def batch_norm_case(dx):
    return (normalise, normalise_backward(dx)), [X, GAMMA, BETA]


def stale():
    kept = {}

    def forward(x, w):
        kept["x"] = x
        return x @ w

    return (forward, lambda g, x, w: (g @ w.T, kept["x"].T @ g)), [X, W]


RIGHT = {
    "dense": ((dense, dense_backward()), [X, W, B]),
    "relu": ((relu, lambda g, x: g * (x > 0)), [X]),
    "cross-entropy": (
        (loss, lambda g, z, y: g * (softmax(z) - one_hot(z, y)) / len(y)),
        [X, LABELS],
    ),
    "batch norm": batch_norm_case(lambda g, gamma, z, std: through(g * gamma, z, std)),
    "conv": ((conv, conv_backward()), [IMAGES, KERNELS]),
}

WRONG = {
    "divided by N": (
        ((dense, dense_backward(dw=lambda g, x: x.T @ g / len(x))), [X, W, B]),
        "w",
        "divided_by_batch",
    ),
    "twice": (((dense, dense_backward(dw=lambda g, x: 2 * x.T @ g)), [X, W, B]), "w", "factor:2"),
    "sign": (((dense, dense_backward(dx=lambda g, w: -g @ w.T)), [X, W, B]), "x", "factor:-1"),
    "a square weight gradient transposed": (
        ((dense, dense_backward(dw=lambda g, x: g.T @ x)), [X4, W4, B4]),
        "w",
        "transposed",
    ),
    "W for its transpose": (
        ((dense, dense_backward(dx=lambda g, w: g @ w)), [X4, W4, B4]),
        "x",
        "not_transposed|transposed-factor",
    ),
    "not summed": (((dense, dense_backward(db=lambda g: g)), [X, W, B]), "b", "not_summed"),
    "mean for sum": (
        ((dense, dense_backward(db=lambda g: g.mean(axis=0))), [X, W, B]),
        "b",
        "bias_mean|mean-for-sum",
    ),
    "half precision": (
        ((dense, dense_backward(dw=lambda g, x: (x.T @ g).astype(np.float16))), [X, W, B]),
        "w",
        "rounding:float16",
    ),
    "cross-entropy without 1/N": (
        ((loss, lambda g, z, y: g * (softmax(z) - one_hot(z, y))), [X, LABELS]),
        "z",
        "mean_forgotten|factor:N",
    ),
    "cross-entropy without its targets": (
        ((loss, lambda g, z, y: g * softmax(z) / len(y)), [X, LABELS]),
        "z",
        "targets_forgotten",
    ),
    "batch norm without the mean's term": (
        batch_norm_case(
            lambda g, gamma, z, std: gamma * (g - z * (g * z).mean(axis=0)) / std,
        ),
        "x",
        "no_mean_term",
    ),
    "batch norm without gamma": (
        batch_norm_case(lambda g, gamma, z, std: through(g, z, std)),
        "x",
        "gamma",
    ),
    "batch norm with constant statistics": (
        batch_norm_case(lambda g, gamma, z, std: g * gamma / std),
        "x",
        "statistics_constant",
    ),
    "batch norm with two variances": (
        batch_norm_case(
            lambda g, gamma, z, std: (
                gamma * (g - g.mean(axis=0) - z * (g * z).sum(axis=0) / (len(g) - 1)) / std
            )
        ),
        "x",
        "unbiased",
    ),
    "conv dW flipped": (((conv, conv_backward("flipped dw")), [IMAGES, KERNELS]), "w", "flip"),
    "conv dx with a flipped kernel": (
        ((conv, conv_backward("flipped dx")), [IMAGES, KERNELS]),
        "x",
        "flip",
    ),
    "conv dx overwritten": (
        ((conv, conv_backward("overwritten")), [IMAGES, KERNELS]),
        "x",
        "overwritten",
    ),
    "a border dropped": (
        ((conv, conv_backward("border")), [IMAGES, KERNELS]),
        "x",
        "zero:last of axis 1",
    ),
    "stale": (stale(), "w", "stale-cache"),
    "one element at a kink": (
        (
            (relu, lambda g, x: g * np.where(x == 0, 2.0, x > 0)),
            [np.where(np.arange(15).reshape(5, 3) == 4, 0.0, X)],
        ),
        "x",
        "part:",
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right(name):
    f, inputs = RIGHT[name]
    report = gradcheck(f, inputs)
    assert report, report


@pytest.mark.parametrize("name", WRONG)
def test_wrong_and_named(name):
    (f, inputs), label, pattern = WRONG[name]
    report = gradcheck(f, inputs)
    assert [f.label for f in report.findings if f.verdict != "right"] == [label], report
    names = [d.name for d in report.diagnoses[label]]
    assert len(names) == 1, names
    assert re.search(pattern, names[0]), names


@pytest.mark.parametrize(
    ("backward", "names"),
    [
        (dense_backward(db=lambda g: g.sum(axis=0, keepdims=True)), {"b": "shape-only"}),
        (dense_backward(dw=lambda g, x: g.T @ x), {"w": "weight_gradient_transposed"}),
        (
            lambda g, x, w, b: (x.T @ g, g @ w.T, g.sum(axis=0)),
            {"x": "gradient-of:w", "w": "gradient-of:x"},
        ),
        (
            lambda g, x, w, b: (g @ w.T, g.T @ x, g.sum(axis=0, keepdims=True)),
            {"w": "weight_gradient_transposed", "b": "shape-only"},
        ),
    ],
    ids=["keepdims", "transposed", "swapped", "two shapes"],
)
def test_wrong_shapes_are_named(backward, names):
    report = gradcheck((dense, backward), [X, W, B])
    found = {label: [d.name for d in ds] for label, ds in report.diagnoses.items()}
    assert set(found) == set(names)
    for label, (name,) in found.items():
        assert names[label] in name


def test_one_mistake_that_shows_in_several_gradients_is_explained_once():
    def step(x, h, w, u, b):
        return np.tanh(x @ w + h @ u + b)

    def backward(g, x, h, w, u, b):
        y = step(x, h, w, u, b)
        da = g * (1 - y)
        return da @ w.T, da @ u.T, x.T @ da, h.T @ da, da.sum(axis=0)

    draw = np.random.default_rng(0).standard_normal
    report = gradcheck(
        (step, backward), [draw((3, 4)), draw((3, 2)), draw((4, 2)), draw((2, 2)), B]
    )
    text = str(report)
    assert text.count("da = g * (1 - y)") == 1
    assert text.count("the same mistake") == 4
    assert "da = g * (1 - y)" in str(report["x"].line)


def test_a_mistake_without_a_name_is_said_to_have_none():
    def swish(x):
        return x / (1 + np.exp(-x))

    def backward(g, x):
        s = 1 / (1 + np.exp(-x))
        return g * (s + x * s * (1 + s) ** 2)

    report = gradcheck((swish, backward), [X])
    assert report.verdict == "wrong"
    assert report.diagnoses == {}
    assert "no known mistake gives these numbers" in str(report)
    assert "return g * (s + x * s * (1 + s) ** 2)" in str(report)
