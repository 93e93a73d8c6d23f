"""Where time and memory go: `tg.profile`. Read `profiler.py`, then `live_memory.py`."""

from .profiler import LayerRow, Profile, Row, profile

__all__ = ["LayerRow", "Profile", "Row", "profile"]
