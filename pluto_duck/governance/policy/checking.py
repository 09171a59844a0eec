"""Holding a policy against the tables: what fits nothing, what can't be run, what was probably meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pluto_duck.governance.policy.deciding import Decision, Rule
from pluto_duck.workspace.globs import Glob, fits_table
from pluto_duck.workspace.tableref import TableRef, fold

if TYPE_CHECKING:
    from pluto_duck.governance.policy.file import InForce
    from pluto_duck.governance.policy.model import Grant


@dataclass(frozen=True)
class Finding:
    level: str
    """"broken": it does not do what it says; "doubtful": it does, and may not be what was meant."""
    line: int
    text: str
    hint: str = ""


def findings(draft: InForce, tables: Mapping[TableRef, Sequence[str]]) -> list[Finding]:
    """`tables`: all of the owner's, with their columns. What binding would show is not looked for here."""
    found: list[Finding] = []
    for name, role in (draft.policy.roles if draft.policy is not None else {}).items():
        if not role.grants:
            found.append(Finding("doubtful", draft.line_of(name, 0), f"The role {name} is granted nothing."))
        for i, grant in enumerate(role.grants):
            found += _of_grant(f"role {name}, grant {i + 1}", draft.line_of(name, i), grant, tables)
    return found


def _of_grant(where: str, line: int, grant: Grant, tables: Mapping[TableRef, Sequence[str]]) -> list[Finding]:
    found = []
    fitting: set[TableRef] = set()
    for text in grant.tables:
        here = {one for one in tables if fits_table(text, one)}
        fitting |= here
        if not here and not {"ingest", "approve"} >= set(grant.actions):
            found.append(Finding("doubtful", line, f"{where}: {text} fits no table.",
                                 f"{text} is a table of the schema main; {text}.* is a schema."
                                 if "." not in text else ""))
    columns = {fold(column) for one in fitting for column in tables[one]}
    for what, texts in (("hide", grant.hide), ("masks", list(grant.masks)), ("columns", grant.columns)):
        for text in texts if fitting else ():
            if not any(Glob(text).fits(one) for one in columns):
                # What hides a column that is not there hides nothing: a slip of the pen would show the real one.
                # A pattern may well be a precaution for columns to come.
                slip = what != "columns" and Glob(text).is_plain
                found.append(Finding("broken" if slip else "doubtful", line,
                                     f"{where}: {what} names {text}, which is no column of its tables."))
    if "approve" in grant.actions and not grant.is_whole:
        found.append(Finding("broken", line, f"{where}: approve counts for the whole of a table alone, as a proposal "
                                             "shows and changes all of it.",
                             "Give it in a grant without rows, columns, hide and masks."))
    if "ask" in grant.actions and "read" not in grant.actions:
        found.append(Finding("doubtful", line, f"{where}: ask lets the agent use what the role may read, and this "
                                               "grant does not give read."))
    return found


@dataclass(frozen=True)
class ColumnShown:
    name: str
    shown: str
    """"as it is", "masked: ...", "hidden", or which rule shows what."""
    rule: str


def columns_shown(decision: Decision, columns: Sequence[str]) -> list[ColumnShown]:
    found = []
    for name in columns:
        showing = [rule for rule in decision.rules if rule.shows(name)]
        if not showing:
            found.append(ColumnShown(name, "hidden", "no rule shows it"))
            continue
        told = [_told(rule, name) for rule in showing]
        if len(set(told)) == 1 and len(showing) == len(decision.rules):
            found.append(ColumnShown(name, told[0], str(showing[0])))
        else:
            found.append(ColumnShown(name, "; ".join(f"{one} in {_rows(rule)}" for one, rule in
                                                     zip(told, showing, strict=True)),
                                     "; ".join(map(str, showing))))
    return found


def _told(rule: Rule, column: str) -> str:
    mask = rule.mask(column)
    return "as it is" if mask is None else f"masked: {mask}"


def _rows(rule: Rule) -> str:
    return f"rows where {rule.grant.rows}" if rule.grant.rows else "every row"
