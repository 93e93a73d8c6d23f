"""The ops of layers beyond the first slice beside PyTorch's, in float64 to 1e-6. Needs torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from test_torch_parity import TF, distinct, nchw, normal, parity, torch

import tinygrad_course as tg

SEQUENCES = (
    ((2, 7, 3), (3, 3, 4), {}),
    ((1, 8, 2), (3, 2, 3), {"stride": 2, "padding": 1}),
    ((2, 9, 2), (2, 2, 2), {"stride": 2, "padding": 2, "dilation": 3}),
    ((2, 5, 4), (3, 2, 6), {"groups": 2, "padding": "same"}),
    ((1, 4, 3), (2, 1, 6), {"groups": 3, "padding": "valid"}),
    ((0, 5, 2), (3, 2, 2), {}),
)


@pytest.mark.parametrize(("x", "w", "options"), SEQUENCES)
def test_conv1d(x: Any, w: Any, options: dict[str, Any]) -> None:
    parity(
        lambda *a: tg.conv1d(*a, **options),
        lambda x, w, b: TF.conv1d(
            x.movedim(-1, 1), w.permute(2, 1, 0), b, **options
        ).movedim(1, -1),
        normal(*x),
        normal(*w),
        normal(w[2]),
    )  # fmt: skip


POOLS_1D = (
    {"kernel_size": 2},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 3, "stride": 1, "padding": 1},
    {"kernel_size": 4, "stride": 3, "padding": 2, "ceil_mode": True},
)


@pytest.mark.parametrize("options", POOLS_1D)
def test_pools_of_sequences(options: dict[str, Any]) -> None:
    x = distinct(2, 9, 3)
    for ours, theirs, more in (
        (tg.max_pool1d, TF.max_pool1d, {}),
        (tg.avg_pool1d, TF.avg_pool1d, {}),
        (tg.avg_pool1d, TF.avg_pool1d, {"count_include_pad": False}),
    ):
        parity(
            lambda a, f=ours, o=more: f(a, **options, **o),
            lambda a, f=theirs, o=more: f(a.movedim(-1, 1), **options, **o).movedim(1, -1),
            x,
        )


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_pad_modes(mode: str) -> None:
    """PyTorch pads the last axes of (N, C, ...); ours any."""
    for shape, widths in (
        ((2, 3, 5), ((0, 0), (0, 0), (3, 2))),
        ((1, 2, 4, 5), ((0, 0), (0, 0), (1, 3), (2, 0))),
        ((1, 2, 3, 4, 3), ((0, 0), (0, 0), (2, 1), (0, 3), (1, 1))),
    ):
        flat = [w for pair in reversed(widths[2:]) for w in pair]
        parity(
            lambda a, w=widths: tg.pad(a, w, mode=mode),
            lambda a, w=flat: TF.pad(a, w, mode=mode),
            normal(*shape),
        )


TRANSPOSED = (
    ((2, 3, 4, 3), (3, 2, 3, 4), {}),
    ((1, 4, 3, 2), (3, 3, 2, 3), {"stride": 2, "padding": 1, "output_padding": 1}),
    ((2, 3, 4, 2), (2, 3, 2, 2), {"stride": (3, 2), "padding": (0, 1), "output_padding": (2, 0)}),
    ((1, 3, 4, 1), (3, 2, 1, 2), {"dilation": (3, 2), "output_padding": (2, 1), "padding": 1}),
    ((2, 3, 3, 4), (3, 3, 2, 6), {"groups": 2, "stride": 2, "dilation": 2, "padding": 2}),
    ((1, 4, 4, 3), (2, 2, 1, 6), {"groups": 3}),
    ((0, 3, 3, 2), (2, 2, 2, 3), {}),
)


def _turned(w: Any, groups: int) -> Any:
    """(KH, KW, C / groups, O) as torch's (C, O / groups, KH, KW)."""
    KH, KW, C, O = w.shape
    return (
        w.reshape(KH, KW, C, groups, O // groups).permute(3, 2, 4, 0, 1).flatten(0, 1).contiguous()
    )


@pytest.mark.parametrize(("x", "w", "options"), TRANSPOSED)
def test_conv_transpose2d(x: Any, w: Any, options: dict[str, Any]) -> None:
    parity(
        lambda *a: tg.conv_transpose2d(*a, **options),
        lambda x, w, b: TF.conv_transpose2d(
            x.permute(0, 3, 1, 2), _turned(w, options.get("groups", 1)), b, **options
        ).permute(0, 2, 3, 1),
        normal(*x),
        normal(*w),
        normal(w[3]),
    )


WINDOWS = (
    {"kernel_size": (3, 2)},
    {"kernel_size": 2, "stride": 2, "padding": 1},
    {"kernel_size": (2, 3), "dilation": (3, 2), "padding": (1, 2), "stride": (1, 2)},
)


@pytest.mark.parametrize("options", WINDOWS)
@pytest.mark.parametrize("batch", [2, 1])
def test_unfold_and_fold(options: dict[str, Any], batch: int) -> None:
    x = normal(batch, 5, 6, 2)
    size = options["kernel_size"]
    KH, KW = (size, size) if isinstance(size, int) else size
    _, OH, OW, _ = tg.unfold(x, **options).shape

    def theirs(t: Any) -> Any:
        columns = TF.unfold(t.permute(0, 3, 1, 2), **options)  # (N, C KH KW, L)
        return columns.reshape(batch, 2, KH * KW, OH, OW).permute(0, 3, 4, 2, 1).flatten(3)

    parity(lambda a: tg.unfold(a, **options), theirs, x)

    def folded(t: Any) -> Any:
        columns = t.reshape(batch, OH * OW, KH * KW, 2).permute(0, 3, 2, 1).flatten(1, 2)
        return TF.fold(columns, (5, 6), **options).permute(0, 2, 3, 1)

    y = normal(batch, OH, OW, KH * KW * 2)
    parity(lambda a: tg.fold(a, (5, 6), **options), folded, y)


CEILED = (
    {"kernel_size": 3, "stride": 2},
    {"kernel_size": 2, "stride": 2},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": (3, 2), "stride": (2, 3), "padding": (1, 1)},
    {"kernel_size": 1, "stride": 4},
    {"kernel_size": (2, 3), "stride": 3, "padding": (1, 0)},
    {"kernel_size": 4, "stride": 5, "padding": 2},
)


@pytest.mark.parametrize("options", CEILED)
@pytest.mark.parametrize("image", [(6, 5), (7, 8), (4, 4)])
def test_pools_rounded_up(options: dict[str, Any], image: tuple[int, int]) -> None:
    x = distinct(2, *image, 2) + 0.05
    for sign in (1.0, -1.0):  # the padding's zeros must not win
        parity(
            lambda a, s=sign: tg.max_pool2d(a * s, **options, ceil_mode=True),
            nchw(lambda a, s=sign: TF.max_pool2d(a * s, **options, ceil_mode=True)),
            x,
        )
    for count in (True, False):
        both = {**options, "count_include_pad": count, "ceil_mode": True}
        parity(
            lambda a, o=both: tg.avg_pool2d(a, **o),
            nchw(lambda a, o=both: TF.avg_pool2d(a, **o)),
            x,
        )


@pytest.mark.parametrize("size", [1, 2, (3, 2), (7, 5), (9, 11)])
def test_adaptive_pools(size: Any) -> None:
    for shape in ((2, 7, 5, 2), (1, 6, 8, 1), (1, 1, 1, 3)):
        x = distinct(*shape)
        parity(
            lambda a: tg.adaptive_avg_pool2d(a, size),
            nchw(lambda a: TF.adaptive_avg_pool2d(a, size)),
            x,
        )
        parity(
            lambda a: tg.adaptive_max_pool2d(a, size),
            nchw(lambda a: TF.adaptive_max_pool2d(a, size)),
            x,
        )


@pytest.mark.parametrize("eps", [1e-5, 0.1])
def test_layer_and_group_norm(eps: float) -> None:
    for shape, last in (((4, 5), (5,)), ((2, 3, 4), (3, 4)), ((0, 3), (3,))):
        parity(
            lambda *a, last=last: tg.layer_norm(a[0], last, *a[1:], eps=eps),
            lambda *a, last=last: TF.layer_norm(a[0], last, *a[1:], eps=eps),
            2.0 * normal(*shape) + 1.0,
            normal(*last),
            normal(*last),
        )
    for shape, groups in (((2, 3, 4, 6), 3), ((3, 5, 4), 1), ((2, 3, 4), 4), ((3, 6), 2)):
        parity(
            lambda x, w, b, g=groups: tg.group_norm(x, g, w, b, eps=eps),
            lambda x, w, b, g=groups: TF.group_norm(x.movedim(-1, 1), g, w, b, eps=eps).movedim(
                1, -1
            ),
            2.0 * normal(*shape) + 1.0,
            normal(shape[-1]),
            normal(shape[-1]),
        )


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 11])
def test_local_response_norm_divides_alpha_there_and_only_there(size: int) -> None:
    """PyTorch's alpha is divided by the window's size; the paper's is not."""
    options = {"alpha": 0.7, "beta": 0.75, "k": 2.0}
    x = normal(2, 3, 4, 7)
    theirs = nchw(lambda a: TF.local_response_norm(a, size, **options))
    parity(lambda a: tg.local_response_norm(a, size, **options, alpha_per_window=True), theirs, x)
    weaker = {**options, "alpha": 0.7 / size}
    parity(lambda a: tg.local_response_norm(a, size, **weaker), theirs, x)
    if size > 1:
        assert not np.allclose(tg.local_response_norm(x, size, **options), theirs(torch.tensor(x)))


def test_scaled_dot_product_attention() -> None:
    q, k, v = normal(2, 3, 4, 5), normal(2, 3, 6, 5), normal(2, 3, 6, 2)
    for options, theirs in (
        ({}, {}),
        ({"scale": 0.3}, {"scale": 0.3}),
        ({"causal": True}, {"is_causal": True}),
        *[
            ({"mask": m}, {"attn_mask": torch.tensor(m)})
            for m in (
                np.arange(24).reshape(4, 6) % 3 > 0,
                np.tri(4, 6, 1, bool),
                np.arange(24.0).reshape(4, 6),
            )
        ],
    ):
        parity(
            lambda *a, o=options: tg.scaled_dot_product_attention(*a, **o),
            lambda *a, o=theirs: TF.scaled_dot_product_attention(*a, **o),
            q,
            k,
            v,
        )


def test_a_query_that_may_look_nowhere_gets_zeros() -> None:
    q, k, v = normal(1, 2, 3), normal(1, 4, 3), normal(1, 4, 2)
    mask = np.array([[True, False, True, True], [False] * 4])
    y = tg.scaled_dot_product_attention(q, k, v, mask=mask)
    z = TF.scaled_dot_product_attention(*map(torch.tensor, (q, k, v)), torch.tensor(mask))
    np.testing.assert_allclose(y, z.numpy(), rtol=1e-12)
    assert not y[0, 1].any()


RECURRENT = {
    "rnn": (tg.rnn, torch.nn.RNN, {}),
    "rnn (relu)": (tg.rnn, torch.nn.RNN, {"nonlinearity": "relu"}),
    "lstm": (tg.lstm, torch.nn.LSTM, {}),
    "gru": (tg.gru, torch.nn.GRU, {}),
}


@pytest.mark.parametrize("name", RECURRENT)
@pytest.mark.parametrize(
    ("layers", "bidirectional"), [(1, False), (2, False), (1, True), (2, True)]
)
def test_recurrent_layers(name: str, layers: int, bidirectional: bool) -> None:
    """All outputs, and the gradients of x, of the first states and of every weight."""
    ours, theirs, options = RECURRENT[name]
    N, T, D, H = 3, 4, 3, 2
    module = theirs(
        D, H, layers, batch_first=True, bidirectional=bidirectional, dtype=torch.float64, **options
    )
    names = [n for n, _ in module.named_parameters()]
    weights = [p.detach().numpy().T.copy() for p in module.parameters()]
    runs = len(names) // 4
    states = 2 if name == "lstm" else 1

    def mine(x: Any, *rest: Any) -> Any:
        h, flat = rest[:states], rest[states:]
        four = [flat[i : i + 4] for i in range(0, len(flat), 4)]
        y, last = ours(x, h if states == 2 else h[0], four, bidirectional=bidirectional, **options)
        parts = [y, *(last if states == 2 else [last])]
        return tg.concatenate([p.reshape(p.size) for p in parts])

    def torchs(x: Any, *rest: Any) -> Any:
        h = tuple(rest[:states]) if states == 2 else rest[0]
        own = {n: w.T if w.ndim > 1 else w for n, w in zip(names, rest[states:], strict=True)}
        y, last = torch.func.functional_call(module, own, (x, h))
        parts = [y, *(last if states == 2 else [last])]
        return torch.cat([p.reshape(-1) for p in parts])

    first = [0.5 * normal(runs, N, H) for _ in range(states)]
    parity(mine, torchs, normal(N, T, D), *first, *weights)


@pytest.mark.parametrize("name", ["rnn_cell", "lstm_cell", "gru_cell"])
def test_recurrent_cells(name: str) -> None:
    gates, theirs = {
        "rnn_cell": (1, torch.rnn_tanh_cell),
        "lstm_cell": (4, torch.lstm_cell),
        "gru_cell": (3, torch.gru_cell),
    }[name]
    N, D, H = 3, 2, 4
    states = [normal(N, H) for _ in range(2 if name == "lstm_cell" else 1)]
    weights = [normal(D, gates * H), normal(H, gates * H), normal(gates * H), normal(gates * H)]

    def mine(x: Any, *rest: Any) -> Any:
        after = getattr(tg, name)(x, *rest)
        return tg.concatenate(after, 1) if isinstance(after, tuple) else after

    def torchs(x: Any, *rest: Any) -> Any:
        h, (w_x, w_h, *biases) = rest[: len(states)], rest[len(states) :]
        after = theirs(x, h if len(states) == 2 else h[0], w_x.T, w_h.T, *biases)
        return torch.cat(after, 1) if isinstance(after, tuple) else after

    parity(mine, torchs, normal(N, D), *states, *weights)
