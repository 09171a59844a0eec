"""What the owner may ask about the policy: whether it fits the tables, and which rule decides."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import UsageError
from pluto_duck.governance import Actor, GovernedCatalog
from pluto_duck.governance.policy import FILE, InForce
from pluto_duck.governance.policy.file import text_of
from pluto_duck.session.targets import SCHEMA
from pluto_duck.workspace import TableRef
from pluto_duck.workspace.protocol import Reply, Request

if TYPE_CHECKING:
    from pluto_duck.governance.policy.checking import Finding
    from pluto_duck.governance.policy.model import Action
    from pluto_duck.session import Session
    from pluto_duck.session.handler import SessionHandler


@dataclass(frozen=True)
class RoleChecked:
    name: str
    description: str
    tables: tuple[str, ...]
    """That it sees."""
    approves: tuple[str, ...]
    """Patterns of the tables whose proposals it decides."""


@dataclass(frozen=True)
class Checked:
    """A policy held against the tables."""

    findings: tuple[Finding, ...]
    roles: tuple[RoleChecked, ...]
    why: str
    """Why it is not in force; "" where it is."""


@dataclass(frozen=True)
class Explained:
    """What the policy in force says of one action on one table."""

    table: str
    action: str
    allowed: bool
    why: str
    rows: tuple[tuple[str, str], ...] = ()
    """(rule, its condition); "" for every row."""
    missing: tuple[str, ...] = ()
    """Claims that conditions ask for and the actor does not have: their rows stay hidden."""
    columns: tuple[tuple[str, str, str], ...] = ()
    """(name, how it is shown, by which rule)."""


def check(session: Session) -> Checked:
    from pluto_duck.governance.policy.checking import Finding

    found = session.policy("check")
    return Checked(tuple(Finding(**one) for one in found["findings"]),
                   tuple(RoleChecked(name, said, tuple(tables), tuple(approves))
                         for name, said, tables, approves in found["roles"]), found["why"])


def explain(session: Session, actor: Actor, action: str, table: str | None = None) -> list[Explained]:
    """For one table, or for every one there is. Raises UnknownName for a table that is not there."""
    found = session.policy("explain", actor=actor.to_dict(), action=action, table=table)
    return [Explained(one["table"], one["action"], one["allowed"], one["why"],
                      tuple((rule, rows) for rule, rows in one["rows"]), tuple(one["missing"]),
                      tuple((name, shown, rule) for name, shown, rule in one["columns"])) for one in found["explained"]]


def may(session: Session, actor: Actor, action: Action, tables: Sequence[TableRef]) -> list[bool]:
    """Of tables that need not be there yet."""
    found = session.policy("may", actor=actor.to_dict(), action=action,
                           tables=[[one.schema, one.name] for one in tables]) if tables else {"may": []}
    return [bool(one) for one in found["may"]]


# -- in the host --------------------------------------------------------------------------------------

def answer(handler: SessionHandler, request: Request, tables: dict[TableRef, list[str]]) -> Reply:
    """`tables`: the owner's, with their columns."""
    if request.args["what"] == "check":
        return Reply(_check(handler, tables))
    if request.args["what"] == "may":
        return Reply({"may": _may(handler, request.args)})
    return Reply({"explained": _explain(handler, request.args, tables)})


def _check(handler: SessionHandler, tables: dict[TableRef, list[str]]) -> dict[str, Any]:
    from pluto_duck.governance.policy.checking import Finding, findings
    from pluto_duck.governance.policy.reading import read

    in_force = handler.policy.current()
    why = in_force.why
    try:
        policy, _data, lines = read(text_of(handler.policy.path))
    except FileNotFoundError:
        return {"findings": [], "roles": [], "why": why}
    except OSError as error:
        raise UsageError(f"{FILE} can't be read: {error.strerror}.") from error
    draft = InForce(policy, "", lines, number=1)
    found = findings(draft, tables)
    roles = []
    for name, role in policy.roles.items():
        # Its views are made in a catalog that no actor stands in, and taken down again.
        catalog = GovernedCatalog(handler.database, (name,), "", scratch=True)
        try:
            catalog.follow(handler.ledger.version(SCHEMA), draft)
            found += [Finding("broken", draft.line_of(name, 0), f"role {name} does not see {table}: {error.message}",
                              error.hint) for table, error in catalog.problems.items()]
            roles.append([name, role.description, [str(one) for one in catalog.names],
                          [one for grant in role.grants if "approve" in grant.actions and grant.is_whole
                           for one in grant.tables]])
        finally:
            catalog.detach()
    return {"findings": [asdict(one) for one in found], "roles": roles, "why": why}


def _may(handler: SessionHandler, args: dict[str, Any]) -> list[bool]:
    from pluto_duck.governance.policy.deciding import decide

    actor, in_force = Actor.from_dict(args["actor"]), handler.policy.current()
    return [decide(in_force, actor.roles or (), args["action"], TableRef(name, schema)).allowed
            for schema, name in args["tables"]]


def _explain(handler: SessionHandler, args: dict[str, Any], tables: dict[TableRef, list[str]]) -> list[dict[str, Any]]:
    from pluto_duck.errors import unknown_name
    from pluto_duck.governance.policy.checking import columns_shown
    from pluto_duck.governance.policy.deciding import decide
    from pluto_duck.governance.policy.model import ACTIONS

    if args["action"] not in ACTIONS:
        raise unknown_name("action", str(args["action"]), ACTIONS)
    actor, in_force = Actor.from_dict(args["actor"]), handler.policy.current()
    wanted = list(tables)
    if args["table"]:
        key = TableRef.parse(str(args["table"])).key
        wanted = [one for one in tables if one.key == key]
        if not wanted and args["action"] == "approve":  # a proposal may make it
            wanted = [TableRef.parse(str(args["table"]))]
        if not wanted:
            raise unknown_name("table", str(args["table"]), [str(one) for one in tables])
    found = []
    for table in sorted(wanted, key=lambda one: one.key):
        decision = decide(in_force, actor.roles or (), args["action"], table)
        claims = {name for rule in decision.rules for name in _claims(handler, rule.grant.rows)}
        found.append({
            "table": str(table), "action": args["action"], "allowed": decision.allowed, "why": decision.why,
            "rows": [[str(rule), rule.grant.rows] for rule in decision.rules],
            "missing": sorted(one for one in claims if actor.claim(one) is None),
            "columns": [[one.name, one.shown, one.rule] for one in columns_shown(
                decision, tables.get(table, []))] if decision.allowed else []})
    return found


def _claims(handler: SessionHandler, rows: str) -> set[str]:
    tokens = handler.database.parser.tokens(rows) if rows else []
    return {name.text.strip('"') for mark, name in itertools.pairwise(tokens) if mark.text == "$"}


__all__ = ["Checked", "Explained", "RoleChecked", "answer", "check", "explain", "may"]
