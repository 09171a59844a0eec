"""`policy init|check|explain|try`: who may see and do what."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from pluto_duck.commands import Door, Facts, Rows
from pluto_duck.commands.asking import Format, _format, formatted
from pluto_duck.commands.group import SECTIONS, Whole, family
from pluto_duck.errors import Refused, UsageError, unknown_name

if TYPE_CHECKING:
    from pluto_duck.governance import Actor
    from pluto_duck.session import Session

START = """\
# Who may see and do what, besides you. What nobody grants is denied. docs/policy.md tells all of it.
#
#   pluto-duck policy check                       does it fit the tables?
#   pluto-duck trust                              shows what it grants; trust --yes allows it
#   pluto-duck policy try analyst "from orders"   what a role sees
version: "1"
roles:
  # analyst:
  #   description: Reads the orders of one region; the region comes with the key or token.
  #   grants:
  #     - tables: [orders, "sales.*"]
  #       actions: [read, ask]
  #       rows: region = $region
  #       hide: [card_number]
  #       masks: {email: partial, phone: hash}
  {}
"""

_roles = click.option("--role", "roles", multiple=True, required=True, metavar="ROLE",
                      help="A role of the actor; may be repeated.")
_claims = click.option("--claim", "claims", multiple=True, metavar="NAME=VALUE",
                       help="What is known of the actor: region=EU, ids=[1,2]. May be repeated.")


def actor(roles: tuple[str, ...], claims: tuple[str, ...]) -> Actor:
    """Somebody made up, with these roles and claims."""
    from pluto_duck.governance import Actor

    found: dict[str, Any] = {}
    for text in claims:
        name, equals, raw = text.partition("=")
        if not (name and equals):
            raise UsageError(f"The claim {text!r} is not name=value.", hint="For example: region=EU")
        try:
            value = json.loads(raw)
        except ValueError:
            value = raw
        found[name.removeprefix("$")] = raw if value is None or isinstance(value, dict) else value
    return Actor("key", "try", roles, found)


@family(SECTIONS[3], "policy check", "policy explain orders --role analyst --claim region=EU",
        'policy try analyst "from orders" --claim region=EU')
def policy(context: click.Context) -> object:
    """Who may see and do what: roles, grants, row filters and masks in policy.yaml.

    It rules everybody but you. Without a verb: what `policy check` says.
    """
    return context.invoke(check) if context.invoked_subcommand is None else None


@policy.verb("policy init")
@click.option("--personal", is_flag=True, help="In the personal workspace, where the current folder has none.")
def init(door: Door, personal: bool) -> str:
    """Write a policy.yaml that grants nothing yet, with comments."""
    from pluto_duck.governance.policy import FILE
    from pluto_duck.workspace import personal_root

    root = door.open_session().workspace.root
    path = root / FILE
    if root == personal_root().expanduser().resolve() and not personal and not path.exists():
        raise Refused(f"This folder has no workspace: {path} would rule the personal one.",
                      hint=f"{door.program} init makes one here; {door.program} policy init --personal means that one.")
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(START)
    except FileExistsError:
        raise Refused(f"There is {path} already; it is left as it is.",
                      hint=f"{door.program} policy check tells whether it fits.") from None
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}.") from error
    return f"Wrote {path}.\nWrite your roles into it, then: {door.program} policy check"


@policy.verb("policy check")
def check(door: Door) -> Facts:
    """Hold the policy against the tables: what does not fit (exit code 1), what is doubtful, what each role sees."""
    from pluto_duck.session import policies

    session = door.open_session()
    found = policies.check(session)
    sections: list[tuple[str, tuple[tuple[str, str], ...]]] = []
    state = "in force" if not found.why else found.why
    sections.append(("Policy", (("state", state),)))
    for role in found.roles:
        seen = ", ".join(role.tables[:20]) + (f" and {len(role.tables) - 20} more" if len(role.tables) > 20 else "")
        pairs = [("is", role.description)] if role.description else []
        pairs.append(("sees", seen or "nothing"))
        pairs += [("approves", ", ".join(role.approves))] if role.approves else []
        sections.append((f"Role {role.name}", tuple(pairs)))
    doubts = [one for one in found.findings if one.level == "doubtful"]
    if doubts:
        sections.append(("Doubtful", tuple((f"line {one.line}", f"{one.text} {one.hint}".strip()) for one in doubts)))
    broken = tuple((f"line {one.line}: {one.text}", one.hint) for one in found.findings if one.level == "broken")
    return Facts(tuple(sections), broken)


@policy.verb("policy explain orders --role analyst --claim region=EU", "policy explain --role analyst --action read")
@click.argument("table", required=False)
@_roles
@_claims
@click.option("--action", default="read", show_default=True,
              help="read, insert, update, delete, ingest, ask or approve.")
@_format
def explain(door: Door, table: str | None, roles: tuple[str, ...], claims: tuple[str, ...], action: str,
            format_: Format) -> object:
    """Which rule decides: for one table with its rows and columns, or for every table in short."""
    from pluto_duck.session import policies

    found = policies.explain(door.open_session(), actor(roles, claims), action, table)
    if table is None:
        rows = tuple((one.table, action, "yes" if one.allowed else "no", one.why) for one in found)
        return formatted(Rows(("table", "action", "allowed", "rule"), rows, "There are no tables."), format_)
    one = found[0]
    if format_ != "table":
        columns = tuple((one.table, name, shown, rule) for name, shown, rule in one.columns)
        return formatted(Rows(("table", "column", "shown", "rule"), columns, one.why), format_)
    verdict = f"{action} {one.table} as {', '.join(roles)}"
    if not one.allowed:
        return Facts(((verdict, (("allowed", "no"), ("why", one.why))),))
    pairs = [("allowed", "yes")]
    pairs += [(rule, f"rows where {condition}" if condition else "every row") for rule, condition in one.rows]
    pairs += [("no claim", f"${name}: the rows that ask for it stay hidden") for name in one.missing]
    return Facts(((verdict, tuple(pairs)),
                  ("Columns", tuple((name, f"{shown} ({rule})") for name, shown, rule in one.columns))))


@policy.verb('policy try analyst "from orders" --claim region=EU', "policy try analyst", name="try")
@click.argument("role")
@click.argument("sql", default="SHOW TABLES")
@click.option("--role", "more", multiple=True, metavar="ROLE", help="Another role besides; may be repeated.")
@_claims
@_format
@click.option("--max-rows", type=Whole(1), default=1_000, show_default=True, help="Rows to show or write at most.")
def try_(door: Door, role: str, sql: str, more: tuple[str, ...], claims: tuple[str, ...], format_: Format,
         max_rows: int) -> object:
    """Run SQL as somebody with a role would: with its tables, rows, masks and error texts."""
    from pluto_duck.session import Session

    owner = door.open_session()
    _must_count(owner, (role, *more))
    with Session(owner.workspace, owner.settings, role=owner.role, label="policy try",
                 actor=actor((role, *more), claims)) as session:
        return formatted(session.query(sql, max_rows=max_rows), format_)


def _must_count(owner: Session, roles: tuple[str, ...]) -> None:
    """A role that does not exist, or is not allowed yet, sees nothing, and would only hear of unknown tables."""
    from pluto_duck.session import policies

    found = policies.check(owner)
    if found.why:
        raise Refused(found.why, hint="Nobody but you sees anything until then.")
    for role in roles:
        if role not in [one.name for one in found.roles]:
            raise unknown_name("role", role, [one.name for one in found.roles], where="policy.yaml")
