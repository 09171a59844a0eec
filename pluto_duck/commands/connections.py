"""`connections add|list|test|remove`: addresses by name, their passwords in the keyring."""

from __future__ import annotations

import datetime as dt
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from pluto_duck.commands import Door, Facts, Rows, only_in_a_shell
from pluto_duck.commands.asking import Format, _format, formatted
from pluto_duck.commands.group import SECTIONS, family
from pluto_duck.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pluto_duck.ingest.connections import Connection, Connections

TLS = ("disable", "prefer", "require", "verify-ca", "verify-full")


@contextmanager
def saved(door: Door) -> Iterator[Connections]:
    """The connections of the door's workspace; its database is not opened for them."""
    from pluto_duck.ingest.connections import Connections
    from pluto_duck.workspace import ControlStore, find

    workspace = find(door.workspace) if door.kind == "shell" else door.open_session().workspace
    control = ControlStore(workspace.control)
    try:
        yield Connections(control, workspace)
    finally:
        control.close()


@family(SECTIONS[1], "connections", "connections add shop postgresql://me@db.example/shop", "connections test shop",
        "ingest --from shop --table orders", "connections remove shop")
def connections(context: click.Context) -> object:
    """Addresses by name: `ingest --from NAME` needs no password on the command line.

    Without a verb: the list. A password is kept in the keyring of your system, never in a file of ours.
    """
    return context.invoke(list_, format_="table") if context.invoked_subcommand is None else None


@connections.verb("connections list", "connections list --format json", name="list")
@_format
def list_(door: Door, format_: Format) -> object:
    """The connections of this workspace."""
    with saved(door) as known:
        rows = tuple((one.name, one.address, one.password_is, one.tls or "",
                      dt.datetime.fromtimestamp(one.added_at).strftime("%Y-%m-%d %H:%M")) for one in known.all())
    return formatted(Rows(("name", "address", "password", "tls", "added"), rows,
                          f"No connections yet. Make one: {door.program} connections add NAME URI"), format_)


@connections.verb(
    "connections add shop postgresql://me@db.example/shop",
    "connections add shop postgresql://me@db.example/shop --tls verify-full --tls-root-cert ca.pem",
    "connections add shop env:SHOP_URL", "connections add shop PGSERVICE=shop",
    "connections add shop postgresql://me@db.example/shop --password-env SHOP_PASSWORD", name="add")
@click.argument("name")
@click.argument("uri")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--password-env", metavar="NAME", help="Take the password from an environment variable, at each use.")
@click.option("--no-password", is_flag=True, help="Don't ask for one: it is in ~/.pgpass, or there is none.")
@click.option("--tls", type=click.Choice(TLS), help="How the connection must be encrypted. verify-full also makes sure "
              "that it is the right server.")
@click.option("--tls-root-cert", metavar="FILE", help="Who may have signed the server's certificate.")
@click.option("--connector", metavar="NAME", help="The connector, where the address does not tell.")
@click.option("--replace", is_flag=True, help="Take the place of the connection of that name.")
def add(door: Door, name: str, uri: str, password_stdin: bool, password_env: str | None, no_password: bool,
        tls: str | None, tls_root_cert: str | None, connector: str | None, replace: bool) -> str:
    """Remember an address.

    The address is kept in this workspace, its password in the keyring of your system; you are asked for it, so
    that it stands in no history. Without a keyring there are other ways: an environment variable that holds
    the whole address (env:NAME) or the password (--password-env), ~/.pgpass, or PGSERVICE=NAME.
    """
    from pluto_duck.ingest import connections_keyring as keyring
    from pluto_duck.ingest.connections_address import split

    if password_stdin + bool(password_env) + no_password > 1:
        raise UsageError("Say one of --password-stdin, --password-env and --no-password.")
    address, typed = split(uri)
    password = None
    with saved(door) as known:
        if password_stdin:
            password = _from_stdin(door)
        elif typed is None and not password_env and not no_password and known_to_need(address, replace, known, name):
            password = _asked(door, address)
        made = known.add(name, uri, password=password, password_from=password_env, connector=connector,
                         tls=tls or "", tls_root_cert=tls_root_cert or "", replace=replace)
    ring, why = keyring.backend()
    lines = [f"Saved the connection {made.name}: {made.address}"]
    if made.secret == "keyring":
        lines.append(f"Its password is in the keyring ({why}).")
        if typed is not None:
            place = "the history of your shell" if door.kind == "shell" else "this notebook"
            lines.append(f"The password you typed stands in {place}: next time leave it out, and you are asked.")
    elif made.secret:
        variable = made.secret.removeprefix("env:")
        lines.append(f"Its password comes from the environment variable {variable}"
                     + ("." if os.environ.get(variable) else ", which is not set now."))
    elif made.address.startswith("env:") and not os.environ.get(made.address.removeprefix("env:")):
        lines.append(f"The environment variable {made.address.removeprefix('env:')} is not set now.")
    elif ring is None and password is None and made.password_is.startswith("~"):
        lines.append(f"No password is kept ({why}): it comes from ~/.pgpass or PGPASSWORD, if one is needed.")
    lines.append(f"Next: {door.program} connections test {made.name}")
    return "\n".join(lines)


def known_to_need(address: str, replace: bool, known: Connections, name: str) -> bool:
    """Whether to ask for a password: not before the keyring could take it, nor for a name that is refused."""
    from pluto_duck.ingest import connections_keyring as keyring
    from pluto_duck.ingest.connections_address import takes_password

    return takes_password(address) and "service=" not in address and keyring.backend()[0] is not None and (
        replace or known.find(name) is None)


def _from_stdin(door: Door) -> str:
    only_in_a_shell(door, "connections add --password-stdin", "a cell has no standard input.")
    text = sys.stdin.readline().rstrip("\r\n")
    if not text:
        raise UsageError("Standard input held no password.",
                         hint="For example: pass show shop | pluto-duck connections add shop URI --password-stdin")
    return text


def _asked(door: Door, address: str) -> str | None:
    if door.ask_secret is None:
        return None
    return door.ask_secret(f"Password for {address} (Enter: none, or in ~/.pgpass): ") or None


@connections.verb("connections test shop", name="test")
@click.argument("name")
def test(door: Door, name: str) -> Facts:
    """Connect, and say who answers, how fast, and whether the connection is encrypted."""
    from pluto_duck.ingest.connections_probe import probe

    with saved(door) as known:
        found = known.get(name)
        answer = probe(known.uri(found), found.connector)
    pairs = [("address", found.address), ("answers", answer.says),
             ("connected in", f"{answer.connect_s * 1000:.0f} ms"), ("answer in", f"{answer.answer_s * 1000:.0f} ms")]
    if answer.encrypted is not None:
        pairs.append(("encrypted", answer.encrypted or "no"))
    return Facts(((f"{found.name} works.", tuple(pairs)),))


@connections.verb("connections remove shop", name="remove")
@click.argument("name")
def remove(door: Door, name: str) -> str:
    """Forget an address, and its password in the keyring."""
    with saved(door) as known:
        gone = known.remove(name)
    return f"Removed the connection {gone.name}" + (" and its password." if gone.secret == "keyring" else ".")


def uri_of(door: Door, name: str) -> tuple[str, Connection]:
    """(the whole address, for a connector alone; what may be shown of it)."""
    with saved(door) as known:
        found = known.get(name)
        return known.uri(found), found


__all__: list[Any] = ["connections", "saved", "uri_of"]
