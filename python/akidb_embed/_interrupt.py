"""Calls into the library that Ctrl-C ends at once.

Python runs signal handlers on its main thread only, between two of its own instructions. A call that the main thread makes itself would
hold Ctrl-C up until it returns. So a long call is made by a second thread, while the main thread waits for it in a way that signals
interrupt; an exception of a handler sets the flag by which the library gives the work up.
"""
from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import Any

# How long to wait for the passes that are under way. With a large model one may take longer; it then ends behind our back.
_PATIENCE_S = 0.05


class Call:
    """A call under way.

    Attributes:
        flag: what the library looks at; other than 0 once the call is given up.
    """

    __slots__ = ("flag", "_done", "_failure", "_function", "_result")

    def __init__(self, function: Callable[[Call], int]) -> None:
        self.flag = ctypes.c_int(0)
        self._function = function
        self._done = threading.Lock()
        self._failure: BaseException | None = None
        self._result = 0

    def _run(self) -> None:
        try:
            self._result = self._function(self)
        except BaseException as failure:  # goes to the thread that waits
            self._failure = failure
        finally:
            self._done.release()

    def run_beside(self) -> int:
        """The function's result, computed on another thread."""
        self._done.acquire()
        # A daemon, so that work that ends behind our back does not keep the interpreter from ending.
        thread = threading.Thread(target=self._run, name="akidb-embed-call", daemon=True)
        try:
            thread.start()  # waits for the thread to run, and so can be interrupted after it
            self._done.acquire()
        except BaseException:
            self.flag.value = 1
            self._done.acquire(timeout=_PATIENCE_S)
            raise
        if self._failure is not None:
            raise self._failure
        return self._result


def call(function: Callable[[Any], int], is_short: bool) -> int:
    """``function(flag)``, a pointer to what the library looks at; on this thread and without a flag where the call is short or signals do
    not come to this thread."""
    if is_short or threading.current_thread() is not threading.main_thread():
        return function(None)
    return Call(lambda made: function(ctypes.pointer(made.flag))).run_beside()
