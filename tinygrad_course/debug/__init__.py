"""Looking into a backward pass: `tg.debug.step`, `tg.debug.why`, `tg.debug.retained`.

    tg.debug.step(loss)          # the pass, place by place, at a prompt (or `tgc step FILE.py`)
    tg.debug.html(loss)          # the same as a page, for a notebook
    tg.debug.why(w)              # why is this gradient None, zero, huge or NaN?
    tg.debug.retained()          # which variable still holds a graph?

Read `trace.py` first, then `session.py`; `flow.py` and `why.py`; `retained.py`.
"""

from __future__ import annotations

from .explanation import Explanation
from .page import Page, html
from .recording import Recording, recording
from .retained import Holder, Retained, retained
from .session import step
from .trace import Place, Trace, trace_of
from .why import why

__all__ = [
    "Explanation", "Holder", "Page", "Place", "Recording", "Retained", "Trace", "html",
    "recording", "retained", "step", "trace_of", "why",
]  # fmt: skip
