"""Reverse-mode automatic differentiation from nothing, on single numbers.

A number remembers which numbers it was made of, and the slope with respect to each. Backward walks
from the result to its causes, youngest first, and multiplies slopes along the way. That is all;
the real engine does the same with arrays. The last lines compare the two.
"""

import math
from itertools import count

creation = count()


class Number:
    def __init__(self, value, causes=()):
        self.value = value
        self.causes = causes  # pairs (number, slope of this with respect to it)
        self.born = next(creation)
        self.grad = 0.0

    def __add__(self, other):
        return Number(self.value + other.value, [(self, 1.0), (other, 1.0)])

    def __mul__(self, other):
        return Number(self.value * other.value, [(self, other.value), (other, self.value)])

    def tanh(self):
        y = math.tanh(self.value)
        return Number(y, [(self, 1.0 - y * y)])

    def ancestors(self):
        found, stack = set(), [self]
        while stack:
            number = stack.pop()
            if number not in found:
                found.add(number)
                stack.extend(cause for cause, _ in number.causes)
        return found

    def backward(self):
        # Youngest first: everything that was made of a number is younger than it, so when its turn
        # comes its own gradient is complete. (b = a + a; c = b * b goes wrong in any other order.)
        self.grad = 1.0
        for number in sorted(self.ancestors(), key=lambda n: n.born, reverse=True):
            for cause, slope in number.causes:
                cause.grad += number.grad * slope


def neuron(x, w, b):
    hidden = (x * w + b).tanh()
    doubled = hidden + hidden
    return doubled * hidden + x


def main():
    x, w, b = Number(0.5), Number(-1.5), Number(0.25)
    y = neuron(x, w, b)
    y.backward()
    print(f"value     {y.value:.6f}")
    print(f"gradients {x.grad:.6f} {w.grad:.6f} {b.grad:.6f}")

    import tinygrad_course as tg

    leaves = [tg.tensor(v, dtype="float64", requires_grad=True) for v in (0.5, -1.5, 0.25)]
    tx, tw, tb = leaves
    hidden = tg.tanh(tx * tw + tb)
    result = (hidden + hidden) * hidden + tx
    result.backward()
    real = [result.item(), *[leaf.grad.item() for leaf in leaves]]
    assert real == [y.value, x.grad, w.grad, b.grad], real
    print("the real engine says the same, bit for bit")


if __name__ == "__main__":
    main()
