"""Adding checks to the text of a checks.yaml: what a person wrote stays, comments and all."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import UsageError
from pluto_duck.governance.checks.model import FILE, Check, Checks, Severity
from pluto_duck.governance.checks.reading import read
from pluto_duck.workspace import TableRef
from pluto_duck.workspace.tableref import fold

if TYPE_CHECKING:
    from yaml.nodes import MappingNode, Node, SequenceNode

START = """\
# What the tables are expected to be. `pluto-duck check` holds them against it; docs/checks.md tells all of it.
version: "1"
tables:
"""
_PLAIN = re.compile(r"[A-Za-z_]\w*( \w+)*\Z|-?\d{1,18}(\.\d{1,18})?\Z", re.ASCII)


@dataclass(frozen=True)
class Entry:
    """One to be added, as the file says it."""

    table: TableRef
    kind: str
    value: str
    """YAML, on the same line."""
    severity: Severity = "error"

    def lines(self, indent: str) -> list[str]:
        found = [f"{indent}- {self.kind}: {self.value}"]
        return [*found, f"{indent}  severity: {self.severity}"] if self.severity != "error" else found


def scalar(text: str) -> str:
    """As it may stand in a list or a map in braces."""
    return text if _PLAIN.match(text) else json.dumps(text, ensure_ascii=False)


def listed(texts: Sequence[str]) -> str:
    """A single one without brackets."""
    return scalar(texts[0]) if len(texts) == 1 else f"[{', '.join(map(scalar, texts))}]"


def said(checks: Checks, table: TableRef, kind: str, columns: Iterable[str]) -> bool:
    """Whether a person has spoken about this already: the same kind of the same columns, or a key that implies it."""
    wanted = {fold(one) for one in columns}
    for one in checks.of(table):
        names = {fold(name) for name in one.columns}
        if one.kind == kind and names == wanted:
            return True
        if one.kind == "primary_key" and (kind == "primary_key" or (kind == "unique" and names == wanted)
                                          or (kind == "not_null" and wanted <= names)):
            return True
    return False


def added(text: str, entries: Sequence[Entry]) -> str:
    """The text with them. Raises ChecksError for one that can't be read, UsageError where it is written in a way that
    can't be added to."""
    returns = "\r\n" in text
    text = text.replace("\r\n", "\n") or START
    before = read(text)
    after = text
    for table in {one.table.key: one.table for one in entries}.values():
        after = _into(after, table, [one for one in entries if one.table.key == table.key])
    found = read(after)
    if before.publishing != found.publishing or any(
            _bare(before.of(table)) != _bare(found.of(table))[:len(before.of(table))] for table in before.tables):
        raise UsageError(f"{FILE} is written in a way that can't be added to safely.", hint="Add to it by hand.")
    return after.replace("\n", "\r\n") if returns else after


def _bare(checks: Sequence[Check]) -> list[Check]:
    return [replace(one, line=0) for one in checks]


def _into(text: str, table: TableRef, entries: Sequence[Entry]) -> str:
    import yaml

    root: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    tables = _value(root, "tables")
    if tables is None:
        return f"{text.rstrip()}\ntables:\n{_whole(table, entries, '  ')}"
    if not isinstance(tables, yaml.MappingNode):  # nothing stands behind it yet
        return _after_line(text, tables.start_mark.index, _whole(table, entries, "  "))
    if tables.flow_style:
        raise UsageError(f"{FILE}: tables in braces can't be added to.", hint="Write each table on a line of its own.")
    key, value = _pair(tables, table)
    if key is None or value is None:
        return _after_line(text, _last(tables), _whole(table, entries, " " * tables.value[0][0].start_mark.column))
    if isinstance(value, yaml.MappingNode) and value.value and not value.flow_style:
        inner = next(((one, other) for one, other in value.value if one.value == "checks"), None)
        if inner is None:
            indent = " " * value.value[0][0].start_mark.column
            return _after_line(text, _last(value), f"{indent}checks:\n{_lines(entries, indent + '  ')}")
        key, value = inner
    if isinstance(value, yaml.SequenceNode) and value.value and not value.flow_style:
        return _after_line(text, _last(value), _lines(entries, " " * value.start_mark.column))
    if isinstance(value, yaml.ScalarNode):
        return _after_line(text, value.start_mark.index, _lines(entries, " " * (key.start_mark.column + 2)))
    raise UsageError(f"{FILE}, line {value.start_mark.line + 1}: a list in brackets can't be added to.",
                     hint="Write each check on a line of its own.")


def _whole(table: TableRef, entries: Sequence[Entry], indent: str) -> str:
    name = str(table) if _PLAIN.match(table.name) and _PLAIN.match(table.schema) else json.dumps(table.sql)
    return f"{indent}{name}:\n{_lines(entries, indent + '  ')}"


def _lines(entries: Sequence[Entry], indent: str) -> str:
    return "".join(f"{line}\n" for one in entries for line in one.lines(indent))


def _value(root: MappingNode, name: str) -> Node | None:
    return next((value for key, value in root.value if key.value == name), None)


def _pair(tables: MappingNode, table: TableRef) -> tuple[Node | None, Node | None]:
    found = [(key, value) for key, value in tables.value if TableRef.parse(key.value).key == table.key]
    return found[0] if found else (None, None)


def _last(node: MappingNode | SequenceNode) -> int:
    """The index of the end of what it says last: a block's own end is behind the comments that follow."""
    import yaml

    last: Any = node
    while isinstance(last, yaml.CollectionNode) and last.value and not last.flow_style:
        last = last.value[-1]
        last = last[1] if isinstance(last, tuple) else last
    return int(last.end_mark.index)


def _after_line(text: str, index: int, more: str) -> str:
    # What ends a block scalar stands at the beginning of the next line already.
    if index and text[index - 1:index] == "\n" and text[index:].strip():
        return text[:index] + more + text[index:]
    end = text.find("\n", index)
    if end < 0:
        return f"{text.rstrip()}\n{more}"
    return text[:end + 1] + more + text[end + 1:]
