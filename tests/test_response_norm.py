"""Local response normalisation by hand: AlexNet's formula, and alpha divided by the window."""

import numpy as np
import pytest

import tinygrad_course as tg


def test_alexnets_formula_with_its_constants() -> None:
    """b = a / (k + alpha sum a^2)^beta with k = 2, n = 5, alpha = 1e-4, beta = 0.75."""
    a = np.array([[10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0]])
    b = tg.local_response_norm(a)
    middle = 40.0 / (2 + 1e-4 * (20.0**2 + 30**2 + 40**2 + 50**2 + 60**2)) ** 0.75
    first = 10.0 / (2 + 1e-4 * (10.0**2 + 20**2 + 30**2)) ** 0.75
    last = 70.0 / (2 + 1e-4 * (50.0**2 + 60**2 + 70**2)) ** 0.75
    assert b[0, [0, 3, 6]] == pytest.approx([first, middle, last], rel=1e-14)


def test_alpha_divided_by_the_window() -> None:
    """Caffe and PyTorch: the same alpha, a fifth of the sum."""
    a = np.array([[10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0]])
    b = tg.local_response_norm(a, alpha_per_window=True)
    middle = 40.0 / (2 + 1e-4 / 5 * (20.0**2 + 30**2 + 40**2 + 50**2 + 60**2)) ** 0.75
    assert b[0, 3] == pytest.approx(middle, rel=1e-14)
    assert np.all(b > tg.local_response_norm(a))
    assert np.array_equal(b, tg.local_response_norm(a, alpha=1e-4 / 5))


def test_channels_are_last_and_pixels_do_not_meet() -> None:
    x = np.zeros((1, 2, 2, 5))
    x[0, 0, 0] = 3.0
    y = tg.local_response_norm(x, alpha=1.0)
    assert np.count_nonzero(y) == 5
    assert np.array_equal(y[0, 0, 0], tg.local_response_norm(x[0, 0, 0], alpha=1.0))
