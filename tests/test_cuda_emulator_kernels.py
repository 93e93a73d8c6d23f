"""The CUDA C++ kernels in the emulator, beyond the registry loop: orders, edges, known answers."""

from __future__ import annotations

import copy
import zlib

import numpy as np
import pytest
from test_kernels import arrays_in, assert_all_close, outcome
from tinygrad_course.kernels import cuda_emulator, cuda_launch

from tinygrad_course import kernels

pytestmark = pytest.mark.skipif(
    not cuda_emulator.available(), reason="the CUDA emulator needs g++ on Linux"
)

OPS = [op for op in kernels.names() if "cuda-emulated" in kernels.implementations(op)]
F32 = np.dtype("float32")


def emulated(op):
    return kernels.implementations(op)["cuda-emulated"].load()


def rng_for(op):
    return np.random.default_rng(zlib.crc32(op.encode()))


def check(op, arrays, params):
    """The kernel against the reference, and the same bits whichever thread goes first."""
    with np.errstate(all="ignore"):
        expected = outcome(op, kernels.op(op).reference, copy.deepcopy(arrays), params)
    got = outcome(op, emulated(op), copy.deepcopy(arrays), params)
    with cuda_emulator.thread_order("reverse"):
        again = outcome(op, emulated(op), copy.deepcopy(arrays), params)
    assert_all_close(got, expected, F32)
    for one, other in zip(got, again, strict=True):
        assert one.tobytes() == other.tobytes()


def test_the_ops_that_have_cuda_kernels():
    assert {
        *("activation", "activation_grad", "adam_step", "add", "avg_pool2d", "avg_pool2d_grad"),
        *("batch_norm", "batch_norm_grad", "batch_norm_inference", "conv2d", "conv2d_input_grad"),
        *("conv2d_weight_grad", "dropout", "embedding", "embedding_grad", "group_norm"),
        *("group_norm_grad", "local_response_norm", "local_response_norm_grad", "log_softmax"),
        *("log_softmax_grad", "max_pool2d", "max_pool2d_gather", "max_pool2d_grad", "sgd_step"),
        *("softmax", "softmax_cross_entropy", "softmax_cross_entropy_grad", "softmax_grad"),
        "sum_rows",
    } <= set(OPS)
    for op in OPS:
        on_a_gpu = "cuda-tile" if op == "matmul" else "cuda"
        both = [kernels.implementations(op)[name] for name in (on_a_gpu, "cuda-emulated")]
        assert both[0].load() is both[1].load()


@pytest.mark.parametrize("op", OPS)
def test_the_order_of_the_threads_changes_no_bit(op):
    for arrays, params in kernels.op(op).samples(rng_for(op), F32):
        check(op, list(arrays), params)


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_comes_out_where_it_should(op, bad):
    for arrays, params in list(kernels.op(op).samples(rng_for(op), F32))[:8]:
        poisoned = copy.deepcopy(list(arrays))
        first = arrays_in(poisoned)[:1]
        if not first or first[0].size == 0 or first[0].dtype != F32:
            continue
        first[0].flat[first[0].size // 2] = bad
        check(op, poisoned, params)


@pytest.mark.parametrize("op", OPS)
def test_views_that_begin_anywhere(op):
    """Without 16-byte alignment the kernels read one number at a time."""

    def shifted(value):
        if isinstance(value, list):
            return [shifted(item) for item in value]
        if not isinstance(value, np.ndarray) or value.dtype != F32:
            return value
        memory = np.empty(value.size + 5, F32)
        start = 1 + (-memory.ctypes.data // 4) % 4
        view = memory[start : start + value.size].reshape(value.shape)
        assert cuda_launch.address(view) % 16 or not view.size
        view[...] = value
        return view

    arrays, params = next(iter(kernels.op(op).samples(rng_for(op), F32)))
    expected = outcome(op, kernels.op(op).reference, copy.deepcopy(list(arrays)), params)
    assert_all_close(outcome(op, emulated(op), shifted(list(arrays)), params), expected, F32)


KNOWN_ANSWERS = [  # Philox4x32-7, from the paper's authors' test vectors
    ((0, 0, 0, 0), (0, 0), (0x5F6FB709, 0x0D893F64, 0x4F121F81, 0x4F730A48)),
    (
        (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF),
        (0xFFFFFFFF, 0xFFFFFFFF),
        (0x5207DDC2, 0x45165E59, 0x4D8EE751, 0x8C52F662),
    ),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0x4DFCCABA, 0x190A87F0, 0xC47362BA, 0xB6B5242A),
    ),
]


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_philox_gives_the_known_answers(counter, key, answer):
    counters, words = np.array([counter], np.uint32), np.zeros((1, 4), np.uint32)
    run = cuda_launch.kernel("dropout/cuda.cu", "philox", counters)
    run((1,), (256,), (counters, words, np.uint32(key[0]), np.uint32(key[1]), np.int32(1)))
    assert tuple(words[0]) == answer


def test_dropout_has_the_bits_of_the_reference():
    x = np.arange(1, 70002, dtype=np.float32)
    params = {"p": 0.3, "seed": 2**63 + 5, "offset": 2**40 + 1}
    got = emulated("dropout")(x, **params)
    assert got.tobytes() == kernels.op("dropout").reference(x, **params).tobytes()


@pytest.mark.parametrize("K", [1, 8, 9, 17, 33, 65, 129, 513, 1024, 1025, 2052, 30001])
def test_softmax_of_every_length(K):
    rng = np.random.default_rng(K)
    z = (3 * rng.standard_normal((3, K))).astype(F32)
    z[1] += 1000
    z[2, 0] = -np.inf
    targets = rng.integers(0, K, 3).astype(np.int32)
    targets[2] = K - 1
    check("softmax_cross_entropy", [z, targets], {})
    check("softmax_cross_entropy_grad", [rng.standard_normal(3).astype(F32), z, targets], {})
    for op in ("softmax", "log_softmax"):
        check(op, [z], {})
        with np.errstate(all="ignore"):
            y = kernels.op(op).reference(z)
        check(f"{op}_grad", [rng.standard_normal(z.shape).astype(F32), y], {})


@pytest.mark.parametrize("shapes", [[(5,)] * 200, [(4096,), (4097,), (0,), (3, 4000), ()]])
def test_steps_over_many_tensors(shapes):
    rng = np.random.default_rng(0)
    p, g, m, v = ([np.asarray(rng.standard_normal(s), F32) for s in shapes] for _ in range(4))
    v = [np.asarray(array * array) for array in v]
    adam = {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "step": 2}
    check("adam_step", [p, g, m, v], {**adam, "weight_decay": 0.1, "decoupled": True})
    sgd = {"lr": 0.1, "momentum": 0.9, "dampening": 0.1, "nesterov": True, "first": False}
    check("sgd_step", [p, g, v], {**sgd, "weight_decay": 0.1})


def test_one_launch_takes_eighty_tensors(monkeypatch):
    launches = []
    kernel = cuda_launch._kernel
    monkeypatch.setattr(
        cuda_launch, "_kernel", lambda *which: launches.append(which) or kernel(*which)
    )
    for count, expected in ((80, 1), (81, 2)):
        launches.clear()
        p, g = ([np.ones(3, F32) for _ in range(count)] for _ in range(2))
        plain = {"momentum": 0.0, "dampening": 0.0, "nesterov": False, "first": False}
        emulated("sgd_step")(p, g, None, lr=0.5, weight_decay=0.0, **plain)
        assert len(launches) == expected
        assert all(np.array_equal(array, [0.5] * 3) for array in p)


@pytest.mark.parametrize("shape", [(1, 1), (4099, 3), (300, 260), (2049, 1028), (70, 129), (1, 7)])
def test_reductions_over_rows(shape):
    rng = np.random.default_rng(1)
    x = rng.standard_normal(shape).astype(F32)
    gamma, beta = (rng.standard_normal(shape[1:]).astype(F32) for _ in range(2))
    check("sum_rows", [x], {})
    check("batch_norm", [x, gamma, beta], {"eps": 1e-5, "activation": "sigmoid"})


def test_the_variance_does_not_cancel():
    """The mean is ten thousand deviations: E[x^2] - E[x]^2 would have no digit left."""
    x = np.random.default_rng(0).standard_normal((5000, 2)) + 1e4
    x = x.astype(F32)
    ones = np.ones(2, F32)
    _, mean, var = emulated("batch_norm")(x, ones, ones, eps=0.0)
    np.testing.assert_allclose(mean, x.astype("f8").mean(0), rtol=1e-6)
    np.testing.assert_allclose(var, x.astype("f8").var(0), rtol=1e-5)


GEOMETRIES = [
    ((2, 9, 7, 8), (3, 3, 8, 12), {"padding": ((1, 1), (1, 1))}),
    ((1, 9, 8, 4), (3, 2, 4, 40), {"stride": (2, 2), "padding": ((1, 0), (0, 1))}),
    ((2, 6, 5, 8), (3, 3, 4, 8),
     {"groups": 2, "stride": (2, 1), "dilation": (1, 2), "padding": ((1, 1), (2, 2))}),
    ((1, 5, 6, 12), (1, 1, 12, 68), {}),
    ((3, 12, 11, 36), (3, 3, 36, 132), {"padding": ((1, 1), (1, 1))}),
    ((1, 9, 8, 5), (4, 3, 5, 7),
     {"stride": (4, 6), "dilation": (6, 4), "padding": ((9, 9), (4, 4))}),
    ((1, 3, 3, 300), (1, 1, 300, 4), {}),
]  # fmt: skip


@pytest.mark.parametrize(("x_shape", "w_shape", "changes"), GEOMETRIES)
def test_convolutions(x_shape, w_shape, changes):
    """Tiles of every width, four channels at once and one, sums in slices, groups, no window."""
    rng = np.random.default_rng(0)
    params = kernels.conv2d.geometry(**changes)
    x, w, b = (rng.standard_normal(s).astype(F32) for s in (x_shape, w_shape, w_shape[3:]))
    dy = rng.standard_normal(kernels.conv2d.output_shape(x_shape, w_shape, params)).astype(F32)
    check("conv2d", [x, w, b], {**params, "activation": "relu"})
    check("conv2d", [x, w, None], params)
    check("conv2d_input_grad", [dy, w], {"x_shape": x_shape, **params})
    check("conv2d_weight_grad", [x, dy], {"w_shape": w_shape, **params})


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((130, 17), (17, 131)),
        ((3, 40), (40, 64)),
        ((129, 8), (8, 33)),
        ((2, 1, 5, 12), (3, 12, 20)),
        ((4, 5, 6), (6, 3)),
        ((1, 300), (300, 1)),
        ((5, 0), (0, 6)),
    ],
)
def test_products(a, b):
    rng = np.random.default_rng(0)
    check("matmul", [rng.standard_normal(shape).astype(F32) for shape in (a, b)], {})


def test_a_maximum_that_many_windows_chose():
    places = np.array([3, 3, 0, 3, 3, 1, 3], np.int64).reshape(1, 1, 7, 1)
    dy = (10.0 ** np.arange(7)).astype(F32).reshape(places.shape)
    check("max_pool2d_grad", [dy, places], {"x_shape": (1, 1, 5, 1)})


def test_gpu_arrays_run_the_cuda_kernel_where_there_is_one(monkeypatch):
    like = {"__module__": "cupy._core.core", "dtype": F32, "shape": (2, 3), "size": 6, "ndim": 2}
    foreign = type("ndarray", (), like)()
    monkeypatch.setattr(kernels.implementations("sum_rows")["cuda"], "available", lambda: True)
    assert kernels.choice("sum_rows", (foreign,), {}) == "cuda"
    assert kernels.choice("running_statistics", (foreign, foreign), {}) == "reference"
    kernels.registry.remembered.clear()


def test_a_window_too_wide_for_shared_memory_is_the_reference_s():
    x, dy = rng_for("wide").standard_normal((2, 1, 9000)).astype("float32")
    window = {"before": 9000, "after": 4000, "alpha": 1e-3, "beta": 0.75, "k": 2.0}
    check("local_response_norm_grad", [dy, x], window)
    check("local_response_norm", [np.tile(x, 3)], {**window, "before": 26000})
