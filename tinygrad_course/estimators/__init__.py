"""Networks as scikit-learn estimators: `fit`, `predict`, `score`, in pipelines and grid searches.

    from tinygrad_course.estimators import Classifier
    make_pipeline(StandardScaler(), Classifier(hidden=64, random_state=0)).fit(X, y)

Needs scikit-learn, the extra `sklearn`. Read `network.py` first.
"""

try:
    import sklearn as _sklearn  # type: ignore[import-not-found, import-untyped, unused-ignore]  # noqa: F401
except ImportError as error:
    raise ImportError(
        "tinygrad_course.estimators needs scikit-learn 1.6 or later: "
        "pip install 'tinygrad-course[sklearn]'"
    ) from error

from .classifier import Classifier
from .regressor import Regressor

__all__ = ["Classifier", "Regressor"]
