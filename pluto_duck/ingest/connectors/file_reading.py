"""How one table of files is read: the SQL that a DuckDB, ours or the host's, runs over them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pluto_duck.errors import PlutoError, SourceError, UsageError
from pluto_duck.ingest.connectors import SourceColumn

Stamp = tuple[int, int]
"""Size and time of change of a file."""

# DuckDB writes these to Arrow with a loss (TIMETZ without its offset, HUGEINT as a double): they travel as text.
_AS_TEXT = re.compile(r"TIME WITH TIME ZONE|U?HUGEINT|BIGNUM|BIT")
_LOSSY = re.compile(r"\b(TIME WITH TIME ZONE|U?HUGEINT|BIGNUM|BIT|UNION|VARIANT|GEOMETRY)\b")


@dataclass(frozen=True)
class FileColumn(SourceColumn):
    select: str = ""
    """SQL over the columns of the reading."""
    stream: str = ""
    """The same for a stream of Arrow, where that is another."""


@dataclass(frozen=True)
class Files:
    """What one table is made of."""

    name: str
    paths: tuple[Path, ...]
    format: str
    shown: str
    """What people call it: a path or an address."""
    options: dict[str, str] = field(default_factory=dict)
    problem: SourceError | None = None
    """Why it can't even be opened."""


class Reading(Protocol):
    """One table of files of one format. `connection`: a cursor of a private DuckDB."""

    note: str

    def describe(self, connection: Any) -> list[FileColumn]:
        """The columns, from a look at the beginning."""

    def cast(self, column: FileColumn, kind: str) -> FileColumn:
        """The column as a type of DuckDB's, from what the file says and not from what was made of it."""

    def source(self, connection: Any, columns: Sequence[FileColumn]) -> str:
        """SQL behind FROM that the columns' `select` reads from."""

    def settle(self, connection: Any, said: str = "") -> bool:
        """After a scan failed with what DuckDB `said`: looks at all values; True when types are others now."""

    def problem(self, connection: Any, said: str) -> SourceError:
        """The error for what DuckDB said."""

    def rejects(self, connection: Any, columns: Sequence[FileColumn]) -> str:
        """A SELECT of (file, line, column, reason, text) of the rows that `source` leaves out; "" for none."""


def column(name: str, kind: str, select: str, *, source_type: str = "", note: str = "",
           guess: bool = False) -> FileColumn:
    """A column that has this type already."""
    source_type = source_type or kind
    if _AS_TEXT.fullmatch(kind):
        return FileColumn(name, source_type, kind, "{}::" + kind, select=select, stream=f"({select})::VARCHAR",
                          note=note, guess=guess)
    lossy = _LOSSY.search(kind)
    return FileColumn(name, source_type, kind, "{}", select=select, note=note, guess=guess,
                      cast_to="VARCHAR" if lossy else "",
                      refusal=f"is of type {kind}, which can't be carried exactly yet" if lossy else "")


def type_text(text: str) -> str:
    if not re.fullmatch(r'[\w ]+(\(\s*\d+\s*(,\s*\d+\s*)?\))?(\[\])*', text.strip()):
        raise UsageError(f"{text!r} is not the name of a DuckDB type.", hint="For example VARCHAR or DECIMAL(18,2)")
    return text.strip()


def literal(text: str) -> str:
    from pluto_duck.workspace.literals import encode, to_sql

    return to_sql(encode(text))


def path_list(paths: Sequence[Path]) -> str:
    """A list of paths for a reading function; a star in a name is no glob."""
    quoted = [literal(re.sub(r"([*?\[])", r"[\1]", str(path))) for path in paths]
    return quoted[0] if len(quoted) == 1 else f"[{', '.join(quoted)}]"


def stamp(path: Path) -> Stamp:
    with readable(path):
        status = path.stat()
    return status.st_size, status.st_mtime_ns


@contextmanager
def readable(path: Path | str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SourceError(f"{path} can't be read: {error.strerror or error}.",
                          hint="Is it there, and may you read it?") from error


@contextmanager
def engine_errors() -> Iterator[None]:
    """What DuckDB raises, also through Arrow, as PlutoError with DuckDB's own words as its cause."""
    from pluto_duck.workspace.engine_errors import translated

    with translated():
        yield


def words_of(error: BaseException) -> str:
    """All that DuckDB said, where the error came from it."""
    while isinstance(error, PlutoError) and error.__cause__ is not None:
        error = error.__cause__
    return str(error)


def plain_reason(said: str) -> str:
    return re.sub(r"^[\w ]+ Error: ", "", said.strip().splitlines()[0] if said.strip() else "no reason was given")
