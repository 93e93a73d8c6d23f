"""The process in which implementations of an op are verified and timed on the same arrays.

Its role says what it has: "numpy" the references alone, "ours" every other implementation, "user"
one function of the user's. Read next: `kernels.py`, the parent.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from .. import kernels
from ..kernels import verify
from . import ceiling
from .timing import seconds_of
from .worker import serve

NUMPY, OURS, USER = "numpy", "ours", "user"
ROTATED = 1 << 25
"""Bytes that the input sets of a kernel may take together: as many sets as fit, at most four.

On a single small set, the processor's branch predictor learns a max pool by heart."""
LARGEST_EXACT = 1 << 25
"""Elements of the arguments up to which a result is compared with the reference in float64."""


def main(arguments: list[str]) -> None:
    """Serve: `main([role, threads])`, and for "user" also the file, the function and the op."""
    role, threads, *subject = arguments
    if role != NUMPY:
        kernels.threads.set_num_threads(int(threads))
    bench = _Bench()
    serve(
        {
            "find": lambda: bench.find(*subject),
            "ceiling": lambda: ceiling.measure(int(threads)),
            "verify": bench.verify,
            "load": bench.load,
            "first": bench.first,
            "run": bench.run,
        }
    )


class _Bench:
    """The arrays of one size, and the implementations that run on them."""

    def __init__(self) -> None:
        self.user: Any = None
        self.op = ""
        self.sets: list[tuple[Any, ...]] = []
        self.params: dict[str, Any] = {}
        self.exact: Any = None
        self.calls: dict[str, Any] = {}

    def find(self, path: str, name: str, op: str) -> None:
        """Import the user's kernel."""
        from .subject import load

        self.user = load(Path(path), name, op)

    def verify(
        self, op: str, implementation: str, shapes: Any, params: dict[str, Any]
    ) -> dict[str, Any]:
        """What is wrong with an implementation on the op's samples; seconds of its first call.

        The first call, which compiles, is one of the size that will be timed.
        """
        spec, function = kernels.op(op), self._function(op, implementation)
        rng = np.random.default_rng(0)
        arrays = spec.make(rng, np.float32, _tuples(shapes), _tuples(params))

        def first() -> None:
            with suppress(Exception):  # what it raises, it will raise again below
                function(*arrays, **_tuples(params))

        seconds = seconds_of(first)
        return {"seconds": seconds, **verify.verify(op, function)._asdict()}

    def load(self, op: str, shapes: Any, params: dict[str, Any]) -> dict[str, Any]:
        """Make the arrays of a size; what one call costs at least, and what the rule chooses."""
        spec = kernels.op(op)
        self.op, self.params = op, _tuples(params)
        self.calls, self.exact, self.sets = {}, None, []
        shapes = _tuples(shapes)
        rng = np.random.default_rng(0)
        first = spec.make(rng, np.float32, shapes, self.params)
        size = sum(array.nbytes for array in verify.arrays_in(first))
        count = max(1, min(4, ROTATED // max(1, size)))
        more = [spec.make(rng, np.float32, shapes, self.params) for _ in range(count - 1)]
        self.sets = [first, *more]
        cost = spec.cost(*first, **self.params)
        touched = cost.bytes + (count - 1) * size
        return {
            "flops": float(cost.flops),
            "bytes": float(cost.bytes),
            "touched": float(touched),
            "chosen": kernels.choice(op, first, self.params),
        }

    def first(self, implementation: str) -> dict[str, Any]:
        """Seconds of the first call at this size, and how wrong its result is."""
        spec, function = kernels.op(self.op), self._function(self.op, implementation)
        arrays = self.sets[0]
        given = [_copied(a) if k in spec.in_place else a for k, a in enumerate(arrays)]
        box: list[Any] = []
        seconds = seconds_of(lambda: box.append(function(*given, **self.params)))
        returned = box[0]
        got = verify.arrays_in(np.asarray(returned) if np.isscalar(returned) else returned)
        got += [array for k in spec.in_place for array in verify.arrays_in(given[k])]
        options = dict(self.params)
        if not spec.in_place and "out" in kernels.signature(function):
            options["out"] = returned
        self.calls[implementation] = _rotating(function, self.sets, options)
        answer: dict[str, Any] = {"seconds": seconds, "error": None, "fault": None}
        if sum(array.size for array in verify.arrays_in(arrays)) <= LARGEST_EXACT:
            if self.exact is None:
                self.exact = verify.expectation(spec, arrays, self.params)
            fault, error = verify.judged(got, *self.exact)
            answer |= {"error": error, "fault": fault}
        return answer

    def run(self, implementation: str, count: int) -> float:
        """Seconds a call, over `count` calls with the inputs in rotation."""
        return seconds_of(self.calls[implementation], count)

    def _function(self, op: str, implementation: str) -> Any:
        if self.user is not None:
            return self.user
        return kernels.implementations(op)[implementation].load()


def _rotating(function: Any, sets: list[tuple[Any, ...]], options: dict[str, Any]) -> Any:
    """A call without arguments that takes the next set of inputs each time."""
    if len(sets) == 1:
        (only,) = sets
        return lambda: function(*only, **options)
    turn = [0]

    def call() -> Any:
        turn[0] = (turn[0] + 1) % len(sets)
        return function(*sets[turn[0]], **options)

    return call


def _copied(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)(_copied(item) for item in value)
    return value.copy() if isinstance(value, np.ndarray) else value


def _tuples(value: Any) -> Any:
    """What came as JSON lists, as the tuples that it was."""
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    if isinstance(value, dict):
        return {name: _tuples(item) for name, item in value.items()}
    return value
