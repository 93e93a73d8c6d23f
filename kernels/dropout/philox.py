"""Philox4x32, random bits as a pure function of a counter and a key.

No state is kept and none is shared: any block can be computed alone, in any order, on any machine,
with the same bits. That is why `reference.py` beside this file never stores a dropout mask.
"""

from __future__ import annotations

from ..arrays import Array

_LOW_WORD = 0xFFFFFFFF
_MULTIPLIER_0, _MULTIPLIER_2 = 0xD2511F53, 0xCD9E8D57
_KEY_STEP_0, _KEY_STEP_1 = 0x9E3779B9, 0xBB67AE85  # from the golden ratio, and from sqrt(3)


def philox4x32(
    counter: tuple[Array, Array, Array, Array], key: tuple[int, int], *, rounds: int = 7
) -> tuple[Array, Array, Array, Array]:
    """Four random 32-bit words for each counter.

    A round multiplies words 0 and 2 to 64 bits; the low halves move on, the high halves are mixed
    by exclusive or with words 1 and 3 and with the key, which itself takes a step:

        x0, x1, x2, x3  <-  high(M2 x2) ^ x1 ^ k0,  low(M2 x2),  high(M0 x0) ^ x3 ^ k1,  low(M0 x0)

    Seven rounds are the fewest that pass all of BigCrush, by the paper's tests; ten are common.
    Each word stands in 64 bits, so that a product needs no second multiplication for its high half.

    Args:
        counter: four uint64 arrays of one shape, each number below 2^32.
        key: two integers below 2^32.
        rounds: 7 for dropout.

    Returns:
        Four uint64 arrays of that shape, each number below 2^32.

    Example:
        >>> import numpy as np
        >>> zero = np.zeros(1, np.uint64)
        >>> [hex(int(word[0])) for word in philox4x32((zero, zero, zero, zero), (0, 0))]
        ['0x5f6fb709', '0xd893f64', '0x4f121f81', '0x4f730a48']

    References:
        Salmon, Moraes, Dror and Shaw, Parallel Random Numbers: As Easy as 1, 2, 3, 2011,
        section 3.3 and table 2.
    """
    x0, x1, x2, x3 = counter
    word = x0.dtype.type
    low_word, half = word(_LOW_WORD), word(32)
    multiplier_0, multiplier_2 = word(_MULTIPLIER_0), word(_MULTIPLIER_2)
    k0, k1 = key
    for _ in range(rounds):
        product_0, product_2 = x0 * multiplier_0, x2 * multiplier_2
        x0, x1, x2, x3 = (
            (product_2 >> half) ^ x1 ^ word(k0),
            product_2 & low_word,
            (product_0 >> half) ^ x3 ^ word(k1),
            product_0 & low_word,
        )
        k0, k1 = (k0 + _KEY_STEP_0) & _LOW_WORD, (k1 + _KEY_STEP_1) & _LOW_WORD
    return x0, x1, x2, x3
