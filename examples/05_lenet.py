"""LeNet-5 on 10,000 handwritten digits: the training loop as the four steps it is.

`tgc train` is this with a display, checkpoints and a report. Takes about ten seconds for one epoch;
say `python examples/05_lenet.py 12` for twelve.
"""

import sys

import numpy as np

import tinygrad_course as tg
from tinygrad_course import data, nn, optim


class LeNet5(nn.Module):
    def __init__(self, generator):
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2, generator=generator)
        self.conv2 = nn.Conv2d(6, 16, 5, generator=generator)
        self.dense1 = nn.Dense(16 * 5 * 5, 120, generator=generator)
        self.dense2 = nn.Dense(120, 84, generator=generator)
        self.dense3 = nn.Dense(84, 10, generator=generator)

    def forward(self, x):  # (N, 28, 28, 1)
        x = tg.max_pool2d(tg.relu(self.conv1(x)), 2)  # (N, 14, 14, 6)
        x = tg.max_pool2d(tg.relu(self.conv2(x)), 2)  # (N, 5, 5, 16)
        x = tg.flatten(x)  # (N, 400)
        x = tg.relu(self.dense1(x))
        x = tg.relu(self.dense2(x))
        return self.dense3(x)  # (N, 10), logits


def accuracy(model, x, t):
    with tg.no_grad():
        return float(np.mean(model(x).numpy().argmax(axis=1) == t))


def main(epochs=1, samples=None):
    digits = data.load("mnist-12k")
    x, t = digits.train.x[:samples], digits.train.y[:samples]
    model = LeNet5(tg.Generator(0))
    print(f"{sum(p.size for p in model.parameters()):,} parameters")
    loader = data.DataLoader(x, t, 64, shuffle=True, seed=0, transforms=[data.RandomShift(2)])
    optimizer = optim.Adam(model.parameters(), lr=2e-3)

    for epoch in range(epochs):
        for images, labels in loader.epoch(epoch):
            logits = model(images)  # forward
            loss = tg.cross_entropy(logits, labels)  # loss
            optimizer.zero_grad()
            loss.backward()  # backward
            optimizer.step()  # step
        score = accuracy(model, digits.test.x, digits.test.y)
        print(f"epoch {epoch + 1}   last loss {loss.item():.3f}   test accuracy {score:.4f}")
    return score


if __name__ == "__main__":
    main(epochs=int(sys.argv[1]) if len(sys.argv) > 1 else 1)
