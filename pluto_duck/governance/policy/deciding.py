"""Which rule decides: the grants of an actor's roles that fit an action on a table, and what they show of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pluto_duck.workspace.globs import OURS, fits_table
from pluto_duck.workspace.tableref import TableRef, fold

if TYPE_CHECKING:
    from pluto_duck.governance.policy.file import InForce
    from pluto_duck.governance.policy.model import Action, Grant, Mask


@dataclass(frozen=True, eq=False)
class Rule:
    """One grant that fits."""

    role: str
    number: int
    """Of the grant in its role, from 1."""
    line: int
    grant: Grant

    def __str__(self) -> str:
        return f"role {self.role}, grant {self.number} (line {self.line})"

    def shows(self, column: str) -> bool:
        return self.grant.shows(column)

    def mask(self, column: str) -> Mask | None:
        return self.grant.mask_of(column)


@dataclass(frozen=True)
class Decision:
    allowed: bool
    rules: tuple[Rule, ...]
    """Those that allow it, in the order of the roles and the file. Rows and columns of all of them are seen."""
    why: str

    @property
    def filtered(self) -> bool:
        """True where some rows stay hidden: no rule gives all of them."""
        return self.allowed and all(rule.grant.rows for rule in self.rules)


def decide(in_force: InForce, roles: Sequence[str], action: Action, table: TableRef) -> Decision:
    """Without a rule that says yes, the answer is no."""
    policy = in_force.policy
    if policy is None:
        return Decision(False, (), in_force.why)
    if fold(table.schema) == OURS:
        return Decision(False, (), f"{OURS} keeps the workspace's own records; no rule reaches them.")
    rules = tuple(
        Rule(name, i + 1, in_force.line_of(name, i), grant)
        for name in dict.fromkeys(roles) if name in policy.roles
        for i, grant in enumerate(policy.roles[name].grants)
        if action in grant.actions and any(fits_table(one, table) for one in grant.tables))
    partly = [rule for rule in rules if action == "approve" and not rule.grant.is_whole]
    rules = tuple(rule for rule in rules if rule not in partly)
    if rules:
        return Decision(True, rules, "; ".join(str(one) for one in rules))
    unknown = [name for name in roles if name not in policy.roles]
    known = [name for name in roles if name in policy.roles]
    if unknown and not known:
        return Decision(False, (), f"There is no {_listed('role', unknown)} in the policy: it grants nothing.")
    why = f"No grant of {_listed('role', known)} gives {action} on {table}." if known else "The actor has no role."
    if partly:
        why = f"{'; '.join(map(str, partly))}: approve counts for the whole of a table alone."
    if unknown:
        why += f" {_listed('Role', unknown)} {'is' if len(unknown) == 1 else 'are'} not in the policy."
    return Decision(False, (), f"{why} What nobody grants is denied.")


def allowed_columns(decision: Decision, columns: Iterable[str]) -> list[str]:
    """Those that at least one rule shows, masked or not, in their order."""
    return [one for one in columns if any(rule.shows(one) for rule in decision.rules)]


def _listed(what: str, names: Sequence[str]) -> str:
    return f"{what}{'s' if len(names) > 1 else ''} {', '.join(names)}"
