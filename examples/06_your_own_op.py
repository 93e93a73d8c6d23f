"""An op of your own in six lines, checked against numbers; then with a mistake in it.

Softplus, y = log(1 + e^x), has the derivative sigmoid(x). A formula names what it needs after
`grad`: x here, so x is kept. It uses `tg` functions and operators only, so it can be differentiated
again: the same line runs on arrays in a plain pass and on tensors when a graph is wanted.
"""

import numpy as np

import tinygrad_course as tg


class Softplus(tg.Function):
    def forward(self, x):
        return np.logaddexp(x, 0)

    def grad_x(self, grad, x):
        return grad * tg.sigmoid(x)


class Wrong(Softplus):
    """The derivative of the derivative: it looks plausible, and a network would still train."""

    def grad_x(self, grad, x):
        s = tg.sigmoid(x)
        return grad * s * (1.0 - s)


def softplus(x):
    return Softplus().apply(x)


def main():
    x = tg.tensor([-1.0, 0.0, 2.0], requires_grad=True)
    softplus(x).sum().backward()
    print("softplus'  ", x.grad.tolist())

    points = np.random.default_rng(0).standard_normal((3, 2))
    print("\nfirst order:\n", tg.gradcheck(softplus, [points]), sep="")
    print("\nsecond order:\n", tg.gradgradcheck(softplus, [points]), sep="")
    wrong = tg.gradcheck(lambda t: Wrong().apply(t), [points])
    print("\nwith a mistake:\n", wrong, sep="")
    assert not wrong


if __name__ == "__main__":
    main()
