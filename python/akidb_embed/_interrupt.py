"""Calls into the library that Ctrl-C ends at once, and calls ahead of what is asked for.

Python runs signal handlers on its main thread only, between two of its own instructions. A call that the main thread makes itself would
hold Ctrl-C up until it returns. So a long call is made by a second thread, while the main thread waits for it in a way that signals
interrupt; an exception of a handler sets the flag by which the library gives the work up.
"""
from __future__ import annotations

import ctypes
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

# How long to wait for the passes that are under way. With a large model one may take longer; it then ends behind our back.
_PATIENCE_S = 0.05
# Calls of ahead() at once: while the threads of the library end one, those that have nothing left to do begin the next.
_AHEAD = 2

# Its ``call``: the one that this thread was started for.
_own = threading.local()


class Call:
    """A call on a thread of its own.

    Attributes:
        flag: what the library looks at; other than 0 once the call is given up.
    """

    __slots__ = ("flag", "_done", "_failure", "_function", "_result")

    def __init__(self, function: Callable[[], Any]) -> None:
        self.flag = ctypes.c_int(0)
        self._function = function
        self._done = threading.Lock()
        self._failure: BaseException | None = None
        self._result: Any = None

    def _run(self) -> None:
        _own.call = self
        try:
            self._result = self._function()
        except BaseException as failure:  # goes to the thread that waits
            self._failure = failure
        finally:
            self._done.release()

    def start(self) -> None:
        """Begins. An exception of a signal handler gives it up."""
        self._done.acquire()
        # A daemon, so that work that ends behind our back does not keep the interpreter from ending.
        thread = threading.Thread(target=self._run, name="akidb-embed-call", daemon=True)
        try:
            thread.start()  # waits for the thread to run, and so can be interrupted after it
        except BaseException:
            self._give_up()
            raise

    def wait(self) -> Any:
        """The function's result. An exception of a signal handler gives the call up."""
        try:
            self._done.acquire()
        except BaseException:
            self._give_up()
            raise
        if self._failure is not None:
            raise self._failure
        return self._result

    def _give_up(self) -> None:
        self.flag.value = 1
        self._done.acquire(timeout=_PATIENCE_S)


def call(function: Callable[[Any], int], is_short: bool) -> int:
    """``function(flag)``, a pointer to what the library looks at: on this thread with the flag of the call that it was started for; without
    one where the call is short or signals do not come to this thread; else on another thread."""
    mine: Call | None = getattr(_own, "call", None)
    if mine is not None:
        return function(ctypes.pointer(mine.flag))
    if is_short or threading.current_thread() is not threading.main_thread():
        return function(None)
    made = Call(lambda: call(function, False))
    made.start()
    result: int = made.wait()
    return result


def ahead(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
    """``function(item)`` for each, in order, computed while the caller is busy with the one before."""
    under_way: deque[Call] = deque()
    try:
        for item in items:
            made = Call(partial(function, item))
            under_way.append(made)
            made.start()
            if len(under_way) == _AHEAD:
                yield under_way.popleft().wait()
        while under_way:
            yield under_way.popleft().wait()
    finally:
        for left in under_way:
            left.flag.value = 1
