"""vjp, jvp, jacobian, hessian, hvp: against closed forms, and against one another."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_course as tg
from tinygrad_course.errors import ArgumentError, ArgumentTypeError, GraphError, ShapeError

RNG = np.random.default_rng(0)
A = RNG.standard_normal((4, 3))
S = RNG.standard_normal((3, 3))
X = RNG.standard_normal(3)
V, U = RNG.standard_normal(3), RNG.standard_normal(4)


def linear(x: tg.Tensor) -> tg.Tensor:
    return tg.matmul(A, x)


def quadratic(x: tg.Tensor) -> tg.Tensor:
    return (x @ S) @ x


def curved(x: tg.Tensor) -> tg.Tensor:
    return tg.tanh(linear(x)) * tg.exp(x.sum())


def test_vjp() -> None:
    y, g = tg.vjp(linear, X, U)
    np.testing.assert_allclose(y.data, A @ X)
    np.testing.assert_allclose(g.data, A.T @ U)
    assert not y.requires_grad
    assert not g.requires_grad
    value, (gx, gs) = tg.vjp(lambda x, s: (x @ s) @ x, [X, S])
    assert value.shape == ()
    np.testing.assert_allclose(gx.data, (S + S.T) @ X)
    np.testing.assert_allclose(gs.data, np.outer(X, X))


def test_jvp() -> None:
    y, change = tg.jvp(linear, X, V)
    np.testing.assert_allclose(y.data, A @ X)
    np.testing.assert_allclose(change.data, A @ V)
    _, change = tg.jvp(lambda x, s: (x @ s) @ x, [X, S], [V, np.eye(3)])
    np.testing.assert_allclose(change.data, (S + S.T) @ X @ V + X @ X)
    values, changes = tg.jvp(lambda x: (x * x, x.sum()), X, V)
    np.testing.assert_allclose(values[0].data, X * X)
    np.testing.assert_allclose(changes[0].data, 2 * X * V)
    np.testing.assert_allclose(changes[1].data, V.sum())


def test_jvp_and_vjp_are_adjoint() -> None:
    _, forward = tg.jvp(curved, X, V)
    _, backward = tg.vjp(curved, X, U)
    assert float(U @ forward.data) == pytest.approx(float(backward.data @ V), rel=1e-13)


def test_jacobian() -> None:
    np.testing.assert_allclose(tg.jacobian(linear, X).data, A)
    J = tg.jacobian(curved, X).data
    np.testing.assert_allclose(J @ V, tg.jvp(curved, X, V)[1].data)
    np.testing.assert_allclose(U @ J, tg.vjp(curved, X, U)[1].data)
    matrix = tg.jacobian(lambda s: tg.matmul(A, s), S)
    assert matrix.shape == (4, 3, 3, 3)
    np.testing.assert_allclose(matrix.data, np.einsum("ij,kl->ikjl", A, np.eye(3)))
    jx, js = tg.jacobian(lambda x, s: x @ s, [X, S])
    np.testing.assert_allclose(jx.data, S.T)
    np.testing.assert_allclose(js.data, np.einsum("i,jk->jik", X, np.eye(3)))
    assert tg.jacobian(lambda x: x.sum(), X).shape == (3,)
    assert tg.jacobian(lambda x: x[:0], X).shape == (0, 3)


def test_a_jacobian_with_a_graph() -> None:
    x = tg.tensor(X, requires_grad=True)
    J = tg.jacobian(lambda t: t * t * t, x, create_graph=True)
    J.sum().backward()
    np.testing.assert_allclose(x.grad.data, 6.0 * X)


def test_hessian_and_hvp() -> None:
    np.testing.assert_allclose(tg.hessian(quadratic, X).data, S + S.T)
    y, product = tg.hvp(quadratic, X, V)
    np.testing.assert_allclose(y.item(), X @ S @ X)
    np.testing.assert_allclose(product.data, (S + S.T) @ V)

    def f(x: tg.Tensor) -> tg.Tensor:
        return (curved(x) ** 2).sum() + tg.logsumexp(x * x)

    H = tg.hessian(f, X).data
    np.testing.assert_allclose(H, H.T, rtol=1e-10)
    np.testing.assert_allclose(H @ V, tg.hvp(f, X, V)[1].data, rtol=1e-10)
    slope = tg.jacobian(lambda x: tg.grad(f(x), x, create_graph=True), X).data
    np.testing.assert_allclose(slope, H, rtol=1e-12)
    _, (hx, hs) = tg.hvp(lambda x, s: (x @ s) @ x, [X, S], [V, np.zeros((3, 3))])
    np.testing.assert_allclose(hx.data, (S + S.T) @ V)
    np.testing.assert_allclose(hs.data, np.outer(X, V) + np.outer(V, X))


def test_the_hessian_of_a_plane_is_zero() -> None:
    assert tg.hessian(lambda x: x.sum(), X).data.tolist() == np.zeros((3, 3)).tolist()
    assert tg.hvp(lambda x: x.sum(), X, V)[1].tolist() == [0.0, 0.0, 0.0]
    assert (
        tg.jacobian(lambda x: tg.tensor(np.ones(2)), X).data.tolist() == np.zeros((2, 3)).tolist()
    )


def test_directions_take_the_inputs_dtype() -> None:
    for x in (tg.tensor(X), tg.tensor(X, dtype="float32")):
        _, change = tg.jvp(lambda t: t * t, x, [1.0, 0.0, 0.0])
        assert change.dtype == x.dtype
        assert tg.hvp(lambda t: (t * t).sum(), x, [1.0, 0.0, 0.0])[1].tolist() == [2.0, 0.0, 0.0]
    assert tg.jvp(lambda t: t * t, 3.0, 0.5)[1].item() == 3.0
    assert tg.jvp(lambda t: t * t, tg.tensor([1, 2]), [1, 1])[1].dtype == "float32"


def test_the_users_leaves_are_not_touched() -> None:
    x = tg.tensor(X, requires_grad=True)
    for f in (
        lambda: tg.vjp(linear, x, U), lambda: tg.jvp(linear, x, V), lambda: tg.jacobian(linear, x),
        lambda: tg.hessian(quadratic, x), lambda: tg.hvp(quadratic, x, V),
    ):  # fmt: skip
        with tg.no_grad():
            f()
        f()
    assert x.grad is None


def test_refusals() -> None:
    with pytest.raises(ArgumentError, match=r"jvp: 1 inputs need as many directions, not 2"):
        tg.jvp(lambda x: x, [X], [X, X])
    with pytest.raises(ShapeError, match=r"jvp: input 0 has shape \(3,\), .*\(4,\)"):
        tg.jvp(lambda x: x, X, U)
    with pytest.raises(ShapeError, match=r"hvp: input 0 has shape \(3,\), .*\(1,\)"):
        tg.hvp(quadratic, X, [1.0])
    with pytest.raises(ShapeError, match=r"hessian: .*scalar.*\(4,\)"):
        tg.hessian(linear, X)
    with pytest.raises(ShapeError, match=r"hvp: .*scalar.*\(4,\)"):
        tg.hvp(linear, X, V)
    with pytest.raises(ShapeError, match=r"needs a direction"):
        tg.vjp(linear, X)
    with pytest.raises(GraphError, match=r"does not require a gradient"):
        tg.vjp(lambda x: tg.tensor(1.0), X)


def test_grad_names_what_is_no_tensor() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ArgumentTypeError, match=r"outputs must be a tensor.*float"):
        tg.grad(1.0, x)
    with pytest.raises(ArgumentTypeError, match=r"inputs must be a tensor.*NoneType"):
        tg.grad((x * x).sum(), None)
    with pytest.raises(ArgumentError, match="no outputs"):
        tg.grad([], [x])
    with pytest.raises(ArgumentError, match="2 inputs need as many directions, not a float"):
        tg.jvp(lambda a, b: a * b, [1.0, 2.0], 1.0)


def test_a_function_that_returns_no_tensor_is_named() -> None:
    for call in (tg.vjp, tg.jacobian, tg.hessian):
        with pytest.raises(ArgumentTypeError, match=r"must return a tensor .*returned a NoneType"):
            call(lambda x: None, 1.0)
    with pytest.raises(ArgumentTypeError, match="returned a list"):
        tg.jvp(lambda x: [x, x], 1.0, 1.0)
