"""Notebooks of the workspace's folder, by the SQL in their cells.

That is `%%pluto sql`, `%%sql`, and texts that Python hands to `.query(...)`, `.sql(...)` or `.execute(...)`.
"""

from __future__ import annotations

import ast
import json
import os
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from pluto_duck.catalog.lineage import Known, Link, Node, Part, links_of
from pluto_duck.catalog.lineage.remembering import Traces
from pluto_duck.errors import PlutoError
from pluto_duck.workspace import Workspace
from pluto_duck.workspace.parser import own_parser

MOST, MAX_BYTES = 500, 20_000_000
_LEFT_OUT = (".ipynb_checkpoints", ".pluto-duck", "node_modules", "dbt_packages", ".venv", "venv")
_CELL = re.compile(r"\s*%%(?:pluto\s+sql|sql)\b[^\n]*\n(.*)\Z", re.DOTALL)
_LINE = re.compile(r"^\s*(?:\w+\s*=\s*)?%(?:pluto\s+sql|sql)\s+(.+)$", re.MULTILINE)
_MAGIC = re.compile(r"^\s*[%!?].*$", re.MULTILINE)
_CALLS = ("query", "sql", "execute", "read_sql")
Stamped = tuple[Path, tuple[int, ...]]


def files(workspace: Workspace) -> list[Stamped]:
    """Those three folders deep at most, each with what changes when it is written."""
    found: list[Stamped] = []
    for depth in ("", "*/", "*/*/"):
        for path in workspace.root.glob(f"{depth}*.ipynb"):
            if set(path.relative_to(workspace.root).parts) & set(_LEFT_OUT):
                continue
            try:
                status = os.stat(path)
            except OSError:
                continue
            found.append((path, (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)))
    return sorted(found)[:MOST]


def read(workspace: Workspace, found: Sequence[Stamped], known: Known, traces: Traces) -> Part:
    nodes: list[Node] = []
    links: list[Link] = []
    for path, stamp in found:
        id = f"notebook:{path.relative_to(workspace.root).as_posix()}"
        parts = [links_of(traced, id, tuple(name for name, _origins in traced.columns), "notebook")
                 for sql in _texts(path, stamp) if not (traced := traces.of(sql, known)).problem]
        if any(part.links for part in parts):
            nodes.append(Node(id, "notebook", id.partition(":")[2]))
            # What a cell of it made, or a DataFrame: not a table that is missing.
            links += [link for part in parts for link in part.links if known.columns(link.above) is not None]
    return Part(tuple(nodes), tuple(links))


@lru_cache(maxsize=1_024)
def _texts(path: Path, stamp: tuple[int, ...]) -> tuple[str, ...]:
    """The SELECTs of its cells."""
    try:
        if stamp[2] > MAX_BYTES:
            return ()
        told = json.loads(path.read_text(encoding="utf-8"))
        sources = [one["source"] for one in told["cells"] if one["cell_type"] == "code"]
    except (OSError, ValueError, RecursionError, LookupError, TypeError):
        return ()
    texts = [one if isinstance(one, str) else "".join(map(str, one)) for one in sources]
    return tuple(dict.fromkeys(sql for text in texts for written in _written(text) for sql in _selects(written)))


def _written(cell: str) -> Iterator[str]:
    if (whole := _CELL.match(cell)) is not None:
        yield whole[1]
        return
    yield from _LINE.findall(cell)
    try:
        tree = ast.parse(_MAGIC.sub("", cell))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CALLS:
            yield from (one.value for one in node.args[:1]
                        if isinstance(one, ast.Constant) and isinstance(one.value, str))


def _selects(text: str) -> Iterator[str]:
    try:
        yield from (one.sql for one in own_parser().statements(text) if one.type == "SELECT")
    except (PlutoError, RecursionError):
        return


__all__ = ["files", "read"]
