"""`step(loss)`: a prompt on a recorded backward pass. next, back, goto, break, continue, quit.

The pass has run when the prompt appears (`trace.py`); the commands move a cursor over it. Read
next: `screen.py` for what is printed, `stops.py` for the breakpoints, `page.py` for HTML.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from ..errors import ArgumentError, Error, nearest
from ..tensor import Tensor
from .health import host
from .heat import in_words, numbers
from .recording import recording
from .screen import Screen
from .stops import Stop, names_of, parse
from .trace import Trace, trace_of

PROMPT = "(step) "
COMMANDS = {
    "next": "[N]   one place further down the pass, or N",
    "back": "[N]   one place back up, or N",
    "goto": "N     to place N, or to the next place of that name: goto 3, goto w",
    "break": "C     stop where C holds: nan, zero, norm > 10, an op, a variable or a layer",
    "clear": "      forget the breakpoints",
    "continue": "      on to the next breakpoint, or to the end",
    "tape": "      the whole tape; the cursor is at >",
    "show": "NAME  all values of dy, dx, w, ... at this place",
    "help": "      this list",
    "quit": "      leave",
}
SHORT = {"n": "next", "b": "back", "g": "goto", "c": "continue", "t": "tape", "l": "tape",
         "list": "tape", "s": "show", "print": "show", "p": "show", "h": "help", "?": "help",
         "q": "quit", "exit": "quit", "br": "break"}  # fmt: skip


class Session:
    """A cursor on a trace, and the commands that move it.

    Attributes:
        trace: the recorded pass.
        cursor: the number of the place that is looked at.
        stops: the breakpoints.
        over: whether `quit` was said.
    """

    def __init__(self, trace: Trace, screen: Screen) -> None:
        self.trace = trace
        self.screen = screen
        self.cursor = len(trace.places)
        self.stops: list[Stop] = []
        self.over = False
        self._last = "next"

    def start(self) -> None:
        """Say what is before us."""
        trace, count = self.trace, len(self.trace.places)
        leaves = sum(place.is_leaf for place in trace.places)
        value = f"= {numbers(trace.value)}" if trace.value.size == 1 else in_words(trace.value)
        name = trace.places[-1].name or "the loss"
        tape = f"{_many(count, 'place')}, {_many(leaves, 'leaf', 'leaves')}"
        self.screen.line(
            f"backward of {name} {value}: {tape}. Forward ran from 1 to {count}, backward runs "
            f"from {count} to 1."
        )
        self.screen.line()
        self.screen.tape(trace, self.cursor)
        if trace.error is not None:
            self.screen.line((f"\nbackward stopped with an error: {trace.error}", "bold red"))
        self.screen.place(trace, trace.place(self.cursor))

    def run(self, line: str) -> None:
        """Carry out one line; an empty one repeats the last.

        Raises:
            ArgumentError: no such command, place or name.
        """
        words = line.strip() or self._last
        command, _, rest = words.partition(" ")
        name = SHORT.get(command, command)
        if name not in COMMANDS:
            raise ArgumentError(f"there is no command {command!r}; {nearest(command, COMMANDS)}")
        self._last = words if name in {"next", "back", "continue"} else self._last
        action: Callable[[str], None] = getattr(self, f"_{name}")
        action(rest.strip())

    def _next(self, rest: str) -> None:
        self._move(self.cursor - _count(rest))

    def _back(self, rest: str) -> None:
        self._move(self.cursor + _count(rest))

    def _goto(self, rest: str) -> None:
        count = len(self.trace.places)
        if rest.isdigit():
            if not 1 <= int(rest) <= count:
                raise ArgumentError(f"goto: expects a place from 1 to {count}, but got {rest}")
            self._move(int(rest))
            return
        order = [*range(self.cursor - 1, 0, -1), *range(count, self.cursor - 1, -1)]
        for number in order:
            if rest.lower() in [n.lower() for n in names_of(self.trace.place(number))]:
                self._move(number)
                return
        valid = {n for place in self.trace.places for n in names_of(place)}
        raise ArgumentError(
            f"goto: expects a place from 1 to {count} or a name, but got {rest!r}; "
            f"{nearest(rest, valid)}"
        )

    def _break(self, rest: str) -> None:
        if rest:
            self.stops.append(parse(rest, self.trace))
        conditions = ", ".join(stop.text for stop in self.stops) or "none; break nan sets one"
        self.screen.line(f"breakpoints: {conditions}")

    def _clear(self, rest: str) -> None:
        self.stops.clear()
        self._break("")

    def _continue(self, rest: str) -> None:
        for number in range(self.cursor - 1, 0, -1):
            for stop in self.stops:
                reason = stop.test(self.trace.place(number))
                if reason:
                    self.screen.line((f"stopped at {number} by `break {stop.text}`: {reason}",
                                      "bold red"))  # fmt: skip
                    self._move(number)
                    return
        self.screen.line("no further breakpoint was met: this is the end of the pass")
        self._move(1)

    def _tape(self, rest: str) -> None:
        self.screen.tape(self.trace, self.cursor, everything=True)

    def _show(self, rest: str) -> None:
        place = self.trace.place(self.cursor)
        values: dict[str, Any] = dict(place.kept)
        values.update({f"d{i.name}": i.gradient for i in place.inlets if i.gradient is not None})
        if place.gradient is not None:
            values["grad" if place.is_leaf else "dy"] = place.gradient
        if rest not in values:
            raise ArgumentError(f"show: there is no {rest!r} here; {nearest(rest, values)}")
        value = values[rest]
        arrays = value if isinstance(value, (tuple, list)) else [value]
        for array in arrays:
            self.screen.line(f"{rest}  {in_words(array)}")
            self.screen.line(numbers(array, most=max(1000, host(array).size)))

    def _help(self, rest: str) -> None:
        for name, text in COMMANDS.items():
            self.screen.line((f"  {name:<9}", "bold"), text)
        self.screen.line("  dy is dL/dy, the gradient that arrives; dx is dL/dx, one that leaves.")
        self.screen.line("  An empty line repeats the last move. n, b, g, c, t, s, q are short.")

    def _quit(self, rest: str) -> None:
        self.over = True

    def _move(self, number: int) -> None:
        """Put the cursor on a place and print it; at an end, say so."""
        count = len(self.trace.places)
        if number < 1 and self.cursor == 1:
            self.screen.line("that was the last place: back, goto N or quit")
            return
        if number > count and self.cursor == count:
            self.screen.line("the pass starts here: next, goto N or quit")
            return
        self.cursor = min(count, max(1, number))
        self.screen.place(self.trace, self.trace.place(self.cursor))


def _count(rest: str) -> int:
    if rest and not rest.isdigit():
        raise ArgumentError(f"expects a number of places, but got {rest!r}: next 3, back 2")
    return int(rest or 1)


def step(loss: Any, gradient: Any = None, *, commands: Iterable[str] | None = None) -> Any:
    """Go through the backward pass of `loss` place by place, at a prompt.

    The tape lists every place of the graph in the order of forward. At each place one sees its
    formula, the gradient that arrives and who adds into it, those that leave, the values kept, and
    the local Jacobian where it is at most 8 by 8. The pass is recorded, so `back` works. Nothing
    changes: the graph and every `.grad` are left as they were, so the line may stand in a program.

    Run the forward pass inside `with tg.debug.recording():`, or hand `step` a function that
    returns the loss, and each place knows its line and its layer. In a notebook the pass is shown
    as HTML instead.

    Args:
        loss: the tensor on which you would call `backward()`, or a function that returns it.
        gradient: dL/d(loss), where it is no scalar.
        commands: what would be typed, for a script or a test; the session ends after them.

    Raises:
        ArgumentTypeError: `loss` is no Tensor.
        GraphError: it has no graph, or the graph was released.

    Example:
        >>> import tinygrad_course as tg
        >>> x = tg.tensor(3.0, requires_grad=True)
        >>> y = x * x
        >>> tg.debug.step(y, commands=["next", "quit"])  # doctest: +ELLIPSIS
        backward of y = 9: 2 places, 1 leaf. ...
        1 of 2: leaf x
          grad    ()  6
                  the sum of 2:
                    from 2 y (a)  ()  3
                    from 2 y (b)  ()  3
        ...
    """
    trace = traced(loss, gradient)
    if commands is None and _in_notebook():
        from .page import Page

        return Page(trace)
    session = Session(trace, Screen())
    converse(session, commands)
    return None


def traced(loss: Any, gradient: Any = None) -> Trace:
    """The trace of a loss, or of the function that returns it, then run inside `recording`."""
    function = None
    if not isinstance(loss, Tensor) and callable(loss):
        function = loss
        with recording():
            loss = function()
    return trace_of(loss, gradient, function=function)


def converse(session: Session, commands: Iterable[str] | None = None) -> None:
    """Read commands and carry them out, until one of them is quit or there are no more."""
    session.start()
    if commands is None and sys.stdin.isatty():
        with suppress(ImportError):
            import readline  # noqa: F401 - gives input() its arrow keys and its history
    typed = None if commands is None else iter(commands)
    while not session.over:
        try:
            session.screen.line()
            if typed is None:
                line = input(PROMPT)
                if not sys.stdin.isatty():
                    session.screen.line(line)  # a transcript shows what was read
            else:
                line = next(typed)
                session.screen.line(PROMPT + line)
        except (EOFError, StopIteration):
            session.screen.line()
            return
        try:
            session.run(line)
        except Error as error:
            session.screen.line((str(error), "red"))


def _many(count: int, one: str, several: str = "") -> str:
    return f"{count} {one if count == 1 else several or one + 's'}"


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"
