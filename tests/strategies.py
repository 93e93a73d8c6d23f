"""What Hypothesis draws: shapes, pairs that broadcast, layouts in memory, window geometries.

Shapes are drawn, values are not: they come from a generator, away from kinks, so that an example
shrinks to the smallest shape that fails.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
"""Shapes of at most 27 values, empty and 0-d among them."""

broadcastable = hnp.mutually_broadcastable_shapes(
    num_shapes=2, min_dims=0, max_dims=3, min_side=0, max_side=3
).map(lambda drawn: drawn.input_shapes)
"""Two shapes that broadcast together."""

seeds = st.integers(0, 2**16)


@st.composite
def layouts(draw: st.DrawFn, array: np.ndarray) -> np.ndarray:
    """The same values in another memory layout: permuted axes, gaps, steps of either sign."""
    order = draw(st.permutations(range(array.ndim)))
    steps = [draw(st.sampled_from([1, -1, 2, -2, 3])) for _ in order]
    sizes = [
        abs(step) * array.shape[a] + draw(st.integers(0, 1))
        for a, step in zip(order, steps, strict=True)
    ]
    memory = np.full(sizes, np.nan if array.dtype.kind == "f" else 0, array.dtype)
    places = tuple(
        [_places(n, s, array.shape[a]) for a, s, n in zip(order, steps, sizes, strict=True)]
    )
    view = memory[places].transpose(np.argsort(order).astype(int)) if array.ndim else memory
    view[...] = array
    view.flags.writeable = draw(st.booleans())
    return view


def _places(size: int, step: int, count: int) -> slice:
    """A slice of `size` places that yields `count` of them at distance `step`."""
    if step > 0:
        return slice(0, step * count, step)
    stop = size - 1 + step * count
    return slice(size - 1, stop if stop >= 0 else None, step)


@st.composite
def axes_of(draw: st.DrawFn, ndim: int) -> Any:
    """None, an axis or several, counted from either end."""
    if not ndim or draw(st.booleans()):
        return None
    chosen = draw(st.lists(st.integers(0, ndim - 1), unique=True, min_size=1, max_size=ndim))
    signed = tuple([a - ndim if draw(st.booleans()) else a for a in chosen])
    return signed[0] if len(signed) == 1 and draw(st.booleans()) else signed


def _pair(draw: st.DrawFn, low: int, high: int) -> Any:
    number = st.integers(low, high)
    return draw(st.one_of(number, st.tuples(number, number)))


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]:
    """(x's shape, w's shape, options) of a convolution whose windows fit."""
    groups = draw(st.integers(1, 3))
    size = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    options = {
        "stride": _pair(draw, 1, 3),
        "dilation": _pair(draw, 1, 2),
        "groups": groups,
        "padding": draw(
            st.one_of(
                st.sampled_from(["same", "valid"]),
                st.integers(0, 2),
                st.tuples(st.integers(0, 2), st.integers(0, 2)),
                st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * 2),
            )
        ),
    }
    image = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    C, O = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    assume(fits(image, size, options))
    return (draw(st.integers(0, 2)), *image, C * groups), (*size, C, O * groups), options


@st.composite
def pools(draw: st.DrawFn) -> tuple[tuple[int, ...], dict[str, Any]]:
    """(x's shape, options) of a pool whose windows fit, overlapping or not."""
    size = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    inside = [st.tuples(st.integers(0, k - 1), st.integers(0, k - 1)) for k in size]
    options: dict[str, Any] = {
        "stride": draw(
            st.one_of(st.none(), st.integers(1, 3), st.tuples(st.integers(1, 3), st.integers(1, 3)))
        ),
        "padding": draw(st.one_of(st.just(0), st.tuples(*inside))),
    }
    image = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    assume(fits(image, size, options))
    shape = (draw(st.integers(0, 2)), *image, draw(st.integers(1, 2)))
    return shape, {"kernel_size": size, **options}


def fits(image: tuple[int, int], size: tuple[int, int], options: dict[str, Any]) -> bool:
    """Whether a window reaches no further than the padded image."""
    from cases.conv import sides, two

    dilation = options.get("dilation", 1)
    around = sides(options["padding"], image, size, options["stride"] or size, dilation)
    reach = [(k - 1) * d + 1 for k, d in zip(size, two(dilation), strict=True)]
    return all(n + a + b >= r for n, (a, b), r in zip(image, around, reach, strict=True))
