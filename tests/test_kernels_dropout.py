"""Dropout: its bits, their addresses, its rate. Philox against published known answers."""

from __future__ import annotations

import kernel_oracles
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tinygrad_course.kernels.dropout import philox4x32

from tinygrad_course import kernels

dropout = kernels.op("dropout").reference
word = st.integers(0, 2**32 - 1)

ONES = 0xFFFFFFFF
PI = (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0)
KNOWN_ANSWERS = [  # the vectors that accompany Salmon et al. 2011: zeros, ones, digits of pi
    (7, (0, 0, 0, 0), (0, 0), (0x5F6FB709, 0x0D893F64, 0x4F121F81, 0x4F730A48)),
    (7, (ONES,) * 4, (ONES,) * 2, (0x5207DDC2, 0x45165E59, 0x4D8EE751, 0x8C52F662)),
    (7, *PI, (0x4DFCCABA, 0x190A87F0, 0xC47362BA, 0xB6B5242A)),
    (10, (0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    (10, (ONES,) * 4, (ONES,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (10, *PI, (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
]


def philox_words(counter, key, rounds):
    arrays = tuple(np.array([number], np.uint64) for number in counter)
    return tuple(int(one[0]) for one in philox4x32(arrays, key, rounds=rounds))


@pytest.mark.parametrize(("rounds", "counter", "key", "answer"), KNOWN_ANSWERS)
def test_philox_known_answers(rounds, counter, key, answer):
    assert philox_words(counter, key, rounds) == answer
    assert tuple(kernel_oracles.philox(counter, key, rounds)) == answer


@settings(deadline=None)
@given(st.tuples(word, word, word, word), st.tuples(word, word))
def test_philox_against_integers(counter, key):
    assert list(philox_words(counter, key, 7)) == kernel_oracles.philox(counter, key, 7)


def kept(size, **how):
    return dropout(np.ones(size), **how) != 0


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_the_rate(p):
    """Within five standard deviations of 1 - p, over 200,000 elements."""
    n = 200_000
    rate = kept(n, p=p, seed=5, offset=9).mean()
    assert abs(rate - (1 - p)) < 5 * np.sqrt(p * (1 - p) / n)


def test_the_same_address_gives_the_same_bits_and_another_gives_others():
    base = {"p": 0.5, "seed": 3, "offset": 8}
    mask = kept(4000, **base)
    np.testing.assert_array_equal(mask, kept(4000, **base))
    for change in ({"seed": 4}, {"offset": 9}, {"seed": 3 + 2**32}, {"offset": 8 + 2**32}):
        agreement = (mask == kept(4000, **{**base, **change})).mean()
        assert 0.45 < agreement < 0.55, change


def test_an_element_is_addressed_by_its_place_alone():
    """Neither the shape, nor the length, nor the dtype, nor the strides move a bit."""
    how = {"p": 0.3, "seed": 1, "offset": 2}
    mask = kept(70_000, **how)
    np.testing.assert_array_equal(kept((10, 7, 1000), **how).ravel(), mask)
    for size in (1, 2, 3, 4, 5, 1003, 32768, 32769):
        np.testing.assert_array_equal(kept(size, **how), mask[:size])
    x = np.ones((2, 70_000), np.float32)[:, ::2]
    np.testing.assert_array_equal(dropout(x, **how).ravel() != 0, mask)


def test_a_larger_p_drops_all_that_a_smaller_one_drops():
    smaller, larger = (kept(1000, p=p, seed=1, offset=0) for p in (0.2, 0.6))
    assert not (larger & ~smaller).any()


def test_the_ends_of_p():
    x = np.array([1.0, -2.0, np.nan, np.inf], np.float32)
    np.testing.assert_array_equal(dropout(x, p=0.0, seed=1, offset=0), x)
    zeros = dropout(x, p=1.0, seed=1, offset=0)
    assert zeros.tobytes() == bytes(16)


def test_what_is_kept_is_scaled():
    x = np.arange(1.0, 101.0)
    y = dropout(x, p=0.75, seed=1, offset=0)
    np.testing.assert_array_equal(y[y != 0], 4 * x[y != 0])


def test_the_threshold_itself_is_kept():
    """Dropped where bits < floor(p 2^32): with p at exactly one word, that element stays."""
    words = kernel_oracles.philox((0, 0, 0, 0), (1, 0), 7)
    for element, word in enumerate(words):
        assert kept(4, p=word / 2**32, seed=1, offset=0)[element]
        assert not kept(4, p=(word + 1) / 2**32, seed=1, offset=0)[element]
