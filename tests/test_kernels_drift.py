"""Twenty steps of training with the compiled kernels stray no further than with the references.

Rounding errors grow as a network trains, and a ReLU or a maximum that falls the other way makes a
jump of one. So one run says little: the distances of several from the same runs in float64 are
added, those of the compiled kernels and those of the references in float32.
"""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from tinygrad_course.kernels import compiled

import tinygrad_course as tg
from tinygrad_course import kernels, models

STEPS, BATCH, SEEDS = 20, 16, 2

pytestmark = pytest.mark.skipif(not compiled.available(), reason="no Numba")


def batches(shape, seed):
    """Noisy pictures of ten classes."""
    rng = np.random.default_rng(seed)
    prototypes = rng.standard_normal((10, *shape))
    for _ in range(STEPS):
        classes = rng.integers(0, 10, BATCH)
        yield prototypes[classes] + rng.standard_normal((BATCH, *shape)), classes


def trained(name, shape, seed, dtype):
    """All parameters after STEPS steps of SGD, from the weights that the seed gives in float32."""

    def fresh(dtype):
        generator = tg.Generator(seed)
        return models.build(name, input_shape=shape, classes=10, generator=generator, dtype=dtype)

    net = fresh(dtype)
    net.load_state_dict({k: v.astype(dtype) for k, v in fresh("float32").state_dict().items()})
    optimizer = tg.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    for x, classes in batches(shape, seed):
        loss = tg.cross_entropy(net(tg.tensor(x.astype("float32").astype(dtype))), classes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return np.concatenate([p.numpy().ravel().astype("float64") for p in net.parameters()])


@contextlib.contextmanager
def references():
    """In this block every op runs its reference."""
    with contextlib.ExitStack() as stack:
        for op in kernels.names():
            stack.enter_context(kernels.using(op, "reference"))
        yield


MODELS = {
    "lenet5": ((28, 28, 1), {"numba_direct"}),
    "vgg-small": ((32, 32, 3), {"numba_direct", "numba_winograd"}),
    "resnet20": ((32, 32, 3), {"numba_direct", "numba_winograd"}),
}
"""Each network's pictures, and the convolutions that it is to run."""


@pytest.mark.parametrize("name", MODELS)
def test_compiled_kernels_stray_at_most_3_times_as_far_as_the_references(name):
    shape, convolutions = MODELS[name]
    kernels.reset_report()
    compiled_runs = [trained(name, shape, seed, "float32") for seed in range(SEEDS)]
    ran = kernels.report().ran
    for op in ("conv2d", "conv2d_weight_grad"):
        assert convolutions <= set(ran[op])
        assert "reference" not in ran[op]
    with references():
        plain_runs = [trained(name, shape, seed, "float32") for seed in range(SEEDS)]
        exact_runs = [trained(name, shape, seed, "float64") for seed in range(SEEDS)]

    def strayed(runs):
        pairs = zip(runs, exact_runs, strict=True)
        return sum(np.linalg.norm(run - exact) for run, exact in pairs)

    assert 0 < strayed(compiled_runs) <= 3 * strayed(plain_runs)
