"""Compiled kernels: the same bits on one thread and on two, and wherever their arrays lie.

The sizes worth timing run on the pool; the small samples of `test_kernels.py` do not.
"""

from __future__ import annotations

import copy
import zlib

import numpy as np
import pytest
from test_kernels import arrays_in, assert_all_close, outcome, runnable, samples
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


def packed(values, offset):
    """Copies of the arrays one behind the other, the first `offset` bytes into a piece of memory.

    A compiler that may round a loop's vectors otherwise than the single numbers beside them
    chooses between the two by where the arrays lie: whether they may overlap, how they align.
    """
    pool = np.empty(offset + sum(array.nbytes + 8 for array in arrays_in(values)), np.uint8)

    def move(value):
        nonlocal offset
        if isinstance(value, list):
            return [move(item) for item in value]
        if not isinstance(value, np.ndarray):
            return value
        start = -(-offset // value.itemsize) * value.itemsize
        offset = start + value.nbytes
        copied = pool[start:offset].view(value.dtype).reshape(value.shape)
        copied[...] = value
        return copied

    return move(list(values))


@pytest.mark.parametrize(("op", "name"), CASES)
def test_bits_do_not_depend_on_where_the_arrays_lie(op, name):
    implementation = kernels.implementations(op)[name]
    dtype = (implementation.dtypes or ("float32",))[0]
    function = runnable(op, name, dtype)
    for arrays, params in samples(op, dtype):
        apart, *close = (
            outcome(op, function, values, params)
            for values in (copy.deepcopy(list(arrays)), packed(arrays, 0), packed(arrays, 20))
        )
        for others in close:
            for one, other in zip(apart, others, strict=True):
                assert one.tobytes() == other.tobytes(), [np.shape(array) for array in arrays]
