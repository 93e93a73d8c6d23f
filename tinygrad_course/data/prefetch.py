"""Make the next batches in the background while the network works on this one.

One thread, at most `depth` finished items waiting. It ends when its consumer does: at the last
item, at a `break`, at an exception, or when the iterator is dropped. Next: `catalogue.py`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Generator, Iterator
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

THREAD_NAME = "tinygrad_course prefetch"

_ITEM, _END, _FAILED = 0, 1, 2


def prefetch(source: Iterator[T], depth: int) -> Generator[T, None, None]:
    """The items of `source`, in order, made in one background thread.

    An exception in the thread is raised here, at the item it belongs to, as the object it was and
    with the traceback of where it happened.

    Args:
        source: an iterator used by this function alone from now on.
        depth: how many items may be finished ahead, at least 1.

    Yields:
        What `source` yields.
    """
    ready: SimpleQueue[tuple[int, Any]] = SimpleQueue()
    free = threading.Semaphore(depth)
    stop = threading.Event()
    # The thread holds the queue, the counter and the source, never this generator: dropping the
    # generator therefore runs its `finally`, which ends the thread.
    thread = threading.Thread(
        target=_work, args=(source, ready, free, stop), name=THREAD_NAME, daemon=True
    )
    thread.start()
    try:
        while True:
            kind, value = ready.get()
            if kind == _END:
                return
            if kind == _FAILED:
                try:
                    raise value
                finally:
                    # The exception's traceback holds this frame; this frame must not hold it.
                    del value
            free.release()
            yield value
            del value
    finally:
        # While the interpreter shuts down the thread is frozen where it stood, perhaps with a lock
        # in hand: waiting for it would hang the exit.
        if not sys.is_finalizing():
            stop.set()
            free.release()
            if thread is not threading.current_thread():
                thread.join()


def _work(
    source: Iterator[Any],
    ready: SimpleQueue[tuple[int, Any]],
    free: threading.Semaphore,
    stop: threading.Event,
) -> None:
    try:
        while True:
            free.acquire()
            if stop.is_set():
                return
            try:
                item = next(source)
            except StopIteration:
                ready.put((_END, None))
                return
            ready.put((_ITEM, item))
            del item
    except BaseException as error:  # noqa: BLE001 - the consumer must never wait for ever
        ready.put((_FAILED, error))
