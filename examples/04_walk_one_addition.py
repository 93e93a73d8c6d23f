"""One addition, followed from the user's line down every layer of the code, and back.

Each step is a call you could have made yourself; open the file it names beside it.
"""

import inspect

import numpy as np

import tinygrad_course as tg
from tinygrad_course.engine import engine
from tinygrad_course.ops.arithmetic import Add


def where(thing):
    path = inspect.getsourcefile(thing)
    return path[path.rfind("tinygrad_course") :]


def main():
    a = tg.tensor([1.0, 2.0], requires_grad=True)
    b = tg.tensor([[10.0], [20.0]], requires_grad=True)
    print("1. a + b is a.__add__(b)               ", where(tg.Tensor))
    y = a + b

    print("2. which makes an op and applies it    ", where(Add))
    op = Add()
    same = op.apply(a, b)

    print("3. apply calls forward, on the arrays  ", where(Add.apply))
    array = op.forward(a.data, b.data)
    assert isinstance(array, np.ndarray)
    assert (same.data == array).all()
    assert (y.data == array).all()

    print("4. and records itself: the op of this call is the node of the graph")
    assert same.node is op
    print(f"   node {op!r}, edges to {op.edges}, kept {op.kept}: an addition keeps nothing")
    assert op.edges == (a.node, b.node)

    print("5. backward starts with dL/dy, and the engine takes the youngest node first",
          f"({where(engine)})")  # fmt: skip
    grad = np.ones((2, 2), dtype="float32")
    print("6. the node's formulas give one gradient per input: dL/da = dL/db = dL/dy")
    assert op.grad_a(grad) is grad
    print("   but a was broadcast from (2,) to (2, 2), so the engine sums what flows back:")
    grad_a, grad_b = op.pull(op.edges, grad, op.kept)
    print(f"   dL/da {grad_a}   dL/db {grad_b.ravel()}")

    print("7. a leaf keeps the sum of all that arrives")
    same.backward(grad)
    assert (a.grad.data == grad_a).all()
    assert (b.grad.data == grad_b).all()
    print(f"   a.grad {a.grad.tolist()}   b.grad {b.grad.tolist()}")
    print("8. and the graph is released:", op.edges, op.kept)


if __name__ == "__main__":
    main()
