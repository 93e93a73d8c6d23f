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
_CELL = ("radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity",
         "concave points", "symmetry", "fractal dimension")  # fmt: skip
_MNIST_LICENCE = "CC BY-SA 3.0, (c) Yann LeCun and Corinna Cortes"

CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

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
        Info(
            name="fashion-mnist",
            description="Clothes, 28 x 28 pixels: as easy to load as MNIST, harder to learn",
            classes=(
                "T-shirt/top",
                "trouser",
                "pullover",
                "dress",
                "coat",
                "sandal",
                "shirt",
                "sneaker",
                "bag",
                "ankle boot",
            ),
            input_shape=(28, 28, 1),
            train_size=60_000,
            test_size=10_000,
            origin="download",
            licence="MIT, (c) 2017 Zalando SE",
            source=(
                "H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST: a novel image dataset for "
                "benchmarking machine learning algorithms, 2017, "
                "https://github.com/zalandoresearch/fashion-mnist"
            ),
        ),
        Info(
            name="cifar-10",
            description="Photographs of ten kinds of things, 32 x 32 pixels in colour",
            classes=CIFAR10,
            input_shape=(32, 32, 3),
            train_size=50_000,
            test_size=10_000,
            origin="download",
            licence="none stated; the author asks to be cited",
            source=(
                "A. Krizhevsky, Learning multiple layers of features from tiny images, 2009, "
                "https://www.cs.toronto.edu/~kriz/cifar.html"
            ),
        ),
        Info(
            name="iris",
            description="Irises by the size of their petals and sepals: small enough for a plot",
            classes=("setosa", "versicolor", "virginica"),
            input_shape=(4,),
            train_size=120,
            test_size=30,
            origin="embedded",
            licence="CC BY 4.0",
            source=(
                "R. A. Fisher, The use of multiple measurements in taxonomic problems, 1936; "
                "UCI Machine Learning Repository, https://doi.org/10.24432/C56C76"
            ),
            features=(
                "sepal length (cm)",
                "sepal width (cm)",
                "petal length (cm)",
                "petal width (cm)",
            ),
        ),
        Info(
            name="breast-cancer",
            description="Cells of breast tumours, measured in pictures: malignant or benign",
            classes=("malignant", "benign"),
            input_shape=(30,),
            train_size=454,
            test_size=115,
            origin="embedded",
            licence="CC BY 4.0",
            source=(
                "W. Wolberg, O. Mangasarian, N. Street, W. Street, Breast Cancer Wisconsin "
                "(Diagnostic), UCI Machine Learning Repository, 1995, "
                "https://doi.org/10.24432/C5DW2B"
            ),
            features=(
                *(f"mean {name}" for name in _CELL),
                *(f"{name} error" for name in _CELL),
                *(f"worst {name}" for name in _CELL),
            ),
        ),
    )
}
"""What `info` says of each stored data set; the generated ones say it themselves."""
