"""Is this kernel right? What is asked of an implementation that nobody has tested.

A user's kernel is run on the op's samples, between fences, before it is timed or trained with; what
is wrong with it is said in one sentence. Read next: `guarded.py`, `registry.py` (the samples).
"""

from __future__ import annotations

import copy
import weakref
from typing import Any, NamedTuple

import numpy as np

from . import registry
from .arrays import Array
from .guarded import Guarded, guard
from .registry import Arrays, Implementation, Kernel, KernelError, Op, Params

ROUNDINGS = 512
"""How many roundings of the largest number an entry may be off. Reordered sums and transformed
convolutions stay below 300 (3e-5 in float32); a formula with a mistake does not."""
TIMES_REFERENCE = 32
"""Nor is an error a fault that is this many times the reference's own, in the same dtype: a long
sum, or a difference of large numbers, has few digits whoever computes it."""


class Verdict(NamedTuple):
    """What `verify` found.

    Attributes:
        fault: what is wrong, in a sentence; None for a kernel that is right.
        error: the largest error against the reference in float64, relative to the largest number.
        limits: inputs that it refuses with an exception although they are none of the usual ones.
    """

    fault: str | None
    error: float
    limits: tuple[str, ...]


class _Fault(Exception):  # noqa: N818 - never leaves this file
    """What is wrong with a kernel."""


def verify(op_name: str, function: Kernel, dtype: Any = "float32") -> Verdict:
    """Run a kernel on its op's samples and hold it against the reference.

    Each sample is run as it is, into `out=` where the op has one, and with strided inputs. Inputs
    and `out` stand between fences. A kernel may refuse, with an exception, arrays without elements,
    of a number of axes that the op's benchmarks do not have, or with strides.

    Args:
        op_name: the op.
        function: what claims to compute it; of the op's parameters it may lack `out` alone.
        dtype: of the samples.

    Raises:
        KernelError: no such op.

    Example:
        >>> verify("matmul", lambda a, b, *, out=None: np.matmul(a, b, out=out)).fault is None
        True
        >>> verify("matmul", lambda a, b, *, out=None: 2 * np.matmul(a, b)).fault[:44]
        'it returns another number than the reference'
    """
    op = registry.op(op_name)
    rng = np.random.default_rng(0)
    usual = {len(b.shapes[0]) for b in op.benchmark_shapes if b.shapes}
    worst, passed, limits = 0.0, 0, []
    for arrays, params in op.samples(rng, np.dtype(dtype)):
        first = arrays[0] if isinstance(arrays[0], np.ndarray) else None
        odd = first is not None and (first.size == 0 or first.ndim not in usual)
        for way in _ways(op, function):
            try:
                error = _run(op, function, arrays, params, way)
            except _Fault as fault:
                return Verdict(f"{fault} ({_said(op, arrays, params)})", worst, ())
            except Exception as raised:  # noqa: BLE001 - a kernel may raise anything
                said = f"it raises {type(raised).__name__}: {_first_line(raised)}"
                if not odd and way != "strided":
                    return Verdict(f"{said} ({_said(op, arrays, params)})", worst, ())
                strided = " with strides" if way == "strided" else ""
                limits.append(f"{said} ({_said(op, arrays, params)}{strided})")
                break
            worst, passed = max(worst, error), passed + 1
    if not passed:
        return Verdict(limits[0] if limits else "it has run on no sample", worst, ())
    return Verdict(None, worst, tuple(limits))


_proved: weakref.WeakKeyDictionary[Implementation, set[str]] = weakref.WeakKeyDictionary()
"""The dtypes in which a user's implementation was found right."""


def before_use(implementation: Implementation, array: Any) -> None:
    """Verify a user's implementation, once in each dtype of the NumPy arrays it is used on.

    Raises:
        KernelError: what is wrong with it.
    """
    if not isinstance(array, np.ndarray):
        return
    proved = _proved.setdefault(implementation, set())
    if array.dtype.name in proved:
        return
    fault = verify(implementation.op, implementation.load(), array.dtype).fault
    if fault is not None:
        raise KernelError(
            f"{implementation.op}: implementation {implementation.name!r} is wrong, and nothing is "
            f"computed with it: {fault}"
        )
    proved.add(array.dtype.name)


def _ways(op: Op, function: Kernel) -> tuple[str, ...]:
    takes_out = "out" in registry.signature(function)
    return ("plain", "out", "strided") if takes_out and not op.in_place else ("plain", "strided")


def _run(op: Op, function: Kernel, arrays: Arrays, params: Params, way: str) -> float:
    """One call, in one way: its largest error.

    Raises:
        _Fault: what is wrong.
    """
    expected, exact = expectation(op, arrays, params)
    names = [word for word in registry.signature(op.reference) if word != "*"]
    fences: list[list[Guarded]] = [[] for _ in arrays]
    given = [guard(value, fence) for value, fence in zip(arrays, fences, strict=True)]
    if way == "strided":
        given = [_strided(v) if i not in op.in_place else v for i, v in enumerate(given)]
    options = dict(params)
    outs: list[Guarded] = []
    if way == "out":
        blank = [np.full_like(array, _poison(array.dtype)) for array in expected]
        fenced = tuple(guard(array, outs) for array in blank)
        options["out"] = fenced if isinstance(op_result(op, arrays, params), tuple) else fenced[0]
    with np.errstate(all="ignore"):
        returned = function(*given, **options)
    for name, fence in [*zip(names, fences, strict=False), ("out", outs)]:
        for guarded in fence:
            if (where := guarded.breach()) is not None:
                raise _Fault(
                    f"it writes {where} of {name}; check the last block and every index against "
                    "the shape"
                )
    for position, fence in enumerate(fences):
        if position not in op.in_place and any(guarded.changed() for guarded in fence):
            raise _Fault(
                f"it writes into its input {names[position]}, which is only to be read; write into "
                "out, or work on a copy"
            )
    got = arrays_in(returned) if op.in_place else _results(returned)
    if outs:
        for guarded, array in zip(outs, got, strict=False):
            if not np.shares_memory(guarded.array, array) and array.size:
                raise _Fault(
                    "it was given out= and returns another array; write the result into out and "
                    "return out"
                )
        got = [guarded.array for guarded in outs]
    elif any(np.shares_memory(a, g.array) for a in got for fence in fences for g in fence) and (
        not op.in_place
    ):
        raise _Fault("its result shares memory with an input; return an array of its own")
    got += [array for k in op.in_place for array in arrays_in(given[k])]
    return compare(got, expected, exact)


def op_result(op: Op, arrays: Arrays, params: Params) -> Any:
    """What the reference returns for a copy of these arrays."""
    with np.errstate(all="ignore"):
        return op.reference(*copy.deepcopy(list(arrays)), **params)


def expectation(op: Op, arrays: Arrays, params: Params) -> tuple[list[Array], list[Array]]:
    """All arrays that the reference returns or writes: in the samples' dtype, and in float64."""
    results = []
    for convert in (copy.deepcopy, in_float64):
        given = convert(list(arrays))
        with np.errstate(all="ignore"):
            returned = op.reference(*given, **params)
        results.append(
            arrays_in(returned) + [array for k in op.in_place for array in arrays_in(given[k])]
        )
    return results[0], results[1]


def compare(got: list[Array], expected: list[Array], exact: list[Array]) -> float:
    """The largest relative error of some arrays.

    Args:
        got: what the kernel computed.
        expected: the same of the reference, in the same dtype.
        exact: the same of the reference, in float64.

    Raises:
        _Fault: a wrong count, shape, dtype or number.
    """
    if len(got) != len(expected):
        raise _Fault(f"it returns {len(got)} arrays; the reference returns {len(expected)}")
    return max((_compare(*three) for three in zip(got, expected, exact, strict=True)), default=0.0)


def judged(
    got: list[Array], expected: list[Array], exact: list[Array]
) -> tuple[str | None, float | None]:
    """(what is wrong with these results, their largest relative error); see `expectation`.

    Example:
        >>> judged([np.ones(2)], [np.ones(2)], [np.ones(2)])
        (None, 0.0)
    """
    try:
        return None, compare(got, expected, exact)
    except _Fault as fault:
        return str(fault), None


def _compare(got: Array, expected: Array, exact: Array) -> float:
    if got.shape != expected.shape:
        raise _Fault(f"it returns the shape {got.shape}; the reference returns {expected.shape}")
    if got.dtype != expected.dtype:
        raise _Fault(
            f"it returns {got.dtype}; the reference returns {expected.dtype} (a float64 constant "
            "or accumulator makes its result float64)"
        )
    if got.dtype.kind != "f":
        _first_difference(got, expected, got != expected)
        return 0.0
    finite = np.isfinite(expected)
    if not np.array_equal(finite, np.isfinite(exact)):
        exact = expected.astype(np.float64)
    same_kind = np.isfinite(got) == finite
    same_kind &= finite | (np.isnan(got) == np.isnan(expected))
    _first_difference(got, expected, ~same_kind)
    if not finite.any():
        return 0.0
    exact = np.where(finite, exact, 0.0)
    error = np.abs(np.where(finite, got, 0.0).astype(np.float64) - exact)
    own = np.abs(np.where(finite, expected, 0.0).astype(np.float64) - exact).max()
    rounding = float(np.finfo(expected.dtype).eps)
    largest = float(np.abs(exact).max())
    allowed = ROUNDINGS * rounding * largest + TIMES_REFERENCE * own + rounding
    _first_difference(got, expected, error > allowed)
    return float(error.max()) / largest if largest else float(error.max())


def _first_difference(got: Array, expected: Array, wrong: Array) -> None:
    """Raise with the worst entry, if any is wrong."""
    if not np.any(wrong):
        return
    where = tuple(int(i) for i in np.argwhere(wrong)[0])
    place = f"[{', '.join(map(str, where))}]" if where else ""
    share = f"{np.count_nonzero(wrong)} of {np.size(wrong)} are wrong"
    value, right = got[where], expected[where]
    if np.isnan(value) and not np.isnan(right):
        raise _Fault(
            f"it returns nan where the reference returns {right:.6g}: y{place}; {share} "
            "(an overflow, 0/0, or an entry that was never written?)"
        )
    raise _Fault(
        f"it returns another number than the reference: y{place} is {value:.6g}, and should be "
        f"{right:.6g}; {share}"
    )


def _results(returned: Any) -> list[Array]:
    """The arrays that a kernel returned."""
    if isinstance(returned, np.generic):
        returned = np.asarray(returned)
    if returned is None or not isinstance(returned, (np.ndarray, tuple, list)):
        kind = "nothing" if returned is None else f"a {type(returned).__name__}"
        raise _Fault(f"it returns {kind}; expected an array (`return out`)")
    return arrays_in(returned)


def arrays_in(value: Any) -> list[Array]:
    """The arrays in a result or an argument, in order.

    Example:
        >>> len(arrays_in((np.zeros(1), [np.zeros(2), None])))
        2
    """
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, (list, tuple)):
        return [array for item in value for array in arrays_in(item)]
    return []


def in_float64(value: Any) -> Any:
    """Lists and arrays in float64, in copies; integer arrays and None as they are."""
    if isinstance(value, (list, tuple)):
        return type(value)(in_float64(item) for item in value)
    if isinstance(value, np.ndarray):
        return value.astype(np.float64 if value.dtype.kind == "f" else value.dtype)
    return value


def _strided(value: Any) -> Any:
    """The same numbers with others between them, as a slice of a larger array has."""
    if isinstance(value, (list, tuple)):
        return type(value)(_strided(item) for item in value)
    if not isinstance(value, np.ndarray) or value.ndim == 0:
        return value
    wide = np.full((*value.shape[:-1], 2 * value.shape[-1]), 77, value.dtype)
    wide[..., ::2] = value
    return wide[..., ::2]


def _poison(dtype: Any) -> Any:
    """What stands in `out` before a kernel writes there: an entry left out is seen."""
    return np.nan if dtype.kind == "f" else np.iinfo(dtype).max


def _said(op: Op, arrays: Arrays, params: Params) -> str:
    """A sample in words."""
    names = [word for word in registry.signature(op.reference) if word != "*"]
    shapes = [
        f"{name} {tuple(array.shape)}"
        for name, value in zip(names, arrays, strict=False)
        for array in arrays_in(value)[:1]
    ]
    options = [f"{name}={value}" for name, value in params.items()]
    return "for " + ", ".join([*shapes, *options])


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else "without a message"
