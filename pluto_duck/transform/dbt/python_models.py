"""Models written in Python: they run in dbt's process, on Arrow copies of the tables they name."""

from __future__ import annotations

import asyncio
import linecache
import traceback
import types
from typing import Any

from pluto_duck.transform.dbt.environment import SessionCursor, Writer
from pluto_duck.workspace.database import open_memory


def run(cursor: SessionCursor, alias: str, code: str) -> None:
    """Raises RuntimeError with the traceback of the model's own lines."""
    name = f"{alias}.py"
    module = types.ModuleType(alias)
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    try:
        asyncio.get_event_loop()
    except RuntimeError:  # a thread of dbt has none; async code of a model wants one
        asyncio.set_event_loop(asyncio.new_event_loop())
    local = open_memory()
    try:
        exec(compile(code, name, "exec"), module.__dict__)
        frame: Any = module.model(module.dbtObj(lambda table: cursor.relation(local, table)), local)
        if hasattr(frame, "to_arrow_table"):
            frame = frame.to_arrow_table()
        module.materialize(frame, Writer(cursor))
    except Exception as error:
        lines = traceback.extract_tb(error.__traceback__)
        own = "".join(traceback.format_list([one for one in lines if one.filename == name]))
        raise RuntimeError(f"Python model failed:\n{own}{type(error).__name__}: {error}") from error
    finally:
        local.close()
        linecache.cache.pop(name, None)
