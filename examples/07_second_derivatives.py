"""Gradients of gradients: a parabola fitted to the bottom of a valley, without choosing a rate.

Gradient descent needs a learning rate; Newton's method asks the second derivative how far to go.
`create_graph=True` gives a gradient a graph of its own, and then it is a tensor like any other.
"""

import numpy as np

import tinygrad_course as tg


def rosenbrock(x):
    """A curved valley with its lowest point at (1, 1)."""
    return (1.0 - x[0]) ** 2 + 100.0 * (x[1] - x[0] ** 2) ** 2


def main():
    x = tg.tensor(2.0, dtype="float64", requires_grad=True)
    y = x**4
    for order in (1, 2, 3, 4):
        y = tg.grad(y, x, create_graph=True)
        print(f"derivative {order} of x^4 at 2 = {y.item():g}")

    print("\nNewton's method on Rosenbrock's valley")
    point = np.array([-1.2, 1.0])
    for step in range(7):
        value, slope = tg.vjp(rosenbrock, point)
        curvature = tg.hessian(rosenbrock, point)
        print(f"step {step}   f = {value.item():.3e}   at {np.round(point, 6).tolist()}")
        point = point - np.linalg.solve(curvature.numpy(), slope.numpy())
    assert np.allclose(point, 1.0)

    # A Hessian times a vector costs two backward passes, whatever the size: no matrix is made.
    big = np.linspace(-1, 1, 100_000)
    _, product = tg.hvp(lambda t: (t**4).sum(), big, np.ones_like(big))
    print("\nHessian-vector product of 100,000 variables, largest entry", product.numpy().max())


if __name__ == "__main__":
    main()
