"""What is wrong with a csv, by file, line, column and reason: one error, or all rejected rows."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pluto_duck.errors import SourceError
from pluto_duck.ingest.connectors.csv_dialect import CsvDialect, head_of, open_packed, suggestion
from pluto_duck.ingest.connectors.csv_types import TextType
from pluto_duck.ingest.connectors.file_reading import engine_errors, path_list, plain_reason

SHOWN = 200
LOOKED_AT = 50
MAX_REJECTS = 1_000_000
_NULL_WORDS = {"n/a", "na", "null", "none", "nan", "-", "--", "?", ".", "#n/a", r"\n", "nil", "missing", "unknown"}


@dataclass(frozen=True)
class Reject:
    file: str
    line: int | None
    column: str | None
    reason: str
    text: str


def shortened(value: str, limit: int = SHOWN) -> str:
    value = " ".join(value[:4 * limit].split())
    return value if len(value) <= limit else value[:limit] + "..."


def structural(connection: Any, function: str, paths: Sequence[Path], given: Sequence[Path], names: Sequence[str],
               *, limit: int = 0) -> Iterator[Reject]:
    """Rows that are no rows: too many columns, an open quote, another encoding. DuckDB's own line numbers count
    rows, not lines, so these come from the position in bytes."""
    for table in ("reject_errors", "reject_scans"):
        connection.execute(f"DROP TABLE IF EXISTS {table}")
    with engine_errors():
        # Every column must be asked for: what is not read is not checked.
        every = ", ".join(f"c{i}" for i in range(len(names)))
        function = function.replace("rejects_limit=0", f"rejects_limit={limit}")
        connection.execute(f"SELECT max(hash({every})) FROM {function}").fetchall()
        rows = connection.execute(
            "SELECT DISTINCT ON (s.file_path, e.line_byte_position) s.file_path, e.line_byte_position, e.csv_line, "
            "e.error_type::VARCHAR, e.error_message, e.column_idx "
            "FROM reject_errors e JOIN reject_scans s USING (scan_id, file_id) "
            "ORDER BY s.file_path, e.line_byte_position").fetchall()
    shown = {str(a): str(b) for a, b in zip(paths, given, strict=True)}
    place: tuple[str, int, int, Any] = ("", 0, 1, None)
    for path, position, text, kind, message, index in rows:
        if place[0] != path:
            place = (path, 0, 1, open_packed(Path(path)))
        _path, at, line, file = place
        while at < position:
            block = file.read(min(1 << 20, position - at))
            if not block:
                break
            at, line = at + len(block), line + block.count(b"\n")
        place = (path, at, line, file)
        text = text or ""
        lead = len(text) - len(text.lstrip("\r\n"))
        within = kind in ("UNQUOTED VALUE", "INVALID ENCODING") and 0 < index <= len(names)
        yield Reject(shown.get(path, path), line + text[:lead].count("\n"), names[index - 1] if within else None,
                     _reason(message), text.strip("\r\n"))


def _reason(message: str) -> str:
    found = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", message)
    if found:
        return f"columns: {found[2]} instead of {found[1]}"
    if "unterminated quote" in message:
        return "a quote is opened and never closed"
    if "unicode" in message.lower():
        return "the text is not UTF-8"
    if "maximum line size" in message.lower():
        return "the line is longer than 128 MiB"
    return shortened(message.splitlines()[0].rstrip("."))


def unreadable(connection: Any, source: str, names: Sequence[str], types: Mapping[str, TextType],
               *, limit: int | None = None) -> list[tuple[int, str, str]]:
    """(number of the row from 0, column, text) of values that are not what their column is, in order."""
    parts = []
    for i, name in enumerate(names):
        kind = types.get(name)
        if kind is None or kind.type == "VARCHAR":
            continue
        clean, value = kind.clean(f"c{i}"), kind.value(f"c{i}", quiet=True)
        bad = f"({clean} IS NOT NULL AND {value} IS NULL)"
        changes = kind.changes(f"c{i}", f"({value})")
        parts.append(f"CASE WHEN {bad}{f' OR ({changes})' if changes else ''} THEN {i} END")
    if not parts:
        return []
    first = f"coalesce({', '.join(parts)})" if len(parts) > 1 else parts[0]
    text = f"[{', '.join(f'c{i}' for i in range(len(names)))}][bad + 1]"
    with engine_errors():
        rows = connection.execute(
            f"SELECT n, bad, {text} FROM (SELECT *, {first} AS bad, row_number() OVER () - 1 AS n FROM {source}) "
            f"WHERE bad IS NOT NULL ORDER BY n{f' LIMIT {limit}' if limit else ''}").fetchall()
    return [(n, names[bad], value) for n, bad, value in rows]


def lines_of(path: Path, dialect: CsvDialect, wanted: Sequence[int]) -> dict[int, tuple[int, str]]:
    """Row number -> (line where it begins, its text), for rows in ascending order."""
    found: dict[int, tuple[int, str]] = {}
    if len(dialect.delimiter) > 1 or not wanted:
        return found
    csv.field_size_limit(1 << 30)
    with open_packed(path) as raw:
        text = io.TextIOWrapper(raw, encoding="utf-8-sig", errors="replace", newline="")
        kept: list[str] = []

        def lines() -> Iterator[str]:
            for line in text:
                kept.append(line)
                yield line

        reader = csv.reader(lines(), delimiter=dialect.delimiter, quotechar=dialect.quote or None,
                            doublequote=dialect.escape == dialect.quote,
                            escapechar=None if dialect.escape == dialect.quote else dialect.escape)
        number, begins, targets = (-1 if dialect.header else 0), 1, set(wanted)
        try:
            for row in reader:
                is_row = len(row) == len(dialect.names) and reader.line_num > dialect.skip and not (
                    dialect.comment and row[0].startswith(dialect.comment))
                if is_row:
                    if number in targets:
                        found[number] = (begins, "".join(kept).strip("\r\n"))
                        if len(found) == len(targets):
                            break
                    number += 1
                begins = reader.line_num + 1
                kept.clear()
        except csv.Error:
            pass
    return found


class Problem:
    """One error for the first thing that is wrong."""

    def __init__(self, connection: Any, names: Sequence[str], types: Mapping[str, TextType], dialect: CsvDialect,
                 options: Mapping[str, str]) -> None:
        self._connection = connection
        self._types = {one: types[one] for one in dialect.names if one in types}
        self._dialect = dialect
        self._options = options

    def find(self, paths: Sequence[Path], given: Sequence[Path], function: str, said: str) -> SourceError | None:
        names = self._dialect.names
        storing = function.replace(", ignore_errors=true", "")
        storing = storing.removesuffix(")") + ", store_rejects=true, rejects_limit=0)"
        try:
            first = next(structural(self._connection, storing, paths, given, names), None)
        except Exception:  # what it says stands in `said` already
            return None
        if first is not None:
            return self._told(first, first.text.encode(errors="replace"), paths)
        for path, shown in zip(paths, given, strict=True):
            one = function.replace(path_list(paths), path_list([path]))
            bad = unreadable(self._connection, one, names, self._types, limit=1)
            if bad:
                row, name, value = bad[0]
                line, text = lines_of(path, self._dialect, [row]).get(row, (None, value))
                kind = self._types[name]
                reason = f"{shortened(value, 80)!r} in column {name!r} is no {kind.type}"
                return self._told(Reject(str(shown), line, name, reason, text), b"", paths, value=value)
        return None

    def _told(self, reject: Reject, piece: bytes, paths: Sequence[Path], value: str = "") -> SourceError:
        where = f"{reject.file}, line {reject.line}" if reject.line else reject.file
        hint = "Mend the line, or keep such lines in a table of their own: --rejects keep"
        begins = _columns_begin(Path(reject.file), self._dialect) if reject.reason.startswith("columns:") else 0
        if begins:
            hint = f"If the columns begin in line {begins + 1}: --option skip={begins}; or mend the line"
        elif "not UTF-8" in reject.reason and reject.line:
            hint = suggestion(_line_bytes(Path(reject.file), reject.line))
        elif value.strip().lower() in _NULL_WORDS:
            hint = (f"If it means that nothing is known: --option null={value.strip()}; or "
                    f"--cast {reject.column}=VARCHAR")
        elif reject.column and value:
            hint = f"Mend the line, load the column as text (--cast {reject.column}=VARCHAR), or --rejects keep"
        return SourceError(f"{where}: {reject.reason}. The line: {shortened(reject.text, 80)}", hint=hint,
                           file=reject.file, line=reject.line, reason=reject.reason, column=reject.column)


def _columns_begin(path: Path, dialect: CsvDialect) -> int:
    """How many lines of titles stand above the columns; 0 for none: what most of the first lines look like decides."""
    if dialect.skip or dialect.encoding != "utf-8":
        return 0
    lines = head_of(path).decode(errors="replace").splitlines()[:LOOKED_AT]
    widths = [len(next(csv.reader([line], delimiter=dialect.delimiter[0], quotechar=dialect.quote or None), []))
              for line in lines]
    usual = max(set(widths), key=widths.count, default=0)
    first = widths.index(usual) if usual > len(dialect.names) else 0
    return first if all(one < usual for one in widths[:first]) else 0


def _line_bytes(path: Path, number: int) -> bytes:
    try:
        with open_packed(path) as file:
            for n, line in enumerate(iter(lambda: file.readline(1 << 16), b""), 1):
                if n == number:
                    return bytes(line)
    except (OSError, EOFError, ValueError, AttributeError):
        pass
    return b"\xe9"


def problem_said(shown: str, said: str) -> SourceError:
    """What DuckDB says of the file as a whole."""
    if "invalid state" in said:  # what its parser says of a line that ends as no line before it did
        return SourceError(f"{shown} can't be read: its lines seem to end in two ways, \\n and \\r\\n.",
                           hint="Give all lines the same end: sed -i 's/\\r$//' FILE, or save it anew in an editor")
    if "CSV Error" in said:
        found = re.search(r"(Maximum line size|Invalid unicode|unterminated quote|Expected Number)[^\n]*", said)
        return SourceError(f"{shown} can't be read: {_reason(found[0]) if found else shortened(plain_reason(said))}.",
                           hint="Is it a csv, in UTF-8, whole?")
    return SourceError(f"{shown} can't be read: {shortened(plain_reason(said))}", hint="Is it a csv, in UTF-8, whole?")


def write_rejects(connection: Any, target: Path, paths: Sequence[Path], given: Sequence[Path], dialect: CsvDialect,
                  types: Mapping[str, TextType], function: str) -> None:
    """All rejected rows of these files as a parquet file; rows are added to what it holds already."""
    import pyarrow
    from pyarrow import parquet

    rows = []
    for path, shown in zip(paths, given, strict=True):
        one = function.replace(path_list(paths), path_list([path]))
        rows += list(structural(connection, one, [path], [shown], dialect.names))
        accepting = re.sub(r", store_rejects=true, rejects_limit=0", ", ignore_errors=true", one)
        bad = unreadable(connection, accepting, dialect.names, types, limit=MAX_REJECTS)
        lines = lines_of(path, dialect, [row for row, _name, _value in bad])
        for row, name, value in bad:
            line, text = lines.get(row, (None, value))
            rows.append(Reject(str(shown), line, name, f"{shortened(value, 80)!r} is no {types[name].type}", text))
    rows.sort(key=lambda one: (one.file, one.line or 0))
    schema = pyarrow.schema([("file", pyarrow.string()), ("line", pyarrow.int64()), ("column", pyarrow.string()),
                             ("reason", pyarrow.string()), ("text", pyarrow.string())])
    table = pyarrow.Table.from_pylist([{**vars(one), "text": one.text[:100_000]} for one in rows], schema)
    if target.exists():
        table = pyarrow.concat_tables([parquet.read_table(target), table])
    parquet.write_table(table, target)
