"""exp, log, tanh, sigmoid and erf as straight-line code: no branch, no table, no library call.

Each takes a vector (`vector.py`) or one float32; a loop over an array that calls it with one
number at a time is turned into vectors by LLVM. NaN, infinities and zeros of either sign come out
as from NumPy. Bounds are in units in the last place (ulp: the distance between neighbouring floats,
at most 1.2e-7 of a number). Measured over every 29th float32, all exponents and both signs, the
largest errors are: exp 1.05, log 0.87, tanh 2.43, sigmoid 2.28, erf 2.43.

Most stand on one idea. With n the whole number nearest to x / ln 2, and r = x - n ln 2,

    e^x = 2^n e^r        |r| <= ln 2 / 2

2^n is written into the exponent's bits, and e^r on that short interval is a polynomial of degree 6.
The polynomials are minimax ones (Remez's algorithm), their coefficients rounded to float32.

Literature: Cody and Waite, Software Manual for the Elementary Functions, 1980, chapter 6, for the
reduction with ln 2 in two parts; Muller et al., Handbook of Floating-Point Arithmetic, 2018,
chapter 10. Read next: `softmax_cross_entropy/numba_cpu.py`, which lives on exp.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..compiled import device_function
from .functions import absolute, copy_sign, exponent, floor, fma, select, significand, two_to_the

Number = Any
"""A vector or one float32; every function returns what it was given."""
f32 = np.float32

LOG2_E = f32(1.44269504)
LN2_HIGH, LN2_LOW = f32(0.693359375), f32(-2.12194440e-4)
"""ln 2 in two parts; the first has 9 bits, so n LN2_HIGH is exact even where it is rounded."""
EXPM1 = (
    f32(0.5000000062), f32(0.1666654256), f32(0.04166628077), f32(0.008366642684),
    f32(0.001394654611),
)  # fmt: skip
"""e^r - 1 = r + r^2 (EXPM1[0] + EXPM1[1] r + ...), within 1.4e-8 of itself."""

SQRT_TWO = f32(1.41421356)
SMALLEST_NORMAL = f32(2.0**-126)
LOG1P = (
    f32(0.3333333171), f32(-0.2500082082), f32(0.2000122605), f32(-0.16623363),
    f32(0.1420178282), f32(-0.1316016168), f32(0.1276139266), f32(-0.07634305208),
)  # fmt: skip
"""ln(1 + t) = t - t^2 / 2 + t^3 (LOG1P[0] + LOG1P[1] t + ...) for sqrt(1/2) <= 1 + t <= sqrt 2,
within 5.9e-9 of itself."""

ERF_SPLIT = f32(0.85)
ERF_NEAR = (
    f32(1.12837916), f32(-0.3761257184), f32(0.1128271742), f32(-0.02680254847),
    f32(0.005051095949), f32(-0.000631513566),
)  # fmt: skip
"""erf x = x (ERF_NEAR[0] + ERF_NEAR[1] x^2 + ...) up to ERF_SPLIT, within 6.1e-9 of itself."""
ERF_FAR = (
    f32(0.0001045450561), f32(1.128060912), f32(0.6365191057), f32(0.1045257688),
    f32(-0.02251896932), f32(0.003117830825), f32(-0.0002036741448),
)  # fmt: skip
"""1 - erf x = e^-(ERF_FAR[0] + ERF_FAR[1] x + ...) from there to 4, so that erf x is within 2.1e-9
of itself; from 4 on it is 1."""


@device_function
def reduced_expm1(x: Number) -> tuple[Number, Number]:
    """n and e^r - 1, with e^x = 2^n e^r, for |x| <= 104."""
    n = floor(fma(x, LOG2_E, f32(0.5)))
    r = fma(n, -LN2_LOW, fma(n, -LN2_HIGH, x))
    q = EXPM1[4]
    q = fma(q, r, EXPM1[3])
    q = fma(q, r, EXPM1[2])
    q = fma(q, r, EXPM1[1])
    q = fma(q, r, EXPM1[0])
    return n, fma(r * r, q, r)


@device_function
def exp(x: Number) -> Number:
    """e^x. Error: at most 1.1 ulp; denormal results and infinity where they belong.

    2^n is applied in two halves, since it may lie outside of what a float can be where e^x does
    not. Beyond the two borders e^x is 0 or infinite; NaN fails both comparisons and stays.
    """
    x = select(x < f32(-104), f32(-104), x)
    x = select(x > f32(89), f32(89), x)
    n, p = reduced_expm1(x)
    half = floor(n * f32(0.5))
    return (p + f32(1)) * two_to_the(half) * two_to_the(n - half)


@device_function
def log(x: Number) -> Number:
    """ln x. Error: at most 1 ulp; -inf at zero, NaN below.

    With x = 2^n (1 + t), sqrt(1/2) <= 1 + t < sqrt 2: ln x = n ln 2 + ln(1 + t), smallest terms
    first. A denormal x is made normal by 2^23 before its exponent is read.
    """
    denormal = x < SMALLEST_NORMAL
    scaled = select(denormal, x * f32(2.0**23), x)
    n = exponent(scaled) - select(denormal, f32(23), f32(0))
    m = significand(scaled)
    above = m > SQRT_TWO
    n = n + select(above, f32(1), f32(0))
    t = select(above, m * f32(0.5), m) - f32(1)
    q = LOG1P[7]
    q = fma(q, t, LOG1P[6])
    q = fma(q, t, LOG1P[5])
    q = fma(q, t, LOG1P[4])
    q = fma(q, t, LOG1P[3])
    q = fma(q, t, LOG1P[2])
    q = fma(q, t, LOG1P[1])
    q = fma(q, t, LOG1P[0])
    z = t * t
    y = fma(t * z, q, f32(-0.5) * z)
    y = fma(n, LN2_LOW, y) + t
    y = fma(n, LN2_HIGH, y)
    outside = select(x == f32(0), f32(-np.inf), f32(np.nan))
    return select(x > f32(0), select(x < f32(np.inf), y, x), outside)


@device_function
def tanh(x: Number) -> Number:
    """(e^2x - 1) / (e^2x + 1). Error: at most 2.5 ulp.

    e^2|x| - 1 = 2^n (e^r - 1) + (2^n - 1) keeps its digits near zero, where 1 - 2 / (e^2x + 1)
    would lose them. From 10 on tanh rounds to 1.
    """
    a = f32(2) * absolute(x)
    n, p = reduced_expm1(select(a > f32(20), f32(20), a))
    power = two_to_the(n)
    e = fma(power, p, power - f32(1))
    return copy_sign(e / (e + f32(2)), x)


@device_function
def sigmoid(x: Number) -> Number:
    """1 / (1 + e^-x) = e^x / (1 + e^x), whichever does not overflow. Error: at most 2.5 ulp."""
    e = exp(-absolute(x))
    return select(x < f32(0), e, f32(1)) / (f32(1) + e)


@device_function
def erf(x: Number) -> Number:
    """2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x. Error: at most 2.5 ulp.

    Near zero x P(x^2), farther out 1 - e^-Q(|x|): both are computed, one is taken.
    """
    z = x * x
    near = ERF_NEAR[5]
    near = fma(near, z, ERF_NEAR[4])
    near = fma(near, z, ERF_NEAR[3])
    near = fma(near, z, ERF_NEAR[2])
    near = fma(near, z, ERF_NEAR[1])
    near = fma(near, z, ERF_NEAR[0])
    a = absolute(x)
    b = select(a > f32(4), f32(4), a)
    far = ERF_FAR[6]
    far = fma(far, b, ERF_FAR[5])
    far = fma(far, b, ERF_FAR[4])
    far = fma(far, b, ERF_FAR[3])
    far = fma(far, b, ERF_FAR[2])
    far = fma(far, b, ERF_FAR[1])
    far = fma(far, b, ERF_FAR[0])
    return select(a < ERF_SPLIT, x * near, copy_sign(f32(1) - exp(-far), x))
