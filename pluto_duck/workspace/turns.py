"""How long Python code keeps the interpreter while others wait: shorter while its process serves guests beside it.

A host is often a kernel whose user runs Python. Each step of a guest's request would wait 5 ms for its turn there, and
a request takes several. A process in which nobody waits notices nothing of it.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SHORT_S = 0.0005

_lock = threading.Lock()
_guests = 0
_before = 0.0
"""What it was, where it is ours now; 0 where it is not."""


@contextmanager
def short_turns() -> Iterator[None]:
    """An interval that somebody has made shorter, or changes meanwhile, stays theirs."""
    global _guests, _before
    with _lock:
        _guests += 1
        now = sys.getswitchinterval()
        if _guests == 1 and now > SHORT_S:
            _before = now
            sys.setswitchinterval(SHORT_S)
    try:
        yield
    finally:
        with _lock:
            _guests -= 1
            if not _guests and _before:
                if abs(sys.getswitchinterval() - SHORT_S) < 1e-6:
                    sys.setswitchinterval(_before)
                _before = 0.0
