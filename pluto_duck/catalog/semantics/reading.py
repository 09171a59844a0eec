"""A semantic file as it stands: its shape is checked here, entry by entry; its names against the data elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeVar

from pluto_duck.catalog.semantics.model import (
    FILE,
    ColumnWords,
    Join,
    Metric,
    Problem,
    Semantics,
    TableWords,
    Term,
    Verified,
)
from pluto_duck.catalog.semantics.nodes import Node, Unreadable, read
from pluto_duck.errors import UsageError, nearest
from pluto_duck.workspace import TableRef

SECTIONS = ("version", "tables", "metrics", "terms", "joins", "questions")
TABLE_KEYS = ("name", "synonyms", "description", "date", "columns")
COLUMN_KEYS = ("name", "synonyms", "unit", "description", "values", "hidden")
METRIC_KEYS = ("table", "expression", "filter", "synonyms", "unit", "date", "description")
TERM_KEYS = ("table", "filter", "synonyms", "description")
JOIN_KEYS = ("from", "to")
QUESTION_KEYS = ("question", "sql")
MAX_TEXT = 4_000
MAX_WORDS = 80
_COLUMN = re.compile(r'(?s)(.+)\.("(?:[^"]|"")+"|[^".]+)')

T = TypeVar("T")


class Wrong(Exception):
    """An entry that can't be used, and why."""

    def __init__(self, text: str, line: int, hint: str = "") -> None:
        super().__init__(text)
        self.text, self.line, self.hint = text, line, hint


def parse(text: str, source: str = FILE) -> Semantics:
    """Never raises: what can't be used stands in `problems`, with its line."""
    try:
        root = read(text)
    except Unreadable as error:
        return Semantics(problems=(Problem("", error.text, error.line, source=source),))
    if root is None or root.empty:
        return Semantics()
    return _File(root, source).read()


class _File:
    def __init__(self, root: Node, source: str) -> None:
        self.root = root
        self.source = source
        self.problems: list[Problem] = []
        self.lines: dict[tuple[str, str], int] = {}

    def read(self) -> Semantics:
        if self.root.kind != "map":
            self._broken("", "A semantic file holds sections: tables, metrics, terms, joins, questions.",
                         self.root.line)
            return Semantics(problems=tuple(self.problems))
        sections = self._pairs(self.root, "", SECTIONS)
        version = sections.get("version")
        if version is not None and version.text != "1":
            self._broken("version", f"Version {version.text or '?'} is not known here; 1 is.", version.line)
            return Semantics(problems=tuple(self.problems))
        tables = self._named(sections, "tables", self._table)
        metrics = self._named(sections, "metrics", self._metric)
        terms = self._named(sections, "terms", self._term)
        joins = self._listed(sections, "joins", self._join)
        questions = self._listed(sections, "questions", self._question)
        return Semantics(tables, metrics, terms, joins, questions, tuple(self.problems), self.lines)

    # -- sections ---------------------------------------------------------------------------------

    def _named(self, sections: dict[str, Node], name: str, make: Callable[[str, str, Node], T]) -> tuple[T, ...]:
        node = sections.get(name)
        if node is None or node.empty:
            return ()
        if node.kind != "map":
            self._broken(name, f"`{name}` must hold names, each with its entry below it.", node.line)
            return ()
        found = []
        for key, value in self._unique(node, name):
            self.lines[name, key.text] = key.line
            where = f"{name}.{key.text}"
            try:
                if name != "tables":
                    _say(key)
                found.append(make(key.text, where, value))
            except Wrong as wrong:
                self._broken(where, wrong.text, wrong.line, wrong.hint, (key.text, *_spoken(value)))
        return tuple(found)

    def _listed(self, sections: dict[str, Node], name: str, make: Callable[[str, Node], T]) -> tuple[T, ...]:
        node = sections.get(name)
        if node is None or node.empty:
            return ()
        if node.kind != "list":
            self._broken(name, f"`{name}` must be a list: each entry begins with a dash.", node.line)
            return ()
        found = []
        for number, item in enumerate(node.items):
            where = f"{name}[{number}]"
            self.lines[name, str(number)] = item.line
            try:
                found.append(make(where, item))
            except Wrong as wrong:
                self._broken(where, wrong.text, wrong.line, wrong.hint)
        return tuple(found)

    # -- entries ----------------------------------------------------------------------------------

    def _table(self, name: str, where: str, node: Node) -> TableWords:
        ref = _ref(name, node.line)
        if node.empty:
            return TableWords(ref, line=node.line, source=self.source)
        parts = self._pairs(node, where, TABLE_KEYS)
        columns: list[tuple[str, ColumnWords]] = []
        held = parts.get("columns")
        if held is not None and not held.empty:
            if held.kind != "map":
                self._broken(f"{where}.columns", "`columns` must hold the names of columns.", held.line)
            else:
                for key, value in self._unique(held, f"{where}.columns"):
                    at = f"{where}.columns.{key.text}"
                    try:
                        columns.append((key.text, self._column(at, key, value)))
                    except Wrong as wrong:
                        self._broken(at, wrong.text, wrong.line, wrong.hint, _spoken(value))
        return TableWords(ref, self._word(parts, "name", where), self._synonyms(parts, where),
                          self._plain(parts, "description", where), self._plain(parts, "date", where) or None,
                          tuple(columns), node.line, self.source)

    def _column(self, where: str, key: Node, node: Node) -> ColumnWords:
        if node.empty:
            return ColumnWords(line=key.line)
        parts = self._pairs(node, where, COLUMN_KEYS)
        return ColumnWords(self._word(parts, "name", where), self._synonyms(parts, where),
                           self._plain(parts, "unit", where), self._plain(parts, "description", where),
                           self._values(parts.get("values"), where), self._hidden(parts.get("hidden"), where), key.line)

    def _metric(self, name: str, where: str, node: Node) -> Metric:
        parts = self._pairs(node, where, METRIC_KEYS, all_known=True)
        return Metric(name, _ref(_need(parts, "table", node), node.line), _need(parts, "expression", node),
                      _text(parts.get("filter")), self._synonyms(parts, where), self._plain(parts, "unit", where),
                      _text(parts.get("date")) or None, self._plain(parts, "description", where), self.source)

    def _term(self, name: str, where: str, node: Node) -> Term:
        parts = self._pairs(node, where, TERM_KEYS, all_known=True)
        return Term(name, _ref(_need(parts, "table", node), node.line), _need(parts, "filter", node),
                    self._synonyms(parts, where), self._plain(parts, "description", where), self.source)

    def _join(self, where: str, node: Node) -> Join:
        parts = self._pairs(node, where, JOIN_KEYS, all_known=True)
        child, parent = (_column_of(_need(parts, key, node), node.line) for key in JOIN_KEYS)
        return Join(*child, *parent, self.source)

    def _question(self, where: str, node: Node) -> Verified:
        parts = self._pairs(node, where, QUESTION_KEYS)
        return Verified(_need(parts, "question", node), _need(parts, "sql", node))

    # -- parts of entries -------------------------------------------------------------------------

    def _pairs(
        self, node: Node, where: str, known: Iterable[str], *, all_known: bool = False
    ) -> dict[str, Node]:
        """`all_known`: one slip breaks the entry. A metric whose `filter` is misspelt would count too much."""
        if node.kind != "map":
            raise Wrong(f"There must be names and values here: {', '.join(known)}.", node.line)
        found: dict[str, Node] = {}
        for key, value in node.pairs if all_known else self._unique(node, where):
            close = nearest(key.text, known)
            said = f"`{key.text}` is not known here.", key.line, (
                f"Did you mean {close[0]}?" if close else f"There are: {', '.join(known)}.")
            if key.text in found:
                raise Wrong(f"`{key.text}` is here twice.", key.line)
            if key.text in known:
                found[key.text] = value
            elif all_known:
                raise Wrong(*said)
            else:
                self._broken(f"{where}.{key.text}" if where else key.text, *said, _spoken(value) or (key.text,))
        return found

    def _unique(self, node: Node, where: str) -> Iterable[tuple[Node, Node]]:
        seen: dict[str, int] = {}
        for key, value in node.pairs:
            if key.text in seen:
                self._broken(f"{where}.{key.text}" if where else key.text,
                             f"It is here twice: see line {seen[key.text]}. The second one is not used.", key.line,
                             words=(key.text, *_spoken(value)))
                continue
            seen[key.text] = key.line
            yield key, value

    def _word(self, parts: dict[str, Node], name: str, where: str) -> str:
        node = parts.get(name)
        if node is None or node.empty:
            return ""
        try:
            return _say(node)
        except Wrong as wrong:
            self._broken(f"{where}.{name}", wrong.text, wrong.line, words=_spoken(node))
            return ""

    def _plain(self, parts: dict[str, Node], name: str, where: str) -> str:
        try:
            return _text(parts.get(name))
        except Wrong as wrong:
            self._broken(f"{where}.{name}", wrong.text, wrong.line, wrong.hint)
            return ""

    def _synonyms(self, parts: dict[str, Node], where: str) -> tuple[str, ...]:
        node = parts.get("synonyms")
        return () if node is None else self._words(node, f"{where}.synonyms")

    def _words(self, node: Node, where: str) -> tuple[str, ...]:
        if node.empty:
            return ()
        if node.kind == "map":
            self._broken(where, "There must be a list of words here: [one, two].", node.line, words=_spoken(node))
            return ()
        found = []
        for item in node.items if node.kind == "list" else [node]:
            try:
                found.append(_say(item))
            except Wrong as wrong:
                self._broken(where, wrong.text, wrong.line, words=_spoken(item))
        return tuple(dict.fromkeys(found))

    def _values(self, node: Node | None, where: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
        if node is None or node.empty:
            return ()
        if node.kind != "map":
            self._broken(f"{where}.values", "Write a stored value and the words for it: {A: [active, live]}.",
                         node.line, words=_spoken(node))
            return ()
        return tuple((key.text, self._words(value, f"{where}.values.{key.text}"))
                     for key, value in self._unique(node, f"{where}.values"))

    def _hidden(self, node: Node | None, where: str) -> bool:
        """What can't be read hides: better a column too few than one too many."""
        if node is None or (node.kind == "text" and node.text.lower() in ("", "false", "no")):
            return False
        if node.kind != "text" or node.text.lower() not in ("true", "yes"):
            self._broken(f"{where}.hidden", "`hidden` is true or false; the column is hidden.", node.line)
        return True

    def _broken(self, where: str, text: str, line: int, hint: str = "", words: tuple[str, ...] = ()) -> None:
        self.problems.append(Problem(where, text, line, hint, "broken", words, self.source))


def _text(node: Node | None) -> str:
    if node is None or node.empty:
        return ""
    if node.kind != "text":
        raise Wrong("There must be one text here.", node.line)
    text = node.text.strip()
    if len(text) > MAX_TEXT or "\0" in text:
        raise Wrong(f"The text is longer than {MAX_TEXT:,} characters." if len(text) > MAX_TEXT
                    else "The text holds a NUL character.", node.line)
    return text


def _say(node: Node) -> str:
    """Words that a question may hold."""
    text = " ".join(_text(node).split())
    if not text or not any(one.isalnum() for one in text):
        raise Wrong("There must be a word here.", node.line)
    if len(text) > MAX_WORDS:
        raise Wrong(f"A name of more than {MAX_WORDS} characters is none that anybody says.", node.line)
    return text


def _need(parts: dict[str, Node], name: str, node: Node) -> str:
    text = _text(parts.get(name))
    if not text:
        raise Wrong(f"`{name}` is missing.", node.line)
    return text


def _ref(name: str, line: int) -> TableRef:
    try:
        return TableRef.parse(name)
    except UsageError as error:
        raise Wrong(error.message, line, error.hint) from None


def _column_of(text: str, line: int) -> tuple[TableRef, str]:
    found = _COLUMN.fullmatch(text)
    if found is None:
        raise Wrong(f"{text!r} is not a column of a table.", line, "Write table.column or schema.table.column.")
    column = found[2].strip()
    if column.startswith('"'):
        column = column[1:-1].replace('""', '"')
    return _ref(found[1], line), column


def _spoken(node: Node) -> tuple[str, ...]:
    """The words in an entry by which it might have been called, however broken it is."""
    if node.kind == "text":
        return (node.text,) if node.text else ()
    if node.kind == "list":
        return tuple(word for one in node.items for word in _spoken(one))
    return tuple(word for key in ("name", "synonyms") if (one := node.get(key)) is not None for word in _spoken(one))
