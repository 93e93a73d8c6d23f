"""Who made the stored data sets, what they hold, and under which licence: text only.

Next: `catalogue.py`, which loads them.
"""

from __future__ import annotations

from .dataset import Info

_TEN = tuple("0123456789")
_MNIST_SOURCE = (
    "Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits, "
    "http://yann.lecun.com/exdb/mnist/"
)
_MNIST_LICENCE = "CC BY-SA 3.0, (c) Yann LeCun and Corinna Cortes"

INFO = {
    info.name: info
    for info in (
        Info(
            name="digits",
            description="Handwritten digits, 8 x 8 pixels: small enough to read as numbers",
            classes=_TEN,
            input_shape=(8, 8, 1),
            train_size=1433,
            test_size=364,
            origin="embedded",
            licence="CC BY 4.0",
            source=(
                "E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, "
                "UCI Machine Learning Repository, 1998, https://doi.org/10.24432/C50P49"
            ),
        ),
        Info(
            name="mnist-12k",
            description="Every sixth training and every fifth test image of MNIST",
            classes=_TEN,
            input_shape=(28, 28, 1),
            train_size=10_000,
            test_size=2_000,
            origin="embedded",
            licence=_MNIST_LICENCE,
            source=_MNIST_SOURCE,
        ),
        Info(
            name="mnist",
            description="Handwritten digits, 28 x 28 pixels, all 70,000",
            classes=_TEN,
            input_shape=(28, 28, 1),
            train_size=60_000,
            test_size=10_000,
            origin="download",
            licence=_MNIST_LICENCE,
            source=_MNIST_SOURCE,
        ),
    )
}
"""What `info` says of each stored data set; the generated ones say it themselves."""
