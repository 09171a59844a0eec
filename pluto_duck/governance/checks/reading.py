"""The text of a checks.yaml as Checks; what is wrong with it, by line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from pluto_duck.errors import PlutoError, SettingError, nearest
from pluto_duck.governance.checks.model import (
    DIMENSIONS,
    FILE,
    KINDS,
    MEASURES,
    ON_FAILURE,
    SEVERITIES,
    Check,
    Checks,
    Kind,
    OnFailure,
    Publishing,
)
from pluto_duck.governance.plain_yaml import Lines, plain
from pluto_duck.workspace import TableRef
from pluto_duck.workspace.tableref import parts

OPTIONS = ("name", "severity", "dimension", "where", "at_most")
MOST_CHECKS = 5_000
_NAME = re.compile(r"[^\x00-\x1f]{1,120}\Z")
_SPAN = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)\s*(s|min|m|h|d|w)\Z")
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_FIELDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "accepted_values": (("column", "values"), ()), "range": (("column",), ("min", "max")),
    "pattern": (("column", "matches"), ()), "relationship": (("column", "to"), ()),
    "row_count": ((), ("min", "max")), "freshness": (("within",), ("column",))}
"""kind -> what it must say, what it may say."""


class ChecksError(SettingError):
    """A checks.yaml that says what no checks can say."""

    code = "checks"


def read(text: str, file: str = FILE) -> Checks:
    """Raises ChecksError, with the line."""
    data, lines = plain(text, file, ChecksError, begins='version: "1"')
    reader = _Reader(file, lines)
    return Checks(tuple(reader.read(data)), reader.publishing)


@dataclass
class _Reader:
    file: str
    lines: Lines
    found: list[Check] = field(default_factory=list)
    publishing: dict[str, Publishing] = field(default_factory=dict)

    def wrong(self, at: tuple[str, ...], says: str, hint: str = "") -> ChecksError:
        while at and at not in self.lines:
            at = at[:-1]
        return ChecksError(f"{self.file}, line {self.lines.get(at, 1)}: {says}",
                           hint=hint or "docs/checks.md shows what may stand there.", line=self.lines.get(at, 1))

    def read(self, data: dict[str, Any]) -> list[Check]:
        self.known((), data, ("version", "tables"))
        if data.get("version") != "1":
            raise self.wrong(("version",), "the version must be 1.", 'It begins with: version: "1"')
        tables = data.get("tables") or {}
        if not isinstance(tables, dict):
            raise self.wrong(("tables",), "tables must be names, each with a list of checks.")
        seen: dict[str, str] = {}
        for name, entries in tables.items():
            at: tuple[str, ...] = ("tables", name)
            table = self.table(at, name)
            if table.key in seen:
                raise self.wrong(at, f"{name} is the same table as {seen[table.key]}.", "Keep one of them.")
            seen[table.key] = name
            if isinstance(entries, dict):
                self.publishing[table.key] = self.published(at, entries)
                at, entries = (*at, "checks"), entries.get("checks", "")
            if entries == "":
                continue
            if not isinstance(entries, list):
                raise self.wrong(at, f"{name} must have a list of checks.", "For example: - not_null: id")
            for number, entry in enumerate(entries):
                self.entry((*at, str(number)), table, entry)
        if len(self.found) > MOST_CHECKS:
            raise self.wrong((), f"there are more than {MOST_CHECKS:,} checks.")
        return self.found

    def published(self, at: tuple[str, ...], said: dict[str, Any]) -> Publishing:
        self.known(at, said, ("publish", "on_failure", "checks"))
        publish = self.one_of((*at, "publish"), said.get("publish", "unchecked"), ("checked", "unchecked"))
        on_failure = self.one_of((*at, "on_failure"), said.get("on_failure", "stop"), ON_FAILURE)
        return Publishing(publish == "checked", cast(OnFailure, on_failure))

    def entry(self, at: tuple[str, ...], table: TableRef, entry: Any) -> None:
        if not isinstance(entry, dict):
            raise self.wrong(at, "a check is a kind and what it asks for.", "For example: - not_null: id")
        self.known(at, entry, (*KINDS, *OPTIONS))
        kinds = [one for one in KINDS if one in entry]
        if len(kinds) != 1:
            raise self.wrong(at, f"{' and '.join(kinds)} are two checks." if kinds else "no check stands here.",
                             f"One of {', '.join(KINDS)} for each -.")
        kind = kinds[0]
        options = self.options(at, kind, entry)
        for asked in self.asked((*at, kind), kind, entry[kind]):
            label = ", ".join(asked.get("columns", ()))
            base = entry.get("name") or (f"{kind}({label})" if label else kind)
            self.found.append(Check(table, kind, self.free(at, table, base, "name" in entry),
                                    self.lines[at], **{**options, **asked}))

    def free(self, at: tuple[str, ...], table: TableRef, name: str, chosen: bool) -> str:
        taken = {one.name for one in self.found if one.table.key == table.key}
        if name not in taken:
            return name
        if chosen:
            raise self.wrong((*at, "name"), f"there is another check {name!r} of this table.",
                             "With a name, name one column; or leave the name out.")
        return next(f"{name} {number}" for number in range(2, MOST_CHECKS + 2) if f"{name} {number}" not in taken)

    def options(self, at: tuple[str, ...], kind: Kind, entry: dict[str, Any]) -> dict[str, Any]:
        said = {name: self.text((*at, name), entry[name]) for name in OPTIONS if name in entry}
        if "name" in said and not _NAME.match(said["name"]):
            raise self.wrong((*at, "name"), "this can't be the name of a check.", "One line of 120 characters at most.")
        severity = self.one_of((*at, "severity"), said.get("severity", "error"), SEVERITIES)
        dimension = self.one_of((*at, "dimension"), said.get("dimension", MEASURES[kind]), DIMENSIONS)
        if kind in ("row_count", "freshness", "aggregate") and "at_most" in said:
            raise self.wrong((*at, "at_most"), f"{kind} is not about single rows: nothing is at most.")
        at_most, percent = self.at_most((*at, "at_most"), said["at_most"]) if "at_most" in said else (0.0, False)
        return {"severity": severity, "dimension": dimension, "where": said.get("where", ""), "at_most": at_most,
                "percent": percent}

    def at_most(self, at: tuple[str, ...], text: str) -> tuple[float, bool]:
        percent = text.endswith("%")
        try:
            number = Decimal(text.removesuffix("%").strip())
        except InvalidOperation:
            number = Decimal(-1)
        if not number.is_finite() or number < 0 or (percent and number > 100) or (not percent and number % 1):
            raise self.wrong(at, f"{text!r} is no number of rows.", "For example 10, or 0.5%.")
        return float(number), percent

    def asked(self, at: tuple[str, ...], kind: Kind, said: Any) -> Iterable[dict[str, Any]]:
        """The fields of each check that an entry means: a list of columns means several."""
        if kind in ("not_null", "unique"):
            return [{"columns": (one,)} for one in self.names(at, said)]
        if kind == "primary_key":
            return [{"columns": self.names(at, said)}]
        if kind in ("sql", "aggregate"):
            return [{"expression": self.text(at, said)}]
        must, may = _FIELDS[kind]
        if not isinstance(said, dict):
            raise self.wrong(at, f"{kind} needs {', '.join(must) or 'min or max'}.", _EXAMPLES[kind])
        self.known(at, said, (*must, *may))
        for name in must:
            if name not in said:
                raise self.wrong(at, f"{name} is missing.", _EXAMPLES[kind])
        return [self.fields(at, kind, said)]

    def fields(self, at: tuple[str, ...], kind: Kind, said: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if "column" in said:
            columns = self.names((*at, "column"), said["column"])
            if len(columns) > 1 and kind != "relationship":
                raise self.wrong((*at, "column"), f"{kind} is about one column.")
            found["columns"] = columns
        if kind == "accepted_values":
            values = said["values"]
            if not isinstance(values, list) or not values or not all(isinstance(one, str) for one in values):
                raise self.wrong((*at, "values"), "values must be a list.", _EXAMPLES[kind])
            found["values"] = tuple(dict.fromkeys(values))
        if kind in ("range", "row_count"):
            least, most = (self.text((*at, one), said[one]) if one in said else "" for one in ("min", "max"))
            if not (least or most):
                raise self.wrong(at, "min or max is missing.", _EXAMPLES[kind])
            if kind == "row_count" and not all(one.isdecimal() for one in (least, most) if one):
                raise self.wrong(at, "a number of rows is whole.", _EXAMPLES[kind])
            found |= {"least": least, "most": most}
        if kind == "pattern":
            found["pattern"] = self.text((*at, "matches"), said["matches"])
        if kind == "freshness":
            found["within_s"] = self.span((*at, "within"), said["within"])
        if kind == "relationship":
            found |= self.relationship((*at, "to"), said["to"], len(found["columns"]))
        return found

    def relationship(self, at: tuple[str, ...], said: Any, many: int) -> dict[str, Any]:
        names = self.names(at, said)
        split = []
        for name in names:
            try:
                split.append(parts(name))
            except PlutoError as error:
                raise self.wrong(at, error.message) from None
        if any(not 2 <= len(one) <= 3 or not all(one) for one in split):
            raise self.wrong(at, f"{', '.join(names)} is not table.column.", _EXAMPLES["relationship"])
        tables = {TableRef(one[-2], one[0]) if len(one) == 3 else TableRef(one[-2]) for one in split}
        if len(tables) != 1 or len(split) != many:
            raise self.wrong(at, "there must be as many columns of one other table as of this one.")
        return {"parent": tables.pop(), "parent_columns": tuple(one[-1] for one in split)}

    def table(self, at: tuple[str, ...], name: str) -> TableRef:
        try:
            return TableRef.parse(name)
        except PlutoError as error:
            raise self.wrong(at, error.message, error.hint) from None

    def span(self, at: tuple[str, ...], said: Any) -> float:
        match = _SPAN.match(self.text(at, said).strip())
        if match is None or float(match[1]) == 0:
            raise self.wrong(at, f"{said!r} is no length of time.", "For example 90s, 30min, 12h, 1d, 2w.")
        return float(match[1]) * _UNITS[match[2]]

    def names(self, at: tuple[str, ...], said: Any) -> tuple[str, ...]:
        found = said if isinstance(said, list) else [said]
        if not found or not all(isinstance(one, str) and one and "\0" not in one for one in found):
            raise self.wrong(at, "this must be the name of a column, or a list of them.")
        if len(set(found)) < len(found):
            raise self.wrong(at, "a column stands there twice.")
        return tuple(found)

    def text(self, at: tuple[str, ...], said: Any) -> str:
        if not isinstance(said, str) or not said.strip() or "\0" in said:
            raise self.wrong(at, f"{at[-1]} must be a text.")
        return said

    def one_of(self, at: tuple[str, ...], said: str, known: tuple[str, ...]) -> str:
        if said not in known:
            raise self.wrong(at, f"{said!r} is no {at[-1]}.", _meant(said, known))
        return said

    def known(self, at: tuple[str, ...], said: dict[str, Any], known: tuple[str, ...]) -> None:
        for name in said:
            if name not in known:
                raise self.wrong((*at, name), f"{name!r} has no meaning here.", _meant(name, known))


def _meant(name: str, known: tuple[str, ...]) -> str:
    close = nearest(name, known)
    return f"Did you mean {' or '.join(close)}?" if close else f"One of {', '.join(known)}."


_EXAMPLES = {
    "accepted_values": "accepted_values: {column: status, values: [open, paid]}",
    "range": "range: {column: amount, min: 0, max: 10000}",
    "pattern": "pattern: {column: email, matches: '[^@ ]+@[^@ ]+'}",
    "relationship": "relationship: {column: customer_id, to: customers.id}",
    "row_count": "row_count: {min: 1}",
    "freshness": "freshness: {column: updated_at, within: 1d}"}
