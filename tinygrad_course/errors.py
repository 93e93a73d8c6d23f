"""Every error a user can cause: what was expected, what came, and the remedy.

Each class is also the built-in exception a Python programmer would catch (ValueError, TypeError,
RuntimeError), so `except ValueError` keeps working; `except tg.errors.Error` catches all of ours.
The command line prints the message alone, without a traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class Error(Exception):
    """The base of every error this package raises on purpose."""


class ShapeError(Error, ValueError):
    """Shapes, ranks or sizes that do not fit together."""


class IndexingError(Error, IndexError):
    """An index outside its axis, or of the wrong kind."""


class DtypeError(Error, TypeError):
    """An array of the wrong kind: float32 beside float64, floats where integers belong."""


class ArgumentError(Error, ValueError):
    """A value out of its range, or an option that does not exist."""


class ArgumentTypeError(Error, TypeError):
    """A value of the wrong type."""


class GraphError(Error, RuntimeError):
    """The graph cannot answer: released, changed in place, or never recorded."""


class GradientError(Error, AssertionError):
    """A gradient that a check found wrong, or could not prove right."""


class AnomalyError(Error, RuntimeError):
    """A NaN or an infinity, found while `detect_anomaly` (or a training run) watched."""


class DeviceError(Error, RuntimeError):
    """A device that is not there, or arrays on two devices."""


class DataError(Error, ValueError):
    """A data set that is missing, unreadable, truncated, or not what its name says."""


class FileError(Error, OSError):
    """A file that cannot be written; what stood there before is unchanged."""


class CheckpointError(Error, ValueError):
    """A checkpoint that is missing, damaged, or of another model."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """The tail of an unknown-name message: the nearest valid name, then all of them.

    Example:
        >>> nearest("lenet", ["lenet5", "mlp"])
        "did you mean 'lenet5'? Valid names: lenet5, mlp"
    """
    names = sorted(valid)
    by_letters = {valid_name.lower(): valid_name for valid_name in names}
    close = difflib.get_close_matches(name.lower(), by_letters, n=1, cutoff=0.5)
    guess = f"did you mean {by_letters[close[0]]!r}? " if close else ""
    return f"{guess}Valid names: {', '.join(names)}"
