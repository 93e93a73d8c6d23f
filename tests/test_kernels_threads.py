"""Compiled kernels on one thread and on two: the same bits, and the reference's values.

The sizes worth timing run on the pool; the small samples of `test_kernels.py` do not.
"""

from __future__ import annotations

import copy
import zlib

import numpy as np
import pytest
from test_kernels import assert_all_close, outcome
from tinygrad_course.kernels import compiled, threads

from tinygrad_course import kernels

MOST = 4e7  # tens of floating-point operations, or bytes, of a case worth a test's time

CASES = [
    (op, name)
    for op in kernels.names()
    for name, implementation in kernels.implementations(op).items()
    if implementation.available is compiled.available
]


@pytest.fixture(autouse=True)
def _all_threads_again():
    yield
    threads.set_num_threads(1000)


def cases(op, dtype):
    """The op's samples, and those of its benchmark sizes that are not too large."""
    rng = np.random.default_rng(zlib.crc32(op.encode()))
    spec = kernels.op(op)
    yield from spec.samples(rng, np.dtype(dtype))
    for size in spec.benchmark_shapes:
        if sum(np.prod(shape, dtype=float) for shape in size.shapes) * 4 > MOST:
            continue
        arrays = spec.make(rng, np.dtype(dtype), size.shapes, size.params)
        cost = spec.cost(*arrays, **size.params)
        if max(cost.flops / 10, cost.bytes) <= MOST:
            yield arrays, size.params


@pytest.mark.parametrize(("op", "name"), CASES)
def test_one_thread_and_two_give_the_same_bits(op, name):
    implementation = kernels.implementations(op)[name]
    if not implementation.available():
        pytest.skip(compiled.why_not())
    if threads.get_num_threads() < 2:
        pytest.skip("one processor, or no pool")
    dtype = (implementation.dtypes or ("float32",))[0]
    function = implementation.load()
    for arrays, params in cases(op, dtype):
        results = []
        for count in (1, 2):
            threads.set_num_threads(count)
            results.append(outcome(op, function, copy.deepcopy(list(arrays)), params))
        for one, two in zip(*results, strict=True):
            assert one.tobytes() == two.tobytes(), [np.shape(array) for array in arrays]
        reference = kernels.op(op).reference
        expected = outcome(op, reference, copy.deepcopy(list(arrays)), params)
        assert_all_close(results[1], expected, np.dtype(dtype))
