"""The compiled convolutions: their stated bounds, non-finite numbers, threads, widths, the rule."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tinygrad_course.kernels import compiled, threads
from tinygrad_course.kernels.conv2d import geometry as make_geometry
from tinygrad_course.kernels.conv2d import output_shape, reference
from tinygrad_course.kernels.conv2d.plan import adjoint, forward_plan, input_grad_plan, windows

from tinygrad_course import kernels

PROGRAM = Path(__file__).parent / "conv2d_program.py"
EPS = np.finfo(np.float32).eps
TRIO = ("conv2d", "conv2d_input_grad", "conv2d_weight_grad")
needs_numba = pytest.mark.skipif(not compiled.available(), reason=str(compiled.why_not()))


@pytest.fixture(autouse=True)
def _all_threads_again():
    yield
    threads.set_num_threads(1000)


@st.composite
def direct_geometries(draw):
    """Shapes of x and w, no multiples of a tile, with any stride, padding, dilation and groups."""
    size = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    stride, dilation = draw(st.just((1, 1)) | pair), draw(st.just((1, 1)) | pair)
    pads = st.tuples(st.integers(0, 4), st.integers(0, 4))
    padding = (draw(pads), draw(pads))
    lengths = draw(st.tuples(st.integers(1, 20), st.integers(1, 20)))
    for k in (0, 1):
        assume((size[k] - 1) * dilation[k] < lengths[k] + sum(padding[k]))
    groups = draw(st.sampled_from((1, 1, 2, 3)))
    C, O = draw(st.integers(1, 9)), draw(st.integers(1, 40))
    N = draw(st.integers(1, 5))
    params = make_geometry(stride, padding, dilation, groups)
    return (N, *lengths, groups * C), (*size, C, groups * O), params


@st.composite
def depthwise_geometries(draw):
    (N, H, W, _), (KH, KW, _, _), params = draw(direct_geometries())
    C = draw(st.integers(2, 40))
    return (N, H, W, C), (KH, KW, 1, C), params | {"groups": C}


@st.composite
def winograd_geometries(draw, side=3):
    pads = st.tuples(st.integers(0, 4), st.integers(0, 4))
    padding = (draw(pads), draw(pads))
    lengths = draw(st.tuples(st.integers(1, 15), st.integers(1, 15)))
    for k in (0, 1):
        assume(lengths[k] + sum(padding[k]) >= side)
    C, O = 16 * draw(st.integers(1, 6)), 16 * draw(st.integers(1, 6))
    shape = (draw(st.integers(1, 3)), *lengths, C)
    return shape, (side, side, C, O), make_geometry(padding=padding)


def arrays_for(x_shape, w_shape, params, seed):
    """x, w, b and dy in float32."""
    rng = np.random.default_rng(seed)
    y_shape = output_shape(x_shape, w_shape, params)
    shapes = (x_shape, w_shape, w_shape[3:], y_shape)
    return [rng.standard_normal(shape).astype(np.float32) for shape in shapes]


def calls(x, w, b, dy, params):
    """The positional and keyword arguments of each of the trio."""
    return {
        "conv2d": ((x, w, b), params),
        "conv2d_input_grad": ((dy, w), {**params, "x_shape": x.shape}),
        "conv2d_weight_grad": ((x, dy), {**params, "w_shape": w.shape}),
    }


def run(name, op, arguments, **more):
    positional, named = arguments
    return kernels.implementations(op)[name].load()(*positional, **named, **more)


def exact(op, arguments, function=lambda array: array):
    positional, named = arguments
    in_double = [function(array.astype(np.float64)) for array in positional]
    return getattr(reference, op)(*in_double, **named)


@needs_numba
@pytest.mark.parametrize("cases", [direct_geometries(), depthwise_geometries()])
@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(0, 2**32 - 1))
def test_the_bound_of_the_docstring_entry_by_entry(cases, data, seed):
    case = data.draw(cases)
    x_shape, w_shape, params = case
    x, w, b, dy = arrays_for(x_shape, w_shape, params, seed)
    KH, KW, C, O = w_shape
    y_shape = dy.shape
    terms = {
        "conv2d": KH * KW * C + 1,
        "conv2d_input_grad": KH * KW * O // params["groups"],
        "conv2d_weight_grad": int(np.prod(y_shape[:3])),
    }
    for op, arguments in calls(x, w, b, dy, params).items():
        error = np.abs(run("numba_direct", op, arguments) - exact(op, arguments))
        bound = terms[op] * EPS * exact(op, arguments, np.abs)
        assert (error <= bound).all(), op


@needs_numba
@pytest.mark.parametrize(
    ("name", "side", "bound"),
    [("numba_winograd", 3, 3e-5), ("numba_winograd", 5, 3e-5), ("numba_winograd2", 3, 2e-6)],
)
@settings(max_examples=25, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_winograd_keeps_its_bound(name, side, bound, data, seed):
    case = data.draw(winograd_geometries(side))
    x, w, b, dy = arrays_for(*case, seed)
    for op, arguments in calls(x, w, b, dy, case[2]).items():
        expected = exact(op, arguments)
        error = np.abs(run(name, op, arguments) - expected).max()
        assert error <= bound * np.abs(expected).max(), op


@needs_numba
@pytest.mark.parametrize("name", ["numba_winograd", "numba_winograd2"])
@pytest.mark.parametrize(("channels", "filters", "side"), [(256, 256, 9), (256, 288, 40)])
def test_winograd_in_stages(name, channels, filters, side):
    """Many channels: all threads pass over many tiles at a time, and over all of them twice."""
    params = make_geometry(padding=((1, 1), (1, 1)))
    shapes = (2, side, side, channels), (3, 3, channels, filters)
    x, w, b, dy = arrays_for(*shapes, params, 5)
    for op, arguments in calls(x, w, b, dy, params).items():
        positional, named = arguments
        expected = getattr(reference, op)(*positional, **named)
        error = np.abs(run(name, op, arguments) - expected).max()
        assert error <= 3e-5 * np.abs(expected).max(), op


@needs_numba
@pytest.mark.parametrize("name", ["numba_direct", "numba_winograd", "numba_winograd2"])
@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("filters", [3, 16, 48])
def test_what_is_not_finite_comes_out_where_it_does_in_the_reference(name, bad, filters):
    channels = 16 if filters > 3 else 2
    params = make_geometry(padding=((1, 1), (1, 1)))
    x, w, b, dy = arrays_for((2, 8, 12, channels), (3, 3, channels, filters), params, 7)
    x[0, 3, 5, 1] = dy[1, 7, 11, 2] = bad
    for op, arguments in calls(x, w, b, dy, params).items():
        positional, named = arguments
        with np.errstate(all="ignore"):
            expected = getattr(reference, op)(*positional, **named)
            got = run(name, op, arguments)
        assert not np.isfinite(got[~np.isfinite(expected)]).any(), op


@needs_numba
@pytest.mark.parametrize("bad", [np.inf, np.nan])
@pytest.mark.parametrize("channels", [21, 32])
def test_depthwise_channels_do_not_touch(bad, channels):
    """Vectors and frames reach over the last channel; what stands there must not come back."""
    params = make_geometry(padding=((1, 1), (1, 1)), groups=channels)
    x, w, b, dy = arrays_for((2, 6, 7, channels), (3, 3, 1, channels), params, 4)
    clean = arrays_for((2, 6, 7, channels), (3, 3, 1, channels), params, 4)
    for array in (x, w, dy):
        array[..., 3] = bad
    for op, arguments in calls(x, w, b, dy, params).items():
        got = run("numba_direct", op, arguments)
        expected = run("numba_direct", op, calls(*clean, params)[op])
        assert not np.isfinite(got[..., 3]).all(), op
        for part in (slice(None, 3), slice(4, None)):
            np.testing.assert_array_equal(got[..., part], expected[..., part], err_msg=op)


@needs_numba
@pytest.mark.parametrize("name", ["numba_direct", "numba_winograd", "numba_winograd2"])
@pytest.mark.parametrize("bad", [np.inf, np.nan])
@pytest.mark.parametrize(("channels", "filters"), [(2, 3), (32, 16)])
def test_a_weight_that_is_not_finite_shows_in_its_channel_only(name, bad, channels, filters):
    """In dx it may show at more places of the border than in the reference: 0 inf is NaN."""
    params = make_geometry(padding=((1, 1), (1, 1)))
    shapes = (2, 9, 8, channels), (3, 3, channels, filters)
    x, w, b, dy = arrays_for(*shapes, params, 6)
    w[0, 2, 1, 0] = bad
    arguments = calls(x, w, b, dy, params)["conv2d_input_grad"]
    with np.errstate(all="ignore"):
        expected = exact("conv2d_input_grad", arguments)
        got = run(name, "conv2d_input_grad", arguments)
    assert not np.isfinite(got[..., 1][~np.isfinite(expected[..., 1])]).any()
    others = [c for c in range(channels) if c != 1]
    scale = np.abs(expected[..., others]).max()
    np.testing.assert_allclose(got[..., others], expected[..., others], rtol=0, atol=3e-5 * scale)
    inside = (slice(None), slice(1, -1), slice(1, -1), 1)
    assert (np.isfinite(got[inside]) == np.isfinite(expected[inside])).all()


@needs_numba
@pytest.mark.parametrize("name", ["numba_direct", "numba_winograd", "numba_winograd2"])
@pytest.mark.parametrize("activation", [None, "relu", "tanh", "sigmoid"])
def test_activations_keep_a_nan(name, activation):
    params = make_geometry()
    x, w, b, _ = arrays_for((1, 6, 6, 16), (3, 3, 16, 32), params, 3)
    b[5] = np.nan
    y = run(name, "conv2d", ((x, w, b), params), activation=activation)
    expected = reference.conv2d(x, w, b, **params, activation=activation)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(expected))
    np.testing.assert_allclose(y, expected, rtol=0, atol=3e-5 * np.nanmax(np.abs(expected)))


@needs_numba
@pytest.mark.parametrize("name", ["numba_direct", "numba_winograd", "numba_winograd2"])
@pytest.mark.parametrize(
    ("x_shape", "w_shape"),
    [
        ((20, 17, 16, 16), (3, 3, 16, 32)),
        ((6, 9, 9, 256), (3, 3, 256, 256)),
        ((9, 28, 28, 1), (5, 5, 1, 6)),
        ((5, 9, 14, 32), (5, 5, 32, 48)),
    ],
)
def test_one_thread_and_two_give_the_same_bits(name, x_shape, w_shape):
    if threads.get_num_threads() < 2:
        pytest.skip("one processor, or no pool")
    params = make_geometry(padding=((1, 1), (1, 1)))
    x, w, b, dy = arrays_for(x_shape, w_shape, params, 11)
    for op, arguments in calls(x, w, b, dy, params).items():
        results = []
        for count in (1, 2):
            threads.set_num_threads(count)
            results.append(run(name, op, arguments).tobytes())
        assert results[0] == results[1], op


@needs_numba
@pytest.mark.parametrize("width", ["4", "8"])
def test_other_widths(width):
    done = subprocess.run(
        [sys.executable, str(PROGRAM)],
        env={**os.environ, "TGC_SIMD_WIDTH": width},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == width


def test_the_rule():
    def chosen(x_shape, w_shape, **more):
        params = make_geometry(padding=((1, 1), (1, 1))) | more
        x, w, b, dy = (np.zeros(s, np.float32) for s in (x_shape, w_shape, w_shape[3:], (1,)))
        dy = np.zeros(output_shape(x_shape, w_shape, params), np.float32)
        return {
            kernels.op(op).rule(*arguments) for op, arguments in calls(x, w, b, dy, params).items()
        }

    assert chosen((2, 32, 32, 32), (3, 3, 32, 64)) == {"numba_winograd"}
    assert chosen((2, 2, 2, 32), (3, 3, 32, 64)) == {"numba_winograd2"}
    assert chosen((2, 32, 32, 3), (3, 3, 3, 64)) == {"numba_direct"}
    assert chosen((2, 32, 32, 32), (5, 5, 32, 64)) == {"numba_winograd"}
    assert chosen((2, 32, 32, 32), (7, 7, 32, 64)) == {"numba_direct"}
    assert chosen((2, 32, 32, 32), (3, 5, 32, 64)) == {"numba_direct"}
    assert chosen((2, 32, 32, 32), (3, 3, 32, 64), stride=(2, 2)) == {"numba_direct"}
    assert chosen((2, 32, 32, 32), (3, 3, 16, 64), groups=2) == {"numba_direct"}
    assert chosen((2, 32, 32, 32), (3, 3, 1, 32), groups=32) == {"numba_direct"}
    with kernels.numerics("precise"):
        assert chosen((2, 32, 32, 32), (3, 3, 32, 64)) == {"numba_winograd2"}
        assert chosen((2, 32, 32, 32), (5, 5, 32, 64)) == {"numba_direct"}


@settings(max_examples=200, deadline=None)
@given(direct_geometries())
def test_a_plan_writes_every_number_once(case):
    """Over all chunks and phases, forward and back; `write_at` counts from a chunk's first row."""
    x_shape, w_shape, params = case
    x_shape = (min(x_shape[0], 3), *x_shape[1:])
    shape = {key: params[key] for key in ("stride", "padding", "dilation")}
    y_shape = output_shape(x_shape, w_shape, params)
    back = input_grad_plan(y_shape, w_shape, x_shape, *shape.values(), params["groups"])
    forward = forward_plan(x_shape, w_shape, *shape.values(), params["groups"])
    plans = ((forward, y_shape), (back, x_shape))
    for plan, (N, H, W, O) in plans:
        written = np.zeros(N * H * W * O, int)
        for chunk in range(plan.chunks):
            image, first = chunk // plan.bands * plan.images, chunk % plan.bands * plan.band
            images = min(plan.images, N - image)
            for phase in range(plan.rows.size):
                rows = max(0, min(plan.band, plan.rows[phase] - first))
                begin = plan.first_place[phase]
                places = images * rows * plan.columns[phase]
                to = (image * H + first * plan.place_rows) * W * O
                np.add.at(written, to + plan.write_at[begin : begin + places], 1)
        assert (written.reshape(-1, O)[:, 0] == 1).all()
        assert not written.reshape(-1, O)[:, 1:].any()


def test_rows_of_taps_that_meet_nothing_are_left_out_of_dx_only():
    """14 rows of dx from 10 of dy by a 5x5 filter: 50 rows of taps. Padding counts in y: 0 inf."""
    geometry = ((1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    back = input_grad_plan((2, 10, 10, 16), (5, 5, 8, 16), (2, 14, 14, 8), *geometry)
    rows_of_taps = (back.last_step - back.first_step) // (5 * 16)
    assert (rows_of_taps * back.rows).sum() == 50
    assert back.rows.sum() == 14
    padded = ((1, 1), ((4, 4), (4, 4)), (1, 1), 1)
    forward = forward_plan((2, 10, 10, 16), (5, 5, 16, 8), *padded)
    assert forward.rows.tolist() == [14]


@given(
    st.integers(1, 9), st.integers(1, 5), st.integers(1, 4), st.integers(0, 3), st.integers(1, 3)
)
def test_forward_and_adjoint_meet_at_the_same_places(inputs, size, stride, before, dilation):
    outputs = (inputs + 2 * before - (size - 1) * dilation - 1) // stride + 1
    assume(outputs > 0)
    forward = windows(outputs, size, stride, before, dilation).phases[0]
    met = {
        (p, i, p * stride + shift)
        for p in range(outputs)
        for i, shift in forward.taps
        if 0 <= p * stride + shift < inputs
    }
    back = {
        (v + shift, i, v * phase.stride + phase.start)
        for phase in adjoint(inputs, size, stride, before, dilation).phases
        for v in range(phase.length)
        for i, shift in phase.taps
        if 0 <= v + shift < outputs
    }
    assert met == back


@needs_numba
@pytest.mark.parametrize(("name", "m", "r"), [("F4x4", 4, 3), ("F2x2", 2, 3), ("F4x4of5x5", 4, 5)])
def test_winograds_matrices_filter(name, m, r):
    from tinygrad_course.kernels.conv2d import winograd_tiles

    inputs, filters, outputs = getattr(winograd_tiles, name).matrices
    rng = np.random.default_rng(1)
    x, g = rng.standard_normal(m + r - 1), rng.standard_normal(r)
    y = outputs @ ((filters @ g) * (inputs @ x))
    np.testing.assert_allclose(y, np.correlate(x, g), rtol=0, atol=1e-13)
    assert (outputs[:, 1] == 1).all()  # where the bias is added
