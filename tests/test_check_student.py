"""Wrong answers as a new student would type them, each run through `tgc check` and named.

A case is a file, what the output must name, and the line of the student's that it must show.
"""

import json
import re
import textwrap

import pytest
from cli_runner import tgc

CASES = {
    "the mean taken twice": (
        """
        import numpy as np

        def forward(x: "N D", w: "D M", b: "M"):
            return x @ w + b

        def backward(dout, x, w, b):
            N = x.shape[0]
            dx = dout @ w.T
            dw = x.T @ dout / N
            db = dout.sum(axis=0)
            return dx, dw, db
        """,
        {"w": "weight_gradient_divided_by_batch|factor:1/N"},
        "dw = x.T @ dout / N",
    ),
    "a sign": (
        """
        import numpy as np

        def sigmoid_forward(x: "N D"):
            y = 1 / (1 + np.exp(-x))
            return y, y

        def sigmoid_backward(dout, cache):
            y = cache
            return dout * y * (y - 1)
        """,
        {"x": "factor:-1|sign"},
        "return dout * y * (y - 1)",
    ),
    "a matrix not transposed": (
        """
        import numpy as np

        def inputs(rng):
            return rng.standard_normal((4, 4)), rng.standard_normal((4, 4))

        def matmul(a, b):
            return a @ b

        def matmul_backward(grad, a, b):
            return grad @ b, a.T @ grad
        """,
        {"a": "transposed"},
        "return grad @ b, a.T @ grad",
    ),
    "a bias not summed over the batch": (
        """
        import numpy as np

        def forward(x: "N D", w: "D M", b: "M"):
            return x @ w + b, (x, w)

        def backward(dout, cache):
            x, w = cache
            dx = dout @ w.T
            dw = x.T @ dout
            db = dout
            return dx, dw, db
        """,
        {"b": "bias_not_summed|missing-sum"},
        "db = dout",
    ),
    "a rectifier without its mask": (
        """
        import numpy as np

        def relu_forward(x: "N D"):
            return np.maximum(x, 0), x

        def relu_backward(dout, cache):
            dx = dout.copy()
            return dx
        """,
        {"x": "mask|no_mask|identity"},
        "dx = dout.copy()",
    ),
    "a dropout mask not applied in backward": (
        """
        import numpy as np

        def dropout_forward(x: "N D", p=0.4):
            mask = (np.random.rand(*x.shape) >= p) / (1 - p)
            return x * mask, (mask, p)

        def dropout_backward(dout, cache):
            mask, p = cache
            dx = dout / (1 - p)
            return dx
        """,
        {"x": "mask"},
        "dx = dout / (1 - p)",
    ),
    "a batch norm without the term of its mean": (
        """
        import numpy as np

        def batchnorm_forward(x: "N D", gamma: "D", beta: "D"):
            mu = x.mean(axis=0)
            var = x.var(axis=0)
            std = np.sqrt(var + 1e-5)
            xhat = (x - mu) / std
            return gamma * xhat + beta, (xhat, gamma, std)

        def batchnorm_backward(dout, cache):
            xhat, gamma, std = cache
            dgamma = (dout * xhat).sum(axis=0)
            dbeta = dout.sum(axis=0)
            dxhat = dout * gamma
            dx = (dxhat - xhat * (dxhat * xhat).mean(axis=0)) / std
            return dx, dgamma, dbeta
        """,
        {"x": "mean"},
        "dx = (dxhat - xhat * (dxhat * xhat).mean(axis=0)) / std",
    ),
    "convolution weights flipped": (
        """
        import numpy as np

        def inputs(rng):
            return rng.standard_normal((2, 5, 7, 3)), rng.standard_normal((3, 3, 3, 2))

        def conv2d(x, w):
            kh, kw = w.shape[:2]
            oh, ow = x.shape[1] - kh + 1, x.shape[2] - kw + 1
            y = 0
            for i in range(kh):
                for j in range(kw):
                    y = y + x[:, i:i + oh, j:j + ow] @ w[i, j]
            return y

        def conv2d_backward(dy, x, w):
            kh, kw = w.shape[:2]
            oh, ow = dy.shape[1:3]
            dx, dw = np.zeros_like(x), np.zeros_like(w)
            for i in range(kh):
                for j in range(kw):
                    patch = x[:, i:i + oh, j:j + ow]
                    dw[kh - 1 - i, kw - 1 - j] = np.tensordot(patch, dy, ((0, 1, 2), (0, 1, 2)))
                    dx[:, i:i + oh, j:j + ow] += dy @ w[i, j].T
            return dx, dw
        """,
        {"w": "flip"},
        "dw[kh - 1 - i, kw - 1 - j] = np.tensordot(patch, dy, ((0, 1, 2), (0, 1, 2)))",
    ),
    "a loss not divided by the batch": (
        """
        import numpy as np

        def softmax_loss_forward(logits: "N K", y: "N ints below K"):
            p = np.exp(logits - logits.max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
            return -np.log(p[np.arange(len(y)), y]).mean(), (p, y)

        def softmax_loss_backward(dout, cache):
            p, y = cache
            dlogits = p.copy()
            dlogits[np.arange(len(y)), y] -= 1
            return dout * dlogits
        """,
        {"logits": "batch|factor:N|mean|1/N"},
        "return dout * dlogits",
    ),
    "a cache left over from another call": (
        """
        import numpy as np

        cache = {}

        def forward(x: "N D", w: "D M"):
            cache["x"] = x
            return x @ w

        def backward(dout, x, w):
            dw = cache["x"].T @ dout
            return dout @ w.T, dw
        """,
        {"w": "stale-cache"},
        'dw = cache["x"].T @ dout',
    ),
    "the upstream gradient ignored": (
        """
        import numpy as np

        class Tanh:
            def forward(self, x: "N D"):
                self.y = np.tanh(x)
                return self.y

            def backward(self, dout):
                return 1 - self.y ** 2
        """,
        {"x": "upstream"},
        "return 1 - self.y ** 2",
    ),
    "two mistakes in two gradients": (
        """
        import numpy as np

        class Affine:
            def __init__(self, W: "D M", b: "M"):
                self.W, self.b = W, b

            def forward(self, x: "N D"):
                self.x = x
                return x @ self.W + self.b

            def backward(self, dout):
                self.dW = 2 * self.x.T @ dout
                self.db = dout.mean(axis=0)
                return dout @ self.W.T
        """,
        {"W": "factor:2|twice", "b": "mean"},
        "self.dW = 2 * self.x.T @ dout",
    ),
}


@pytest.mark.parametrize("what", CASES)
def test_a_wrong_answer_is_named(what, tmp_path):
    code, names, line = CASES[what]
    path = tmp_path / "answer.py"
    path.write_text(textwrap.dedent(code).lstrip())
    result = tgc("check", path, "--json")
    assert result.exit_code == 1
    record = json.loads(result.stdout)
    found = {f["label"]: f for f in record["findings"] if f["verdict"] != "right"}
    assert set(found) == set(names), record
    for label, pattern in names.items():
        (diagnosis, *others) = found[label]["diagnoses"]
        assert not others, found[label]["diagnoses"]
        assert re.search(pattern, diagnosis["name"]), diagnosis
        assert diagnosis["exact"]
    assert line in [f["line"]["code"] for f in found.values()]

    text = tgc("check", path)
    assert text.exit_code == 1
    assert "WRONG" in text.stdout
    assert f"answer.py line {1 + path.read_text().splitlines().index(_indented(path, line))}" in (
        text.stdout
    )
    for label in names:
        sentence = found[label]["diagnoses"][0]["sentence"]
        assert sentence in text.stdout


def _indented(path, line):
    return next(row for row in path.read_text().splitlines() if row.strip() == line)
