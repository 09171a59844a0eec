"""DuckDB's extensions: found in their wheels, installed into a private folder, loaded without a network."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def wheel_file(name: str, engine: str) -> Path | None:
    """The extension's file in the package `duckdb-extension-NAME` built for this DuckDB; None without one."""
    spec = find_spec(f"duckdb_extension_{name}")
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(spec.submodule_search_locations[0]) / "extensions" / f"v{engine}" / f"{name}.duckdb_extension"
    return path if path.is_file() else None


def load(connection: Any, name: str) -> bool:
    """Loads an extension into an instance; False where it can't be had offline.

    What `doctor --install-extensions` or an earlier call installed comes first, then the wheel. DuckDB
    checks its own signature on either.
    """
    import duckdb

    if not re.fullmatch(r"[a-z_]+", name):
        return False
    try:
        connection.execute(f"LOAD {name}")
        return True
    except duckdb.Error:
        pass
    path = wheel_file(name, duckdb.__version__)
    if path is None:
        return False
    quoted = str(path).replace("'", "''")
    try:
        connection.execute(f"INSTALL '{quoted}'")
        connection.execute(f"LOAD {name}")
    except duckdb.Error:
        return False
    return True
