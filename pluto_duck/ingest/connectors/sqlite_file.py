"""The file of a SQLite database: which one an address means, and opening it for reading only."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote as percent

from pluto_duck.errors import Refused, SourceError, UsageError, unknown_name
from pluto_duck.workspace import sqlite
from pluto_duck.workspace.folder import FOLDER
from pluto_duck.workspace.manifest import CONTROL

MAGIC = b"SQLite format 3\0"
BUSY_S = 5.0


def found_file(uri: str) -> Path:
    """sqlite:///data.db is relative where there is no /data.db, sqlite:////tmp/x.db never."""
    text = uri.removeprefix("sqlite:").split("?", 1)[0] if uri.startswith("sqlite:") else uri
    if uri.startswith("sqlite:") and text.startswith("//"):
        text = text[2:]
        elsewhere = text.startswith("/") and not os.path.exists(text) and os.path.exists(text[1:])
        if text.startswith("//"):
            text = "/" + text.lstrip("/")
        elif elsewhere:
            text = text[1:]
    if not text.strip("/"):
        raise UsageError("The address names no file.", hint="For example sqlite:///folder/data.db")
    return Path(os.path.abspath(os.path.expanduser(text)))


def connect(path: Path, *, immutable: bool = False) -> Any:
    """Read only; raises SourceError when it is no SQLite database, sqlite3.Error for what else goes wrong."""
    _look(path)
    options = "mode=ro&immutable=1" if immutable else "mode=ro"
    connection = sqlite.connect(f"file:{percent(str(path))}?{options}", uri=True, timeout=BUSY_S,
                                isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")  # a view of a stranger's file may call functions
        connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        if "unable to open" in str(error) or "readonly" in str(error):
            raise SourceError(
                f"{path} has unfinished writes beside it, and this folder may not be written to settle them.",
                hint="Copy it with its -wal and -journal files elsewhere, or, if nobody writes it, "
                     "add the option immutable=true.") from error
        raise
    except BaseException:
        connection.close()
        raise
    return connection


def _look(path: Path) -> None:
    """Before SQLite opens it: what it would say about these is hard to read."""
    real = Path(os.path.realpath(path))
    if (real.parent.name, real.name) == (FOLDER, CONTROL):
        # Closing it again after this look would drop the locks that our own connections hold on it.
        raise Refused(f"{path} keeps the records of a workspace.",
                      hint="Its runs, loads and keys have verbs of their own.")
    try:
        with open(path, "rb") as file:
            start = file.read(16)
    except FileNotFoundError:
        there = os.listdir(path.parent) if path.parent.is_dir() else []
        raise unknown_name("file", path.name, there, where=str(path.parent)) from None
    except OSError as error:
        raise SourceError(f"{path} can't be read: {error.strerror}.") from error
    if start and start != MAGIC:
        if start[8:12] == b"DUCK":
            raise SourceError(f"{path} is a DuckDB database, not SQLite.", hint=f"Write it as duckdb://{path}")
        raise SourceError(f"{path} is not a SQLite database, or is encrypted.")
