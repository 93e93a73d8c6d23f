"""The registry: names, the precedence of choices, strictness, reports, threads, users' kernels."""

from __future__ import annotations

import importlib
import sys
import threading
import types
from pathlib import Path

import numpy as np
import pytest
from tinygrad_course.kernels import KernelError, registry

import tinygrad_course as tg
from tinygrad_course import kernels

ONE = (np.ones((1, 1), np.float32), np.ones((1, 1), np.float32))


@pytest.fixture
def mine():
    """An implementation of matmul by a user, for float32 on NumPy alone."""

    @kernels.implementation("matmul", name="mine", family="numpy", dtypes=("float32",))
    def matmul(a, b, *, out=None):
        return np.einsum("...mk,...kn->...mn", a, b, out=out)

    yield matmul
    kernels.remove("matmul", "mine")


def with_rule(monkeypatch, rule):
    """Give matmul a rule that looks at the number of rows of a."""
    op = kernels.Op(
        name="matmul",
        reference=kernels.op("matmul").reference,
        cost=kernels.op("matmul").cost,
        samples=kernels.op("matmul").samples,
        benchmark_shapes=kernels.op("matmul").benchmark_shapes,
        rule=rule,
        shape_class=lambda arrays, params: len(arrays[0]),
    )
    monkeypatch.setitem(registry._ops, "matmul", op)
    monkeypatch.setitem(registry.shape_classes, "matmul", op.shape_class)
    registry.remembered.clear()


def test_the_bare_name_is_refused(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(kernels.__file__).parents[1]))
    with pytest.raises(ImportError, match="from tinygrad_course import kernels"):
        importlib.import_module("kernels")


def test_unknown_names_come_with_the_nearest():
    with pytest.raises(KernelError, match="'conv3d' does not exist; did you mean 'conv2d'"):
        kernels.op("conv3d")
    with pytest.raises(KernelError, match=r"matmul: implementation 'referense'.*'reference'"):
        kernels.find("matmul", ONE, {}, impl="referense")
    with (
        pytest.raises(KernelError, match="implementation 'fast' does not exist"),
        kernels.using("matmul", "fast"),
    ):
        pass
    with pytest.raises(KernelError, match="name one of its implementations too: reference"):
        kernels.using("matmul").__enter__()
    with pytest.raises(KernelError, match="'nothing' does not exist"):
        kernels.find("nothing", ONE, {})
    with pytest.raises(KernelError, match="'nothing' does not exist"):
        kernels.implementation("nothing", name="x")(lambda x: x)


def test_precedence(mine, monkeypatch):
    reference = kernels.op("matmul").reference
    assert kernels.find("matmul", ONE, {}) is reference
    with kernels.using("matmul", "mine"):
        assert kernels.find("matmul", ONE, {}) is mine
        assert kernels.choice("matmul", ONE, {}) == "mine"
        assert kernels.find("matmul", ONE, {}, impl="reference") is reference
    assert kernels.find("matmul", ONE, {}, impl="mine") is mine
    with_rule(monkeypatch, lambda arrays, params: "mine" if len(arrays[0]) > 1 else "reference")
    assert kernels.find("matmul", ONE, {}) is reference
    two = (np.ones((2, 1), np.float32), ONE[1])
    assert kernels.find("matmul", two, {}) is mine
    with kernels.using("matmul", "reference"):
        assert kernels.find("matmul", two, {}) is reference


def test_a_rule_is_asked_once_for_each_shape_class(mine, monkeypatch):
    asked = []
    with_rule(monkeypatch, lambda arrays, params: asked.append(len(arrays[0])))
    for rows in (1, 2, 1, 2, 2):
        kernels.find("matmul", (np.ones((rows, 1), np.float32), ONE[1]), {})
    assert asked == [1, 2]


def test_what_an_implementation_cannot_take(mine, monkeypatch):
    double = (np.ones((1, 1)), np.ones((1, 1)))
    with pytest.raises(KernelError, match="'mine' cannot run: it takes float32, not float64"):
        kernels.find("matmul", double, {}, impl="mine")
    with_rule(monkeypatch, lambda arrays, params: "mine")
    kernels.reset_report()
    assert kernels.choice("matmul", double, {}) == "reference"
    assert kernels.choice("matmul", ONE, {}) == "mine"


def test_families_and_availability():
    array = np.ones(1)
    make = kernels.Implementation
    assert make("matmul", "x", "m:f", family="numpy").refusal(array) is None
    reason = make("matmul", "x", "m:f", family="cupy").refusal(array)
    assert reason == "it takes cupy arrays, not numpy arrays"
    absent = make("matmul", "x", "m:f", available=lambda: False)
    assert absent.refusal(array) == "it is not available on this machine"
    assert make("adam_step", "x", "m:f", dtypes=("float32",)).refusal(None) is None


def test_the_module_of_an_array_is_found_without_importing_it(monkeypatch):
    """A stand-in for CuPy: only a package that already made an array is ever looked for."""
    package = types.ModuleType("fakepy")
    foreign = type("ndarray", (), {"__module__": "fakepy._core"})
    monkeypatch.setitem(sys.modules, "fakepy", package)
    assert kernels.array_module(foreign()) is package
    assert registry.family_of(foreign) == "fakepy"
    assert kernels.array_module(np.zeros(1)) is np


def test_a_function_named_by_a_string_is_imported_when_it_runs():
    registry.add(
        kernels.Implementation("matmul", "lazy", ".matmul.reference:matmul", family="numpy")
    )
    try:
        held = kernels.implementations("matmul")["lazy"]
        assert kernels.choice("matmul", ONE, {}, impl="lazy") == "lazy"
        assert isinstance(held.function, str)
        assert kernels.find("matmul", ONE, {}, impl="lazy") is kernels.op("matmul").reference
        assert not isinstance(held.function, str)
    finally:
        kernels.remove("matmul", "lazy")


@pytest.fixture
def double():
    """An implementation that does not take float32."""
    registry.add(kernels.Implementation("matmul", "double", "numpy:matmul", "numpy", ("float64",)))
    yield
    kernels.remove("matmul", "double")


def test_strict(double, monkeypatch):
    with_rule(monkeypatch, lambda arrays, params: "double")
    with kernels.using(strict=True):
        with pytest.raises(KernelError, match=r"matmul: only the reference.*float32.*strict"):
            kernels.find("matmul", ONE, {})
        with kernels.using("matmul", "reference"):
            kernels.find("matmul", ONE, {})
        kernels.find("matmul", ONE, {}, impl="reference")
        with kernels.using(strict=False):
            kernels.find("matmul", ONE, {})
        kernels.find("sgd_step", ([], [], None), {})
    kernels.find("matmul", ONE, {})


def test_report_counts_what_ran_and_what_fell_back(mine, double, monkeypatch):
    with_rule(monkeypatch, lambda arrays, params: "double")
    kernels.reset_report()
    assert kernels.report() == ({}, {})
    for _ in range(3):
        kernels.find("matmul", ONE, {})
    kernels.find("matmul", ONE, {}, impl="reference")
    with kernels.using("matmul", "mine"):
        kernels.find("matmul", ONE, {})
    kernels.find("lamb_step", ([ONE[0]], [ONE[0]], [ONE[0]], [ONE[0]]), {})
    assert kernels.report() == kernels.Report(
        ran={"lamb_step": {"reference": 1}, "matmul": {"mine": 1, "reference": 4}},
        fallbacks={"lamb_step": 1, "matmul": 3},
    )
    with_rule(monkeypatch, lambda arrays, params: "reference")
    kernels.find("matmul", ONE, {})
    assert kernels.report().fallbacks["matmul"] == 3
    kernels.reset_report()
    assert kernels.report().ran == {}


@pytest.mark.parametrize("name", [name for name in kernels.names() if kernels.op(name).rule])
def test_a_rule_that_prefers_the_reference_names_it(name):
    """So that a size too small for a compiled kernel is no fall-back."""
    op = kernels.op(name)
    for arrays, params in op.samples(np.random.default_rng(0), np.dtype("float32")):
        assert op.rule(arrays, params) in kernels.implementations(name)


def test_using_is_restored_and_belongs_to_its_thread(mine):
    seen = []

    def other_thread():
        seen.append(kernels.choice("matmul", ONE, {}))
        kernels.find("matmul", ONE, {})

    with kernels.using("matmul", "mine"), kernels.using(strict=True):
        thread = threading.Thread(target=other_thread)
        thread.start()
        thread.join()
        assert kernels.choice("matmul", ONE, {}) == "mine"
    assert seen == ["reference"]
    with pytest.raises(RuntimeError, match="inside"), kernels.using("matmul", "mine"):
        raise RuntimeError("inside")
    assert kernels.choice("matmul", ONE, {}) == "reference"


def test_a_small_product_needs_no_kernel_whatever_another_thread_uses():
    x, w = np.ones((2, 3), np.float32), np.ones((3, 1), np.float32)
    seen = []

    def other_thread():
        tg.dense(x, w)
        seen.append(kernels.report().ran.get("dense"))

    kernels.reset_report()
    with kernels.using("dense", "reference"):
        thread = threading.Thread(target=other_thread)
        thread.start()
        thread.join()
        with kernels.using("matmul", "reference"):
            tg.dense(x, w)
        tg.dense(x, w)
    tg.dense(x, w)
    assert seen == [None]
    assert kernels.report().ran["dense"] == {"reference": 2}


def test_registering_again_replaces_and_the_reference_stays(mine):
    with kernels.using("matmul", "mine"):
        assert kernels.find("matmul", ONE, {}) is mine

        @kernels.implementation("matmul", name="mine")
        def matmul(a, b, *, out=None):
            return np.matmul(a, b, out=out)

        assert kernels.find("matmul", ONE, {}) is matmul
    with pytest.raises(KernelError, match="'reference' is the definition"):
        kernels.implementation("matmul", name="reference")(matmul)
    with pytest.raises(KernelError, match="cannot be removed"):
        kernels.remove("matmul", "reference")


def test_a_remembered_choice_follows_what_is_registered(mine, monkeypatch):
    with_rule(monkeypatch, lambda arrays, params: "mine")
    assert kernels.find("matmul", ONE, {}) is mine

    @kernels.implementation("matmul", name="mine")
    def matmul(a, b, *, out=None):
        return np.matmul(a, b, out=out)

    assert kernels.find("matmul", ONE, {}) is matmul
    kernels.reset_report()
    kernels.find("matmul", ONE, {})
    kernels.find("matmul", ONE, {}, impl="mine")
    assert kernels.report().ran == {"matmul": {"mine": 2}}


def test_another_signature_is_refused():
    with pytest.raises(KernelError, match=r"takes \(a, b\), but every.*\(a, b, \*, out\)"):
        kernels.implementation("matmul", name="short")(lambda a, b: a @ b)
    assert "short" not in kernels.implementations("matmul")


def user_kernel(function, **options):
    """What comes of using `function` as a matmul."""
    kernels.implementation("matmul", name="wrong", **options)(function)
    try:
        with kernels.using("matmul", "wrong"):
            return kernels.find("matmul", ONE, {})
    finally:
        kernels.remove("matmul", "wrong")


def twice(a, b, *, out=None):
    return np.multiply(np.matmul(a, b), 2, out=out)


def transposed(a, b, *, out=None):
    return np.swapaxes(np.matmul(a, b), -1, -2)


def wider(a, b, *, out=None):
    return np.matmul(a, b, dtype=np.float64)


def alone(a, b, *, out=None):
    return np.matmul(a, b)


def forgetful(a, b, *, out=None):
    y = np.matmul(a, b, out=out)
    y[..., -1:] = np.nan
    return y


def careless(a, b, *, out=None):
    y = np.matmul(a, b, out=out)
    a *= 2
    return y


def silent(a, b, *, out=None):
    np.matmul(a, b, out=out)


def broken(a, b, *, out=None):
    return a.shape[7]


def too_far(a, b, *, out=None):
    y = np.matmul(a, b, out=out)
    if out is not None and y.size:
        np.lib.stride_tricks.as_strided(y, (y.size + 1,), (y.itemsize,))[-1] = 1
    return y


def too_early(a, b, *, out=None):
    y = np.matmul(a, b, out=out)
    if out is not None and y.size:
        before = np.lib.stride_tricks.as_strided(y, (2,), (-y.itemsize,))
        before[1] = 1
    return y


FAULTS = [
    (twice, "returns another number than the reference: y.* is .*, and should be"),
    (transposed, "returns the shape"),
    (wider, "returns float64; the reference returns float32"),
    (alone, "was given out= and returns another array; write the result into out"),
    (forgetful, "returns nan where the reference returns"),
    (careless, "writes into its input a, which is only to be read"),
    (silent, "returns nothing; expected an array"),
    (broken, "raises IndexError: tuple index out of range"),
    (too_far, "writes past the end of out"),
    (too_early, "writes before the beginning of out"),
]


@pytest.mark.parametrize(("function", "message"), FAULTS, ids=lambda v: getattr(v, "__name__", ""))
def test_a_wrong_kernel_of_a_user_never_computes_anything(function, message):
    with pytest.raises(KernelError, match=f"implementation 'wrong' is wrong.*it {message}"):
        user_kernel(function)


def test_a_users_kernel_is_verified_once_in_each_dtype(monkeypatch):
    calls = []

    def counted(a, b, *, out=None):
        calls.append(a.dtype.name)
        return np.matmul(a, b, out=out)

    kernels.implementation("matmul", name="counted")(counted)
    try:
        with kernels.using("matmul", "counted"):
            kernels.find("matmul", ONE, {})
            first = len(calls)
            assert set(calls) == {"float32"}
            kernels.find("matmul", ONE, {})
            assert len(calls) == first
            kernels.find("matmul", tuple(a.astype(np.float64) for a in ONE), {})
            assert set(calls[first:]) == {"float64"}
    finally:
        kernels.remove("matmul", "counted")


def test_a_wrong_kernel_trains_nothing():
    layer = tg.nn.Dense(2, 2)

    @kernels.implementation("dense", name="wrong")
    def dense(x, w, b, *, activation=None, out=None):
        return np.matmul(x, w, out=out)  # neither bias nor activation

    try:
        with kernels.using("dense", "wrong"), pytest.raises(KernelError, match="is wrong"):
            layer(tg.tensor(np.ones((1, 2), np.float32)))
    finally:
        kernels.remove("dense", "wrong")


@pytest.mark.skipif(not kernels.compiled.available(), reason="Numba is missing")
def test_a_compiled_kernel_of_a_user():
    numba = pytest.importorskip("numba")

    @kernels.implementation("sum_rows", name="loops")
    @numba.njit
    def sum_rows(x, out=None):
        flat = np.ascontiguousarray(x).reshape(-1, x.shape[-1])
        y = np.empty(x.shape[-1], x.dtype) if out is None else out
        for c in range(flat.shape[1]):
            y[c] = flat[:, c].sum()
        return y

    try:
        with kernels.using("sum_rows", "loops"):
            x = np.ones((3, 2), np.float32)
            got = kernels.find("sum_rows", (x,), {})(x)
        np.testing.assert_array_equal(got, [3, 3])
    finally:
        kernels.remove("sum_rows", "loops")
    with pytest.raises(KernelError, match="takes"):
        kernels.implementation("sum_rows", name="other")(numba.njit(lambda x, y: x))
