"""Random numbers: one generator, two integers of state.

A `Generator` is a seed and an offset that rises by one with every draw. What is drawn depends on
those two numbers alone, so a checkpoint stores two integers and a resumed run goes on bit by bit.
Everything random in the package takes a `generator` argument; without one it uses the default
generator, which `manual_seed` sets.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from .errors import ArgumentError, ArgumentTypeError, GraphError

Draw = tuple[int, int]
"""(seed, offset): what is drawn is a function of these two."""


class _Tape(threading.local):
    """What `recording` and `replaying` of this thread are at."""

    recorded: list[Draw] | None = None
    replayed: list[Draw] | None = None


_tape = _Tape()


@contextmanager
def recording() -> Iterator[list[Draw]]:
    """Note the draws made inside, to draw them again with `replaying`."""
    before, _tape.recorded = _tape.recorded, []
    try:
        yield _tape.recorded
    finally:
        if before is not None:
            before.extend(_tape.recorded)
        _tape.recorded = before


@contextmanager
def replaying(draws: list[Draw]) -> Iterator[None]:
    """Inside, every draw is the next of `draws` instead of a new one."""
    before, _tape.replayed = _tape.replayed, list(draws)
    try:
        yield
    finally:
        _tape.replayed = before


class Generator:
    """A stream of random numbers, addressed by (seed, offset).

    Args:
        seed: an integer from 0 to 2**64 - 1.
        offset: how many draws were made before; 0 for a new stream.

    Example:
        >>> generator = Generator(7)
        >>> first, second = generator.draw(), generator.draw()
        >>> (first, second, generator.state())
        ((7, 0), (7, 1), (7, 2))

    References:
        Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011: random
        numbers as a function of a counter, not of hidden state.
    """

    def __init__(self, seed: int = 0, offset: int = 0) -> None:
        self.seed = _word(seed, "seed")
        self.offset = _word(offset, "offset")

    def draw(self) -> Draw:
        """(seed, offset) for one call (of dropout, say); the offset rises by one.

        Raises:
            GraphError: `recompute` runs its function again, and this time it draws more.
        """
        if _tape.replayed is None:
            drawn = self.seed, self.offset
            self.offset += 1
        elif _tape.replayed:
            drawn = _tape.replayed.pop(0)
        else:
            raise GraphError(
                "recompute: the function draws more random numbers when it is run again; it must "
                "do the same each time"
            )
        if _tape.recorded is not None:
            _tape.recorded.append(drawn)
        return drawn

    def numpy(self) -> np.random.Generator:
        """A NumPy generator for one purpose (one initializer, one permutation); costs one draw.

        Its key is (seed, offset), so the numbers of one layer do not depend on how many an
        earlier layer took.
        """
        return np.random.Generator(np.random.Philox(key=list(self.draw())))

    def state(self) -> tuple[int, int]:
        """(seed, offset): everything there is to save."""
        return self.seed, self.offset

    def set_state(self, state: tuple[int, int]) -> None:
        """Continue from a saved `state()`."""
        self.seed, self.offset = _word(state[0], "seed"), _word(state[1], "offset")

    def __repr__(self) -> str:
        return f"Generator(seed={self.seed}, offset={self.offset})"


def _word(value: int, name: str) -> int:
    """`value` as a whole number that fits 64 bits without a sign."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise ArgumentTypeError(
            f"Generator: {name} must be an integer, but it is {value!r} ({type(value).__name__})"
        )
    if not 0 <= value < 2**64:
        raise ArgumentError(f"Generator: {name} must lie in 0 .. 2**64 - 1, but it is {value}")
    return int(value)


default_generator = Generator(0)
"""The generator used where no `generator` argument is given."""


def manual_seed(seed: int) -> Generator:
    """Restart the default generator at `seed`, and return it.

    Example:
        >>> manual_seed(3)
        Generator(seed=3, offset=0)
    """
    default_generator.set_state((seed, 0))
    return default_generator
