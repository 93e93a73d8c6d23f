"""Where time and memory go: `tg.profile`. Read `profiler.py`, then `live_memory.py`."""

from .profiler import Profile, profile
from .rows import LayerRow, Row

__all__ = ["LayerRow", "Profile", "Row", "profile"]
