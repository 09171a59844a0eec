"""Which files can be loaded, and what their tables are called."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

FORMATS = {
    ".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".pq": "parquet",
    ".json": "json", ".ndjson": "json", ".jsonl": "json", ".xlsx": "excel", ".xls": "excel", ".xlsm": "excel",
    ".xlsb": "excel", ".ods": "excel",
}
PACKED = (".gz", ".zst")


def format_of(name: str) -> str:
    """csv, json, parquet or excel by the ending; "" for another."""
    name = name.lower()
    for suffix in PACKED:
        name = name.removesuffix(suffix)
    return FORMATS.get(os.path.splitext(name)[1], "")


def table_name(path: Path) -> str:
    """The file's name without what says its format."""
    name = path.name
    for suffix in (*PACKED, *FORMATS):
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            name = name[:-len(suffix)]
    return name


def loadable(names: Sequence[str]) -> str:
    """A sentence on which of the names could be loaded instead."""
    found = [one for one in names if format_of(one)]
    return f"Files there: {', '.join(found[:12])}{', ...' if len(found) > 12 else ''}." if found else ""
