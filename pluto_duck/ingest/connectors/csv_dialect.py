"""How a csv is written, and what is wrong with it: file, line and reason."""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pluto_duck.errors import PlutoError, SourceError

DELIMITERS = ",;\t|"
HEAD_BYTES = 1 << 16

# A quoted value may hold line breaks, so the reason is known by its beginning only.
_LINE = re.compile(r"CSV Error on Line: (\d+)\s*\nOriginal Line: ?(.*?)\n"
                   r"((?:Expected Number|Error when|Value with|Invalid unicode|Maximum line|The CSV)[^\n]*)", re.S)
_SHOWN = 80


@dataclass(frozen=True)
class CsvDialect:
    delimiter: str

    @classmethod
    def of(cls, path: Path) -> CsvDialect:
        """By the delimiter that stands most often in the first line, outside of quotes."""
        if ".tsv" in path.suffixes:
            return cls("\t")
        first = re.sub(r'"[^"]*"', "", _head(path)).split("\n", 1)[0]
        return cls(max(DELIMITERS, key=first.count))

    def options(self, types: Mapping[str, str] | None = None) -> str:
        """Arguments for read_csv."""
        known = ""
        if types:
            known = ", types={" + ", ".join(f"{_text(n)}: {_text(kind)}" for n, kind in types.items()) + "}"
        return f"delim={_text(self.delimiter)}, quote='\"', escape='\"', comment='', skip=0, strict_mode=true{known}"


def _head(path: Path) -> str:
    opener: Any = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            return str(file.read(HEAD_BYTES).decode("utf-8-sig", errors="replace"))
    except (OSError, EOFError):
        return ""  # DuckDB will say what is wrong with it


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def csv_problem(connection: Any, path: Path, said: str) -> SourceError:
    """The error for what DuckDB said about a csv. When its sniffer gave up without naming a line, the file
    is read once more as plain text in as many columns as its first line has."""
    found = _LINE.search(said)
    if found is None and "sniffing" in said:
        from pluto_duck.workspace.engine_errors import translated

        dialect = CsvDialect.of(path)
        width = len(re.sub(r'"[^"]*"', "", _head(path)).split("\n", 1)[0].split(dialect.delimiter))
        columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(width))
        try:
            with translated():
                connection.execute(
                    f"SELECT count(*) FROM read_csv({_text(str(path))}, auto_detect=false, columns={{{columns}}}, "
                    f"{dialect.options()})").fetchall()
        except PlutoError as error:
            said = str(error.__cause__ or error)
            found = _LINE.search(said)
    if found is None:
        return SourceError(f"{path} can't be read: {said.splitlines()[0]}", hint="Is it a csv, in UTF-8, whole?")
    line, text, reason = int(found[1]), found[2], found[3].strip()
    if "utf-8" in reason.lower() or "unicode" in reason.lower():
        return SourceError(f"{path}, line {line}: the text is not UTF-8.",
                           hint=f"Convert it: iconv -f latin1 -t utf-8 {path.name} > new.csv",
                           file=str(path), line=line, reason=reason)
    text = " ".join(text.split())
    shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
    column = re.search(r'converting column "(.*?)"', reason)
    hint = f"Mend the line, or load the column as text: --cast {column[1]}=VARCHAR" if column else "Mend the line."
    reason = re.sub(r"Expected Number of Columns: (\d+) Found: (\d+)", r"columns: \2 instead of \1", reason)
    return SourceError(f"{path}, line {line}: {reason.rstrip('.')}. The line: {shown}", hint=hint,
                       file=str(path), line=line, reason=reason)
