"""XOR: four points that no straight line separates, and eight tanh units that do.

The first problem of Rumelhart, Hinton and Williams, "Learning internal representations by error
propagation" (1986). A network without the tanh collapses to one linear map and cannot do better
than a loss of log 2 and two points right; try it.
"""

import numpy as np

import tinygrad_course as tg
from tinygrad_course import nn, optim

x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype="float32")
t = np.array([[0], [1], [1], [0]], dtype="float32")


def main():
    generator = tg.Generator(0)
    model = nn.Sequential(
        nn.Dense(2, 8, generator=generator), nn.Tanh(), nn.Dense(8, 1, generator=generator)
    )
    optimizer = optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    for step in range(201):
        logits = model(x)
        loss = tg.binary_cross_entropy_with_logits(logits, t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            print(f"step {step:3d}   loss {loss.item():.4f}")
    probabilities = tg.sigmoid(model(x)).numpy()
    for (a, b), p in zip(x.astype(int), probabilities[:, 0]):
        print(f"{a} xor {b} = {int(p > 0.5)}   (p = {p:.3f})")
    assert ((probabilities > 0.5) == t).all()


if __name__ == "__main__":
    main()
