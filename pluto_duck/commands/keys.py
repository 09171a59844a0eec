"""`keys create|list|rotate|revoke`: who else may use the workspace over HTTP."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import click

from pluto_duck.commands import Door, Facts, Rows
from pluto_duck.commands.asking import Format, _format, formatted
from pluto_duck.commands.group import SECTIONS, family
from pluto_duck.errors import UsageError

if TYPE_CHECKING:
    from pluto_duck.governance.keys import Key, Keys
    from pluto_duck.session import Session

_UNITS = {"m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400}


def span(text: str) -> int:
    """Seconds of 90d, 12h, 30m, 2w."""
    found = re.fullmatch(r"\s*(\d{1,5})\s*([mhdw])\s*", text)
    if found is None:
        raise UsageError(f"{text!r} is no length of time.", hint="For example: 90d, 12h, 30m or 2w")
    return int(found[1]) * _UNITS[found[2]]


def _keys(door: Door) -> Keys:
    from pluto_duck.governance.keys import Keys

    session = door.open_session()
    return Keys(session.control, session.workspace)


@family(SECTIONS[3], "keys create dashboard --role analyst --claim region=EU --expires 90d", "keys list",
        "keys rotate dashboard", "keys revoke dashboard")
def keys(context: click.Context) -> object:
    """API keys: who else may use this workspace over HTTP, as which roles. Without a verb: the list."""
    return context.invoke(list_, format_="table") if context.invoked_subcommand is None else None


@keys.verb("keys list", name="list")
@_format
def list_(door: Door, format_: Format) -> object:
    """The keys, newest first: what each opens, until when, and when it was last used. Never a secret."""
    from pluto_duck.governance.keys import when

    now = time.time()
    rows = tuple((one.id, one.name, ", ".join(one.roles), ", ".join(f"{k}={v}" for k, v in one.claims.items()),
                  ", ".join(one.scopes), _state(one, now), when(one.last_used_at)) for one in _keys(door).list())
    return formatted(Rows(("id", "name", "roles", "claims", "scopes", "state", "last used"), rows,
                          "There are no keys: nobody but you gets in."), format_)


def _state(key: Key, now: float) -> str:
    from pluto_duck.governance.keys import when

    ends = [at for at in (key.expires_at, key.ends_at) if at is not None]
    if not ends:
        return "good"
    told = f"{'over since' if key.is_over(now) else 'good until'} {when(min(ends))}"
    return f"{told}, replaced by {key.successor}" if key.successor else told


@keys.verb("keys create dashboard --role analyst --claim region=EU --expires 90d")
@click.argument("name")
@click.option("--role", "roles", multiple=True, required=True, metavar="ROLE", help="Of policy.yaml; may be repeated.")
@click.option("--claim", "claims", multiple=True, metavar="NAME=VALUE",
              help="What conditions of the policy ask for: region=EU. May be repeated.")
@click.option("--scope", "scopes", multiple=True, metavar="SCOPE",
              help="schema:read and query:ask unless given; query:run lets it send SQL. May be repeated.")
@click.option("--expires", metavar="SPAN", help="90d, 12h, 2w; else it is good until it is revoked.")
def create(door: Door, name: str, roles: tuple[str, ...], claims: tuple[str, ...], scopes: tuple[str, ...],
           expires: str | None) -> Facts:
    """Make a key. Its secret is shown this once."""
    from pluto_duck.commands.policy import actor
    from pluto_duck.governance.keys import DEFAULT_SCOPES

    made, secret = _keys(door).create(name, roles, claims=actor(roles, claims).claims, scopes=scopes or DEFAULT_SCOPES,
                                      expires_s=None if expires is None else span(expires))
    return _shown(door, made, secret)


@keys.verb("keys rotate dashboard", "keys rotate dashboard --overlap 1h")
@click.argument("key")
@click.option("--overlap", default="1d", show_default=True, metavar="SPAN", help="How long the old one is still good.")
def rotate(door: Door, key: str, overlap: str) -> Facts:
    """Make another secret for the same; the old one goes on for a while."""
    from pluto_duck.governance.keys import when

    kept = _keys(door)
    old = kept.find(key).id
    made, secret = kept.rotate(old, overlap_s=span(overlap))
    return _shown(door, made, secret, (("old secret", f"good until {when(kept.find(old).ends_at)} (id {old})"),))


@keys.verb("keys revoke dashboard")
@click.argument("key")
def revoke(door: Door, key: str) -> str:
    """End a key now, by its id; by its name, with the old one that a rotation left good for a while."""
    return "\n".join(f"The key {one.id} ({one.name}) opens nothing any more." for one in _keys(door).revoke(key))


def _shown(door: Door, made: Key, secret: str, more: tuple[tuple[str, str], ...] = ()) -> Facts:
    from pluto_duck.governance.keys import when

    unknown = missing(door.open_session(), made)
    facts = [("secret", secret), ("", "Keep it now: it is not shown again."), ("id", made.id),
             ("roles", ", ".join(made.roles)), ("scopes", ", ".join(made.scopes)),
             ("good until", when(made.expires_at) or "it is revoked"), *more]
    if unknown:
        facts.append(("mind", unknown))
    return Facts(((f"Key {made.name}", tuple(facts)),))


def missing(session: Session, made: Key) -> str:
    """Why a new key opens less than it says, or nothing yet; "" where it opens all of it."""
    from pluto_duck.session import policies

    found = policies.check(session)
    gone = sorted(set(made.roles) - {one.name for one in found.roles})
    if found.roles and gone:
        return f"policy.yaml has no role {', '.join(gone)}: it opens nothing there."
    return found.why
