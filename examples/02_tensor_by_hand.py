"""The gradients of a two-layer network by hand, each line beside what `backward()` finds.

    h = relu(x W1 + b1)        z = h W2 + b2        L = mean over n of -log softmax(z)[n, t_n]

Read it from the loss upwards: the gradient of each line needs only the gradient of the next.
"""

import numpy as np

import tinygrad_course as tg

N, D, H, K = 5, 3, 4, 2  # samples, features, hidden units, classes
rng = np.random.default_rng(0)
x = rng.standard_normal((N, D))
t = np.array([0, 1, 1, 0, 1])
W1, b1 = rng.standard_normal((D, H)), rng.standard_normal(H)
W2, b2 = rng.standard_normal((H, K)), rng.standard_normal(K)


def by_hand():
    a = x @ W1 + b1
    h = np.maximum(a, 0)
    z = h @ W2 + b2
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(N), t]).mean()

    dz = p.copy()
    dz[np.arange(N), t] -= 1  # softmax - onehot ...
    dz /= N  # ... and the loss is a mean: forget this, and every gradient is N times too large
    dW2 = h.T @ dz  # (H, N) (N, K): the only product of the two that has W2's shape
    db2 = dz.sum(axis=0)  # b2 was added to every row, so its gradient is the sum over the rows
    dh = dz @ W2.T
    da = dh * (a > 0)
    dW1 = x.T @ da
    db1 = da.sum(axis=0)
    return loss, [dW1, db1, dW2, db2]


def by_the_engine():
    parameters = [tg.tensor(p, requires_grad=True) for p in (W1, b1, W2, b2)]
    w1, c1, w2, c2 = parameters
    h = tg.relu(x @ w1 + c1)
    loss = tg.cross_entropy(h @ w2 + c2, t)
    loss.backward()
    return loss.item(), [p.grad.numpy() for p in parameters]


def main():
    loss, grads = by_hand()
    engine_loss, engine_grads = by_the_engine()
    print(f"loss      by hand {loss:.12f}   engine {engine_loss:.12f}")
    for name, mine, theirs in zip(("dL/dW1", "dL/db1", "dL/dW2", "dL/db2"), grads, engine_grads):
        worst = np.abs(mine - theirs).max()
        print(f"{name:9s} shape {mine.shape!s:7s} largest difference {worst:.1e}")
        assert worst < 1e-15


if __name__ == "__main__":
    main()
