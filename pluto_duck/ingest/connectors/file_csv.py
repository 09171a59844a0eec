"""Csv files as a table: each column read as text, made a type by SQL that lets no value change."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pluto_duck.errors import PlutoError, SourceError
from pluto_duck.ingest.connectors.csv_dialect import MAX_LINE_BYTES, CsvDialect, decoded, long_line_bytes
from pluto_duck.ingest.connectors.csv_guess import TypeGuess
from pluto_duck.ingest.connectors.csv_problems import Problem, problem_said, write_rejects
from pluto_duck.ingest.connectors.csv_types import TextType
from pluto_duck.ingest.connectors.file_formats import PACKED
from pluto_duck.ingest.connectors.file_reading import (
    FileColumn,
    Files,
    column,
    engine_errors,
    literal,
    path_list,
    words_of,
)
from pluto_duck.workspace.tableref import fold

SAMPLED_FILES = 8
DEFAULT_LINE_BYTES = 2_000_000
_LONG = re.compile("aximum line size|Parallel CSV Reader currently")


def _which(path: Path) -> str:
    return "a" if path.suffix.lower() in PACKED else "the last"


@dataclass(frozen=True)
class _Alike:
    """Files of one dialect and one header."""

    dialect: CsvDialect
    paths: tuple[Path, ...]
    given: tuple[Path, ...]
    """What the user has; `paths` are those in UTF-8."""


class CsvReading:
    def __init__(self, files: Files, folder: Path) -> None:
        """`folder`: for files that must be written anew in UTF-8."""
        self._files = files
        self._options = files.options
        self._folder = folder
        self._keep = files.options.get("rejects") == "keep"
        self._groups: list[_Alike] = []
        self._names: list[str] = []
        self._types: dict[str, TextType] = {}
        self._rejects = ""
        self._long_lines = False
        self.note = ""

    # -- what it looks like -----------------------------------------------------------------------

    def describe(self, connection: Any) -> list[FileColumn]:
        if not self._groups:
            self._look(connection)
        return [self._column(name, kind) for name, kind in self._types.items()] + self._extra()

    def _look(self, connection: Any) -> None:
        alike: dict[CsvDialect, list[Path]] = {}
        for path in self._files.paths:
            alike.setdefault(CsvDialect.of(path, self._options), []).append(path)
        for dialect, paths in alike.items():
            utf8 = [one if dialect.encoding == "utf-8" else decoded(one, dialect.encoding, self._folder)
                    for one in paths]
            self._groups.append(_Alike(dialect, tuple(utf8), tuple(paths)))
        seen: dict[str, str] = {}
        for group in self._groups:
            for name in group.dialect.names:
                seen.setdefault(fold(name), name)
        self._names = list(seen.values())
        if not self._names:
            raise SourceError(f"{self._files.shown} holds no row.", hint="Was it written to the end?")
        notes = list(dict.fromkeys(group.dialect.note for group in self._groups))
        self.note = "; ".join(notes[:3])
        everything = self._options.get("sample") == "all"
        some = [replace(group, paths=group.paths if everything else group.paths[:SAMPLED_FILES])
                for group in self._groups]

        def sampled() -> str:
            return self._from(some, flat=True)

        for path in (one for group in self._groups for one in group.paths):
            tail = long_line_bytes(path, MAX_LINE_BYTES)
            if tail >= MAX_LINE_BYTES:
                raise SourceError(f"{self._files.shown}: {_which(path)} line is longer than 128 MiB.",
                                  hint="Is a quote never closed, or is it no csv?")
            self._long_lines |= tail > DEFAULT_LINE_BYTES
        guess = TypeGuess(connection, self._options)
        raws = [f"c{i}" for i in range(len(self._names))]
        try:
            with engine_errors():
                kinds = guess.of(sampled(), raws, rows=None) if everything else guess.of(sampled(), raws)
        except PlutoError as error:
            if not _LONG.search(words_of(error)):
                raise
            self._long_lines = True
            with engine_errors():
                kinds = guess.of(sampled(), raws, rows=None) if everything else guess.of(sampled(), raws)
        self._types = dict(zip(self._names, kinds, strict=True))
        if self._keep:
            self.settle(connection)

    def _column(self, name: str, kind: TextType) -> FileColumn:
        i = self._names.index(name)
        checked = kind.checked(f"c{i}", f"v{i}") if not self._keep else f"v{i}"
        notes = [kind.note] if kind.note else []
        if any(name in group.dialect.renamed for group in self._groups):
            notes.append("named here, for the file gives the name twice or none")
        return column(name, kind.type, checked, source_type="text", note="; ".join(notes),
                      guess=kind.guess or len(notes) > bool(kind.note))

    def _extra(self) -> list[FileColumn]:
        if self._options.get("filename") != "true":
            return []
        return [column("filename", "VARCHAR", "filename", source_type="path", note="the file of each row")]

    def cast(self, col: FileColumn, kind: str) -> FileColumn:
        if col.name not in self._types:
            return column(col.name, kind, f"{col.select}::{kind}")
        self._types[col.name] = replace(self._types[col.name], type=kind, certain=True, note="", guess=False)
        if kind not in ("VARCHAR", "BLOB", "JSON"):
            self._types[col.name] = replace(self._types[col.name], padded=True)
        if kind not in ("DATE", "TIMESTAMP"):
            self._types[col.name] = replace(self._types[col.name], format="")
        return self._column(col.name, self._types[col.name])

    # -- rows -------------------------------------------------------------------------------------

    def source(self, connection: Any, columns: Sequence[FileColumn]) -> str:
        wanted = [self._names.index(one.name) for one in columns if one.name in self._types]
        values = [f"{self._types[self._names[i]].value(f'c{i}', quiet=self._keep)} AS v{i}" for i in wanted]
        raws = [f"c{i}" for i in wanted] + (["filename"] if self._extra() else [])
        inner = f"(SELECT {', '.join([*raws, *values]) or 'c0'} FROM {self._from(self._groups, flat=False)})"
        kept = [f"(v{i} IS NOT NULL OR {self._types[self._names[i]].clean(f'c{i}')} IS NULL)" for i in wanted
                if self._types[self._names[i]].type != "VARCHAR"]
        return f"(SELECT * FROM {inner} WHERE {' AND '.join(kept)})" if self._keep and kept else inner

    def _from(self, groups: Sequence[_Alike], *, flat: bool) -> str:
        """Columns c0, c1, ... in the order of the table's names, from all files."""
        parts = []
        for group in groups:
            have = {fold(name): i for i, name in enumerate(group.dialect.names)}
            words = ", ".join(literal(one) for one in group.dialect.nulls if one)

            def value(raw: str, words: str = words) -> str:  # a word for nothing is one in quotes, too; "" is a text
                return f"CASE WHEN {raw} IN ({words}) THEN NULL ELSE {raw} END" if words else raw

            picks = [f"{value(f'c{have[fold(name)]}')} AS c{i}" if fold(name) in have else f"NULL::VARCHAR AS c{i}"
                     for i, name in enumerate(self._names)]
            if self._extra() and not flat:
                renamed = ", ".join(f"[{literal(str(a))}, {literal(str(b))}]"
                                    for a, b in zip(group.paths, group.given, strict=True) if a != b)
                picks.append("filename AS filename" if not renamed else
                             f"list_filter([{renamed}], x -> x[1] = filename)[1][2] AS filename")
            parts.append(f"SELECT {', '.join(picks)} FROM {self._function(group)}")
        return f"({' UNION ALL '.join(parts)})"

    def _function(self, group: _Alike, *, store: bool = False) -> str:
        keep = ", ignore_errors=true" if self._keep and not store else ""
        name = ", filename=true" if self._extra() else ""
        return (f"system.main.read_csv({path_list(group.paths)}, "
                f"{group.dialect.arguments(keep_going=store, long_lines=self._long_lines)}{keep}{name})")

    # -- what went wrong --------------------------------------------------------------------------

    def settle(self, connection: Any, said: str = "") -> bool:
        """Every value of the columns that lose one is looked at; they get a type that holds all of them."""
        if not self._long_lines and _LONG.search(said):
            self._long_lines = True
            return True
        source = self._from(self._groups, flat=True)
        at_risk = [(i, name, kind) for i, (name, kind) in enumerate(self._types.items())
                   if kind.type != "VARCHAR" and not kind.certain]
        if not at_risk:
            return False
        asked = []
        for i, _name, kind in at_risk:
            c, value = kind.clean(f"c{i}"), kind.value(f"c{i}", quiet=True)
            changes = kind.changes(f"c{i}", f"({value})")
            asked += [f"count_if({c} IS NOT NULL AND {value} IS NULL)", f"count_if({changes})" if changes else "0"]
        with engine_errors():
            counts = connection.execute(f"SELECT {', '.join(asked)} FROM {source}").fetchall()[0]
        changed = False
        for number, (i, name, kind) in enumerate(at_risk):
            unread, altered = counts[2 * number], counts[2 * number + 1]
            if not unread and not altered:
                continue
            rows = f"(FROM {source} WHERE {kind.value(f'c{i}', quiet=True)} IS NOT NULL)" if self._keep else source
            with engine_errors():
                [better] = TypeGuess(connection, self._options).of(rows, [f"c{i}"], rows=None)
            # A value that reads as nothing of the kind is the row's fault: it is told, not made text of.
            if better.type == "VARCHAR" and unread and not self._keep and not self._digits_only(connection, source, i):
                continue
            if better != kind:
                self._types[name] = replace(better, certain=True)
                changed = True
        return changed

    def _digits_only(self, connection: Any, source: str, i: int) -> bool:
        """Nothing but digits and their signs: too long, or 0-prefixed, but no stray word."""
        with engine_errors():
            return not connection.execute(
                f"SELECT count_if(NOT regexp_full_match(trim(c{i}), '[+-]?[0-9]*[.]?[0-9]*([eE][+-]?[0-9]+)?')) "
                f"FROM {source}").fetchall()[0][0]

    def problem(self, connection: Any, said: str) -> SourceError:
        for group in self._groups or []:
            found = Problem(connection, self._names, self._types, group.dialect, self._options).find(
                group.paths, group.given, self._function(group), said)
            if found is not None:
                return found
        return problem_said(self._files.shown, said)

    def rejects(self, connection: Any, columns: Sequence[FileColumn]) -> str:
        if not self._keep:
            return ""
        if not self._rejects:
            types = {one.name: self._types[one.name] for one in columns if one.name in self._types}
            target = self._folder / f"rejects-{len(list(self._folder.iterdir()))}.parquet"
            for group in self._groups:
                write_rejects(connection, target, group.paths, group.given, group.dialect, types,
                              self._function(group, store=True))
            self._rejects = f"SELECT * FROM system.main.read_parquet({literal(str(target))})"
        return self._rejects
