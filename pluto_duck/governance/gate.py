"""The Gate: what every statement must pass before it runs."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pluto_duck.errors import PlutoError, Refused
from pluto_duck.governance.binding import Bound, bind
from pluto_duck.governance.everyone import refuse_depth, refuse_for_everyone
from pluto_duck.governance.functions import allowed
from pluto_duck.governance.limits import MAX_TEXT
from pluto_duck.governance.names import Names
from pluto_duck.governance.refusals import parameter
from pluto_duck.governance.show import show_tables
from pluto_duck.governance.walk import Walk
from pluto_duck.workspace.parser import Parser, Statement, Token
from pluto_duck.workspace.protocol import Json
from pluto_duck.workspace.tableref import TableRef

CACHED = 512
"""Answers that are kept, refusals too; texts longer than CACHED_TEXT are checked again each time."""
CACHED_TEXT = 8_000

_READS = frozenset({"select", "from", "with", "values", "table", "describe", "desc", "summarize", "show", "pivot",
                    "pivot_wider", "unpivot", "pivot_longer", "("})
"""How a statement that only reads begins."""


@dataclass(frozen=True)
class Approved:
    """A statement that may run."""

    sql: str
    tables: frozenset[TableRef]
    """What it names of the granted tables; names folded."""


class Gate:
    """One for each host. Holds no grants: those come with each check."""

    def __init__(self, parser: Parser, protected_paths: Iterable[str | os.PathLike[str]] = ()) -> None:
        """`protected_paths`: files that no SQL may open, because closing them again would drop the lock
        that this process holds on them."""
        self.parser = parser
        self._protected = tuple(os.path.realpath(one) for one in protected_paths)
        self._answers: OrderedDict[tuple[str, int], tuple[Names, Approved | PlutoError]] = OrderedDict()
        self._lock = threading.Lock()

    def statements(self, sql: str, tokens: Sequence[Token] | None = None) -> list[Statement]:
        """The statements of a text, classified by DuckDB's own parser, after what nobody may do. `tokens`: those of
        the text, where they are known."""
        if tokens is None:
            refuse_depth(sql)
            tokens = self.parser.tokens(sql)
        refuse_for_everyone(tokens, sql, self._protected)
        return list(self.parser.statements(sql))

    def bound(self, sql: str, parameters: Mapping[str, Json]) -> Bound:
        """`sql` with its parameters' values in it, to be approved; what can't be bound stays for `approved` to
        refuse. Raises UsageError for a parameter without a value."""
        if len(sql) > MAX_TEXT or ("$" not in sql and "?" not in sql):
            return Bound(sql, sql)
        sql, tokens = self._trimmed(sql)
        self._one_read(tokens)
        statements = self.statements(sql, tokens)
        if len(statements) != 1 or not statements[0].parameters:
            return Bound(sql, sql)
        try:
            return bind(self.parser, sql, statements[0], parameters)
        except RecursionError:
            raise _too_deep() from None

    def read_only(self, sql: str, names: Names) -> str:
        """The SQL to run for a read-only actor who may name `names`; raises as `approved`."""
        return self.approved(sql, names).sql

    def approved(self, sql: str, names: Names) -> Approved:
        """For a read-only actor who may name `names`; raises Refused, UnknownName or StatementError."""
        key = (sql, id(names))
        with self._lock:
            known = self._answers.get(key)
            if known is not None and known[0] is names:
                self._answers.move_to_end(key)
                if isinstance(known[1], PlutoError):
                    raise _again(known[1])
                return known[1]
        answer: Approved | PlutoError
        try:
            answer = self._checked(sql, names)
        except PlutoError as error:
            answer = error
        if len(sql) <= CACHED_TEXT:
            with self._lock:
                self._answers[key] = (names, answer)
                while len(self._answers) > CACHED:
                    self._answers.popitem(last=False)
        if isinstance(answer, PlutoError):
            raise _again(answer) from answer.__cause__
        return answer

    def _checked(self, sql: str, names: Names) -> Approved:
        if len(sql) > MAX_TEXT:
            raise Refused(f"The statement is longer than {MAX_TEXT:,} characters.", hint="Ask for less at once.")
        sql, tokens = self._trimmed(sql)
        self._one_read(tokens)
        statements = self.statements(sql, tokens)
        if any(one.parameters for one in statements):
            raise parameter()
        answered = show_tables(tokens, names)
        if answered is not None:
            return Approved(answered, frozenset())
        try:
            tree = self.parser.tree(sql)
        except RecursionError:
            raise _too_deep() from None
        if len(statements) != 1 or tree.get("error") is not False or len(tree["statements"]) != 1:
            raise self._not_one_select(tokens)
        walk = Walk(names, allowed(self.parser.version()))
        walk.read(tree["statements"][0])
        return Approved(sql, frozenset(walk.used))

    def _trimmed(self, sql: str) -> tuple[str, list[Token]]:
        """Without a last `;`: 2.0 streams a SELECT by putting it into brackets, where one with a comment is
        an error."""
        refuse_depth(sql)
        tokens = list(self.parser.tokens(sql))
        while tokens and tokens[-1].text == ";":
            sql = sql.encode()[:tokens.pop().start].decode()
        return sql, tokens

    def _one_read(self, tokens: list[Token]) -> None:
        """By the words alone, before anything is parsed: parsing IMPORT DATABASE, 1.5 opens its files."""
        if any(one.text == ";" for one in tokens):
            raise Refused("Only one statement at a time may run here.", hint="Write a single SELECT statement.")
        if tokens and tokens[0].text.lower() not in _READS:
            raise self._not_one_select(tokens)

    def _not_one_select(self, tokens: list[Token]) -> Refused:
        words = [one.text.lower() for one in tokens if one.kind in ("keyword", "identifier")]
        if "pivot" in words or "pivot_wider" in words:
            return Refused("PIVOT without IN is refused here: it would first make a type.",
                           hint="List the values: PIVOT t ON column IN ('a', 'b') USING sum(x).")
        if words[:1] == ["explain"]:
            return Refused("EXPLAIN is the owner's: a plan shows more than the role may see.",
                           hint="Run the SELECT itself.")
        return Refused(f"Only a SELECT may run here, not {words[0].upper() if words else 'this'}.",
                       hint="Write a single SELECT statement; the owner of the workspace can run others.")


def _too_deep() -> Refused:
    return Refused("The statement is nested too deep.", hint="Split it with WITH.")


def _again(error: PlutoError) -> PlutoError:
    """A fresh one: an error that is raised twice would grow its traceback and keep frames alive."""
    return type(error)(error.message, hint=error.hint, **error.facts)
