"""Pictures of a training run, and one self-contained HTML page that holds them all.

`curves.py`, `confusion.py` and `mistakes.py` each draw one figure in the look of `style.py`;
`report.py` puts them together. matplotlib and jinja2 are imported where they are used.
"""

from .confusion import confusion_matrix_figure
from .curves import learning_curves
from .files import save_png
from .mistakes import worst_mistakes
from .predictions import predicted_against_true
from .rate_range import rate_range
from .report import write_report
from .runs import compare_runs
from .style import DARK, LIGHT, Theme
from .trials import search_trials

__all__ = [
    "DARK",
    "LIGHT",
    "Theme",
    "compare_runs",
    "confusion_matrix_figure",
    "learning_curves",
    "predicted_against_true",
    "rate_range",
    "save_png",
    "search_trials",
    "worst_mistakes",
    "write_report",
]
