"""`tokens revoke|list`: access tokens of others that count here no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pluto_duck.commands import Door, Rows
from pluto_duck.commands.asking import Format, _format, formatted
from pluto_duck.commands.group import SECTIONS, family

if TYPE_CHECKING:
    from pluto_duck.governance.tokens.revoking import Revocations


def _revocations(door: Door) -> Revocations:
    from pluto_duck.governance.tokens.revoking import Revocations

    session = door.open_session()
    return Revocations(session.control, session.workspace)


@family(SECTIONS[3], "tokens revoke alice", "tokens revoke --id 7f3a-41aa", "tokens list")
def tokens(context: click.Context) -> object:
    """Access tokens that count here no longer, whatever their issuer says. Without a verb: the list."""
    return context.invoke(list_, format_="table") if context.invoked_subcommand is None else None


@tokens.verb("tokens list", name="list")
@_format
def list_(door: Door, format_: Format) -> object:
    """What was revoked, newest first."""
    from pluto_duck.governance.keys import when

    rows = tuple((one.kind, one.value, one.issuer or "any", when(one.at)) for one in _revocations(door).list())
    return formatted(Rows(("by", "which", "issuer", "issued until"), rows, "No token was revoked."), format_)


@tokens.verb("tokens revoke alice", "tokens revoke --id 7f3a-41aa --issuer https://login.example.com")
@click.argument("subject", required=False)
@click.option("--id", "id_", default="", metavar="JTI", help="One token alone, by its jti.")
@click.option("--issuer", default="", metavar="URL", help="Of this issuer alone; else of any.")
def revoke(door: Door, subject: str | None, id_: str, issuer: str) -> str:
    """End every token that was issued to SUBJECT (its sub) until now, or one by its jti.

    Later ones are good again: who may have none any more is told to the issuer.
    """
    made = _revocations(door).revoke(id=id_, subject=subject or "", issuer=issuer)
    what = f"The token {made.value} opens" if made.kind == "id" else f"The tokens of {made.value} until now open"
    return f"{what} nothing any more."
