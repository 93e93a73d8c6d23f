"""A user's Python file run as a module, for the commands that take one: `tgc check`, `tgc step`.

Read next: `files.py`, what is found in it.
"""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType

from ..errors import ArgumentError, Error

PREFIX = "users_"
"""Before the file's name in the module's: a file called numpy.py is not NumPy."""


def load(path: str | Path, command: str = "check", form: str = "") -> ModuleType:
    """Run a Python file and return it as a module; its folder can be imported from.

    Args:
        path: the file.
        command: who asks, for messages.
        form: what such a file looks like, told where there is none.

    Raises:
        ArgumentError: there is no such file, or it raised; the message has its line.
        Error: it raised one of ours, which says by itself what to do.
    """
    path = Path(path)
    if not path.is_file():
        told = form or "give a Python file, as dense.py"
        raise ArgumentError(f"{command}: there is no file {path}; {told}")
    name = f"{PREFIX}{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ArgumentError(f"{command}: {path} is no Python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    folder = str(path.resolve().parent)
    sys.modules[name] = module
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    except Error:
        raise
    except Exception as error:
        raise ArgumentError(f"{command}: {failure(error, path)}") from error
    finally:
        sys.path.remove(folder)
    return module


def failure(error: BaseException, path: str | Path) -> str:
    """An exception of the user's code in one line: the file, the line, what was raised.

    Example:
        >>> failure(SyntaxError("invalid syntax", ("a.py", 3, 1, "x = = 1")), "a.py")
        'a.py line 3 (x = = 1): SyntaxError: invalid syntax'
    """
    if isinstance(error, SyntaxError):
        text = (error.text or "").strip()
        return f"{path} line {error.lineno} ({text}): {type(error).__name__}: {error.msg}"
    own = [f for f in traceback.extract_tb(error.__traceback__)
           if Path(f.filename).name == Path(path).name]  # fmt: skip
    where = f" line {own[-1].lineno} ({own[-1].line})" if own else ""
    return f"{path}{where}: {type(error).__name__}: {error}"
