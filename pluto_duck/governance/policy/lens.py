"""What a role sees of one table, as the SELECT of its view."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pluto_duck.governance.policy.deciding import Decision, Rule
from pluto_duck.governance.policy.expressions import Expressions
from pluto_duck.governance.policy.model import Mask
from pluto_duck.workspace.literals import encode, to_sql
from pluto_duck.workspace.tableref import quote

_MADE_TEXT = ("hash", "partial")
_ORDER = {"": 0, "partial": 1, "expression": 2, "hash": 3, "null": 4}
"""Where several rules show a value of a row, the one that shows most of it comes first."""

_ENUM = re.compile(r"ENUM\((?:'(?:[^']|'')*'(?:, )?)*\)")
"""The type itself tells all its members, those of hidden rows too."""


@dataclass(frozen=True)
class Lens:
    select: str
    where: str
    """"" for every row."""
    claims: frozenset[str]
    masked: frozenset[str]
    """Columns that are not what the table holds, or not in every row."""
    barrier: bool
    """True where the view hides something that a condition of the reader's must not come near."""
    plain: frozenset[str] = frozenset()
    """Columns that are just what the table holds."""
    reads: frozenset[str] = frozenset()
    """Tables that conditions and masks look into, as SQL: who may see what hangs on their rows."""

    def sql(self, source: str) -> str:
        return f"SELECT {self.select} FROM {source}" + (f" WHERE {self.where}" if self.where else "")


class Lenses:
    """One for each rebuild of a role's catalog."""

    def __init__(self, expressions: Expressions, salt: str) -> None:
        self._expressions = expressions
        self._salt = salt
        self._reads: set[str] = set()

    def of(self, decision: Decision, columns: Sequence[tuple[str, str]]) -> Lens | None:
        """`columns`: (name, type) of the table. None where no rule shows a single one.
        Raises what reading the conditions and masks raises."""
        claims: set[str] = set()
        self._reads = set()
        rows = {rule: self._condition(rule, claims) for rule in decision.rules}
        picks, masked, plain, divided = [], set(), set(), False
        for name, full in columns:
            kind = _ENUM.sub("VARCHAR", full)
            pick = self._column(name, kind, rows, claims)
            if pick is None:
                continue
            expression, changed, cases = pick
            if kind != full:
                expression = f"CAST({expression} AS {kind})"
            divided |= cases
            masked |= {name} if changed else set()
            plain |= {name} if expression == quote(name) else set()
            picks.append(f"{expression} AS {quote(name)}")
        if not picks:
            return None
        conditions = list(dict.fromkeys(rows.values()))
        where = "" if "" in conditions else " OR ".join(conditions)
        return Lens(", ".join(picks), where, frozenset(claims), frozenset(masked), bool(where) or divided,
                    frozenset(plain), frozenset(self._reads))

    def condition(self, rule: Rule) -> str:
        """Of its rows, as SQL; "" for every row."""
        return self._condition(rule, set())

    def _condition(self, rule: Rule, claims: set[str]) -> str:
        if not rule.grant.rows:
            return ""
        found = self._expressions.read(rule.grant.rows)
        claims |= found.claims
        self._reads |= found.tables
        return found.guarded

    def _column(self, name: str, kind: str, rows: dict[Rule, str], claims: set[str]) -> tuple[str, bool, bool] | None:
        """(SQL, whether it differs from the value, whether it differs from row to row); None where nobody shows it."""
        showing = [rule for rule in rows if rule.shows(name)]
        if not showing:
            return None
        masks = {rule: rule.mask(name) for rule in showing}
        everywhere = [rule for rule in showing if not rows[rule]]
        if any(masks[rule] is None for rule in everywhere) or (
                len(showing) == len(rows) and all(one is None for one in masks.values())):
            return quote(name), False, False
        if len(showing) == len(rows) and len(set(map(str, masks.values()))) == 1:
            return self._masked(name, kind, masks[showing[0]], claims), True, False
        # Of each row, what the most generous of the rules that show this very row gives: a rule for some
        # rows must not lift the mask from others.
        text = any(mask is not None and mask.kind in _MADE_TEXT for mask in masks.values())
        cases, rest = "", "NULL"
        for rule in sorted(showing, key=lambda one: _ORDER[_kind(masks[one])]):
            value = self._masked(name, kind, masks[rule], claims)
            value = f"CAST({value} AS VARCHAR)" if text else value
            if not rows[rule]:
                rest = value
                break
            cases += f" WHEN {rows[rule]} THEN {value}"
        return (f"CASE{cases} ELSE {rest} END", True, True) if cases else (rest, True, False)

    def _masked(self, name: str, kind: str, mask: Mask | None, claims: set[str]) -> str:
        column = quote(name)
        if mask is None:
            return column
        if mask.kind == "null":
            return f"CAST(NULL AS {kind})"
        if mask.kind == "expression":
            found = self._expressions.read(mask.expression)
            claims |= found.claims
            self._reads |= found.tables
            return f"({found.sql}\n)"
        text = f"CAST({column} AS VARCHAR)"
        if mask.kind == "hash":
            salt = to_sql(encode(self._salt))
            return f"system.main.left(system.main.sha256({salt} || {text}), 16)"
        shown = mask.first + mask.last
        # At most half of a value is shown, and its length not at all.
        return (f"CASE WHEN {column} IS NULL THEN NULL WHEN system.main.length({text}) >= {max(1, 2 * shown)} "
                f"THEN system.main.left({text}, {mask.first}) || '***' || "
                f"{f'system.main.right({text}, {mask.last})' if mask.last else repr('')} ELSE '***' END")


def _kind(mask: Mask | None) -> str:
    return mask.kind if mask is not None else ""
