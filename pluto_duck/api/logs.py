"""Whether a line of the log would be read by anybody: loggers of Jupyter let everything pass, their handlers do not."""

from __future__ import annotations

import logging


def is_told(log: logging.Logger, level: int) -> bool:
    if not log.isEnabledFor(level):
        return False
    one: logging.Logger | None = log
    while one is not None:
        if any(level >= handler.level for handler in one.handlers):
            return True
        one = one.parent if one.propagate else None
    return False
