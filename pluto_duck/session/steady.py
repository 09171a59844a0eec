"""What a SELECT depends on besides the rows of its tables: told from its tree, so that a kept answer can be trusted.

Whatever is not known to be steady counts as changing: functions outside the reviewed list, files, samples, frames.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from pluto_duck.errors import PlutoError
from pluto_duck.governance.functions import allowed
from pluto_duck.governance.tree import nodes
from pluto_duck.workspace.parser import Parser
from pluto_duck.workspace.tableref import fold

KEPT = 512
LONGEST = 20_000
"""Characters of a text that is looked at."""

SERIES = frozenset({"range", "generate_series", "unnest"})
"""Table functions that give the same rows each time."""
BARE = frozenset({"current_catalog", "current_date", "current_role", "current_schema", "current_time",
                  "current_timestamp", "current_user", "localtime", "localtimestamp", "session_user", "user"})
"""Functions that are called without brackets, and so look like columns."""

Path = tuple[str, ...]


@dataclass(frozen=True)
class Reads:
    """One SELECT."""

    print: str = ""
    """The same for texts that differ in white space, comments and the case of keywords alone."""
    tables: frozenset[Path] = frozenset()
    """Names as written, in one to three parts; those of CTEs among them."""
    ctes: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    why: str = ""
    """Why an answer to it can't be kept; "" where it can, as far as the text tells."""


class Steady:
    """One for each parser; from any thread."""

    def __init__(self, parser: Parser) -> None:
        self._parser = parser
        self._known: OrderedDict[tuple[str, frozenset[str]], Reads] = OrderedDict()
        self._lock = threading.Lock()
        self._functions: dict[str, bool] | None = None

    def reads(self, sql: str, also: frozenset[str] = frozenset()) -> Reads:
        """`also`: functions that may be called besides, because what they return is known to whoever asks."""
        key = (sql, also)
        with self._lock:
            found = self._known.get(key)
            if found is not None:
                self._known.move_to_end(key)
                return found
        found = self._looked_at(sql, also)
        with self._lock:
            self._known[key] = found
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        return found

    def _looked_at(self, sql: str, also: frozenset[str]) -> Reads:
        if len(sql) > LONGEST:
            return Reads(why=f"the statement is longer than {LONGEST:,} characters")
        try:
            tree = self._parser.tree(sql)
        except (PlutoError, RecursionError):
            return Reads(why="the statement is not one SELECT")
        if tree.get("error") is not False or len(tree.get("statements") or ()) != 1:
            return Reads(why="the statement is not one SELECT")
        tables: set[Path] = set()
        functions: set[str] = set()
        ctes: set[str] = set()
        why = ""
        for node in nodes(tree["statements"][0]):
            if "key" in node and "value" in node:
                ctes.add(fold(str(node["key"])))
            kind = node.get("type")
            if kind == "RECURSIVE_CTE_NODE":
                ctes.add(fold(str(node.get("cte_name", ""))))
            name = node.get("function_name")
            if isinstance(name, str):
                functions.add(fold(name))
            why = why or self._changing(node, also)
            if kind == "BASE_TABLE":
                tables.add(_path(node))
        text = json.dumps(_plain(tree["statements"][0]), sort_keys=True)
        return Reads(hashlib.sha256(text.encode()).hexdigest(), frozenset(tables), frozenset(ctes),
                     frozenset(functions), why)

    def _changing(self, node: dict[str, Any], also: frozenset[str]) -> str:
        """Why what a node gives may be something else the next time."""
        kind = node.get("type")
        if kind == "SHOW_REF":
            return "it shows what is there now"
        if kind == "TABLE_FUNCTION":
            read = fold(str((node.get("function") or {}).get("function_name", "")))
            return "" if read in SERIES else f"it reads {read}()"
        if node.get("sample"):
            return "it takes a sample"
        if kind == "BASE_TABLE" and node.get("at_clause"):
            return "it reads a table as of another time"
        if kind == "COLUMN_REF":
            names: list[Any] = node.get("column_names") or []
            if len(names) == 1 and fold(str(names[0])) in BARE:
                return f"it asks for {fold(str(names[0]))}"
        name = node.get("function_name")
        if isinstance(name, str) and fold(name) not in also and not self._is_steady(fold(name)):
            return f"it calls {fold(name)}()"
        return ""

    def _is_steady(self, name: str) -> bool:
        if not name.isidentifier():
            return True  # operators have no names
        if self._functions is None:
            self._functions = self._classified()
        return name in SERIES or self._functions.get(name, False)

    def _classified(self) -> dict[str, bool]:
        """name -> whether every function of that name, of those this engine is born with, is steady."""
        reviewed, found = allowed(self._parser.version()), dict[str, bool]()
        macros: dict[str, list[str]] = {}
        for name, kind, stability, definition in self._parser.functions():
            name = fold(name)
            if kind == "macro":
                macros.setdefault(name, []).append(definition)
                continue
            good = name in reviewed and (stability == "CONSISTENT" or kind == "window")
            found[name] = found.get(name, True) and good
        for name in macros:
            found[name] = found.get(name, True) and name in reviewed and self._macro(name, macros, found, frozenset())
        return found

    def _macro(self, name: str, macros: dict[str, list[str]], known: dict[str, bool], within: frozenset[str]) -> bool:
        for definition in macros[name]:
            try:
                tree = self._parser.tree(f"SELECT {definition}")
            except (PlutoError, RecursionError):
                return False
            if tree.get("error") is not False:
                return False
            for node in nodes(tree["statements"]):
                called = node.get("function_name")
                if node.get("type") == "BASE_TABLE" or node.get("type") == "TABLE_FUNCTION":
                    return False
                if node.get("type") == "COLUMN_REF" and fold(str((node.get("column_names") or [""])[-1])) in BARE:
                    return False
                if not isinstance(called, str) or not called.isidentifier():
                    continue
                called = fold(called)
                if called in macros and called not in within | {name}:
                    if not self._macro(called, macros, known, within | {name}):
                        return False
                elif not known.get(called, False):
                    return False
        return True


def _path(node: dict[str, Any]) -> Path:
    parts = (node.get("qualified_name") or {}).get("path") or [
        one for one in (node.get("catalog_name"), node.get("schema_name"), node.get("table_name")) if one]
    return tuple(str(one) for one in parts)


def _plain(part: Any) -> Any:
    """The tree without the places of its parts in the text."""
    if isinstance(part, dict):
        return {key: _plain(value) for key, value in part.items() if key != "query_location"}
    return [_plain(one) for one in part] if isinstance(part, list) else part
