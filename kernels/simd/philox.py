"""Philox4x32-7 on vectors: for each of 4 WIDTH neighbouring elements, whether it is kept.

Words stand in lanes of 64 bits, as in `../dropout/philox.py`, where the algorithm is written out:
the product of two 32-bit words is then one instruction (pmuludq, umull), its halves a shift and a
mask. Read that file first; `../dropout/numba_cpu.py` is the one user.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir as llvm  # type: ignore[import-untyped]
from numba import types

from . import ir
from .cpu import WIDTH
from .vector import MASK

_ROUNDS = 7
_LOW_WORD = 0xFFFFFFFF
_MULTIPLIER_0, _MULTIPLIER_2 = 0xD2511F53, 0xCD9E8D57
_KEY_STEP_0, _KEY_STEP_1 = 0x9E3779B9, 0xBB67AE85


@ir.intrinsic
def kept(typingctx: Any, block: Any, offset: Any, seed: Any, threshold: Any) -> Any:
    """Four masks, for the elements from 4 block on: set where the random word >= threshold.

    Word w of the counter (block + lane, offset) under the key `seed` belongs to element
    4 (block + lane) + w. All four arguments are int64 with the bits of unsigned numbers.
    """

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any, ...]) -> Any:
        block, offset, seed, threshold = args
        blocks = builder.add(ir.LANES, ir.broadcast(builder, block))
        offsets, keys, least = (ir.broadcast(builder, n) for n in (offset, seed, threshold))
        words = (*_halves(builder, blocks), *_halves(builder, offsets))
        key = _halves(builder, keys)
        for _ in range(_ROUNDS):
            words = _round(builder, words, key)
            key = _next_key(builder, key)
        found = [builder.sext(builder.icmp_unsigned(">=", word, least), ir.INTS) for word in words]
        return context.make_tuple(builder, sig.return_type, _in_order(builder, found))

    masks = types.UniTuple(MASK, 4)  # type: ignore[no-untyped-call]
    return masks(*[types.int64] * 4), emit


def _round(builder: Any, words: Any, key: Any) -> Any:
    """One round, as in `philox4x32`."""
    x0, x1, x2, x3 = words
    low_0, high_0 = _halves(builder, builder.mul(x0, _everywhere(_MULTIPLIER_0)))
    low_2, high_2 = _halves(builder, builder.mul(x2, _everywhere(_MULTIPLIER_2)))
    mixed_0 = builder.xor(builder.xor(high_2, x1), key[0])
    mixed_2 = builder.xor(builder.xor(high_0, x3), key[1])
    return mixed_0, low_2, mixed_2, low_0


def _next_key(builder: Any, key: Any) -> Any:
    """Both words of the key, one step on."""
    k0 = builder.add(key[0], _everywhere(_KEY_STEP_0))
    k1 = builder.add(key[1], _everywhere(_KEY_STEP_1))
    return _halves(builder, k0)[0], _halves(builder, k1)[0]


def _halves(builder: Any, numbers: Any) -> Any:
    """The low and the high 32 bits of each lane."""
    low = builder.and_(numbers, _everywhere(_LOW_WORD))
    return low, builder.lshr(numbers, _everywhere(32))


def _everywhere(value: int) -> Any:
    """A constant in every lane."""
    return llvm.Constant(ir.LONGS, [value] * WIDTH)


def _in_order(builder: Any, found: Any) -> Any:
    """Masks for WIDTH elements each, from one vector of 0 and -1 for each word."""
    even, odd = _interleave(builder, found[0], found[2]), _interleave(builder, found[1], found[3])
    elements = _interleave(builder, even, odd)
    masks = []
    for first in range(0, 4 * WIDTH, WIDTH):
        part = builder.shuffle_vector(elements, elements, ir.lanes(range(first, first + WIDTH)))
        masks.append(builder.icmp_signed("!=", part, llvm.Constant(ir.INTS, [0] * WIDTH)))
    return masks


def _interleave(builder: Any, a: Any, b: Any) -> Any:
    """a0 b0 a1 b1 and so on, twice as long."""
    count = a.type.count
    order = [lane + side for lane in range(count) for side in (0, count)]
    return builder.shuffle_vector(a, b, ir.lanes(order))
