"""Which functions SQL of a read-only actor may call: a list for each DuckDB version, reviewed and committed.

A name that a newer engine adds is refused until the list has been written again and read in the diff:

    python -m pluto_duck.governance.functions
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent
_VERSIONS = ((1, 5), (2, 0))
_ALLOWED_AFTER_ALL = frozenset({"pg_typeof", "pg_size_pretty"})

TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest", "json_each", "json_tree"})
"""What may stand in FROM. All others read files, settings, the catalog, or SQL from a string."""


@cache
def denied() -> tuple[str, ...]:
    """Patterns of names that never enter a list."""
    lines = (_HERE / "denied.txt").read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if line and not line.startswith("#"))


def is_denied(name: str) -> bool:
    return name not in _ALLOWED_AFTER_ALL and any(fnmatchcase(name, pattern) for pattern in denied())


def list_file(version: str) -> Path:
    """The committed list for an engine: its own, or that of the newest reviewed version before it."""
    number = tuple(int(part) for part in version.split(".")[:2])
    known = [one for one in _VERSIONS if one <= number] or [_VERSIONS[0]]
    return _HERE / "functions_{}_{}.txt".format(*known[-1])


@cache
def allowed(version: str) -> frozenset[str]:
    return frozenset(list_file(version).read_text(encoding="utf-8").split())


def engine_names() -> set[str]:
    """Every scalar function, aggregate, window function and scalar macro that this engine is born with."""
    from pluto_duck.workspace.database import open_memory

    connection = open_memory()
    try:
        found = connection.execute(
            "SELECT DISTINCT function_name FROM duckdb_functions() WHERE database_name = 'system' "
            "AND function_type IN ('scalar', 'aggregate', 'macro', 'window')").fetchall()
    finally:
        connection.close()
    return {str(row[0]) for row in found}


def reviewed_list() -> list[str]:
    """What the file of this engine should hold."""
    # Operators that 2.0 lists hold spaces (IS DISTINCT FROM); the tree has nodes of its own for those.
    return sorted(name for name in engine_names() if " " not in name and not is_denied(name))


if __name__ == "__main__":
    from pluto_duck.workspace.parser import Parser

    file = list_file(Parser().version())
    file.write_text("\n".join(reviewed_list()) + "\n", encoding="utf-8")
    print(f"{file}: {len(reviewed_list())} names; read the diff before committing it.")
