"""Addresses by name: `connections add shop postgresql://me@db.example/shop`, then `ingest --from shop`.

The name and the address stand in the control store of the workspace. A password stands there never: it is in
the keyring of the operating system, in an environment variable, or left to ~/.pgpass and its like.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

from pluto_duck.errors import Refused, SourceError, UsageError, unknown_name
from pluto_duck.ingest import connections_keyring as keyring
from pluto_duck.ingest.connections_address import TLS_MODES, is_keywords, join, split, with_tls
from pluto_duck.ingest.sources import from_environment
from pluto_duck.workspace import ControlStore, Workspace

MIGRATIONS = (
    """CREATE TABLE connections (
        name TEXT NOT NULL PRIMARY KEY COLLATE NOCASE, address TEXT NOT NULL, connector TEXT NOT NULL,
        secret TEXT NOT NULL, tls TEXT NOT NULL, tls_root_cert TEXT NOT NULL, added_at REAL NOT NULL)""",
)
_ROOM = "connections"
_NAME = re.compile(r"[A-Za-z_][\w.-]{0,62}\Z", re.ASCII)


@dataclass(frozen=True)
class Connection:
    """One saved address; everything in it may be shown."""

    name: str
    address: str
    """Without a password; `env:NAME` for a variable that holds a whole address."""
    secret: str
    """"" for none, "keyring", or `env:NAME` for a variable that holds the password."""
    added_at: float
    """Seconds since 1970."""
    connector: str | None = None
    tls: str = ""
    tls_root_cert: str = ""

    @property
    def password_is(self) -> str:
        """Where the password comes from, in words."""
        if self.secret == "keyring":
            return "in the keyring"
        if self.secret:
            return self.secret
        if self.address.startswith("env:"):
            return "in the address"
        if is_keywords(self.address) or self.address.lower().startswith(("postgresql://", "postgres://")):
            return "~/.pgpass, PGPASSWORD or none"
        return "none"


class Connections:
    """The saved addresses of one workspace."""

    def __init__(self, control: ControlStore, workspace: Workspace) -> None:
        self._control = control
        self._workspace = workspace

    def add(self, name: str, uri: str, *, password: str | None = None, password_from: str | None = None,
            connector: str | None = None, tls: str = "", tls_root_cert: str = "", replace: bool = False) -> Connection:
        """Remembers an address. A password, in the URI or beside it, goes to the keyring; Refused where there is none.

        `password_from`: the name of an environment variable to take it from at each use instead.
        """
        if not _NAME.match(name):
            raise UsageError(f"{name!r} can't be the name of a connection.",
                             hint="Letters, digits, _ . and -, beginning with a letter: shop, shop-test.")
        if tls and tls not in TLS_MODES:
            raise UsageError(f"There is no TLS mode {tls!r}.", hint=f"One of {', '.join(TLS_MODES)}.")
        before = self.find(name)
        if before is not None and not replace:
            raise Refused(f"There is a connection {before.name} already: {before.address}",
                          hint=f"Give another name, or say --replace to take this one's place: {name}.")
        address, within = split(uri)
        if within is not None and (password is not None or password_from):
            raise UsageError("The password stands in the address and was given beside it, too.", hint="Say it once.")
        password = within if password is None else password
        address = self._checked(_absolute(address), tls, tls_root_cert)
        secret = ""
        if password_from:
            join(_target(address), "")  # raises for an address that has no place for one
            secret = f"env:{password_from}"
        elif password:
            join(_target(address), password)
            self._keep(name, address, password)
            secret = "keyring"
        if before is not None and before.secret == "keyring" and secret != "keyring":
            keyring.drop(self._account(before.name))
        saved = Connection(before.name if before else name, address, secret, time.time(), connector, tls, tls_root_cert)
        with self._control.connection(_ROOM, MIGRATIONS) as db:
            db.execute("INSERT OR REPLACE INTO connections VALUES (?, ?, ?, ?, ?, ?, ?)",
                       (saved.name, saved.address, saved.connector or "", saved.secret, saved.tls,
                        saved.tls_root_cert, saved.added_at))
        return saved

    @staticmethod
    def _checked(address: str, tls: str, tls_root_cert: str) -> str:
        if tls_root_cert and not Path(tls_root_cert).expanduser().is_file():
            raise unknown_name("file", tls_root_cert, ())
        if not address.startswith("env:"):
            with_tls(address, tls, tls_root_cert)
        elif tls or tls_root_cert:
            raise UsageError("env:NAME stands for a whole address, its way of encryption included.",
                             hint="Add ?sslmode=... to the address in that variable.")
        return address

    def _keep(self, name: str, address: str, password: str) -> None:
        try:
            keyring.keep(self._account(name), address, password)
        except Refused as error:
            raise Refused(f"{error.message} It is never written into a file.",
                          hint="\n".join(filter(None, (error.hint, _WAYS_OUT.format(
                              name=name, variable=_variable(name), address=address))))) from None

    def _account(self, name: str) -> str:
        """Two workspaces may have a connection of one name each."""
        return f"{name.casefold()} of {self._workspace.root}"

    def all(self) -> list[Connection]:
        """By name."""
        rows = self._control.read(_ROOM, MIGRATIONS).execute("SELECT * FROM connections ORDER BY name")
        return [Connection(row["name"], row["address"], row["secret"], row["added_at"], row["connector"] or None,
                           row["tls"], row["tls_root_cert"]) for row in rows]

    def find(self, name: str) -> Connection | None:
        return next((one for one in self.all() if one.name.casefold() == name.casefold()), None)

    def get(self, name: str) -> Connection:
        """Raises UnknownName with the nearest names."""
        found = self.find(name)
        if found is None:
            error = unknown_name("connection", name, [one.name for one in self.all()])
            error.hint = error.hint or f"Make it: pluto-duck connections add {name} URI"
            raise error
        return found

    def remove(self, name: str) -> Connection:
        """Forgets the address, and its password in the keyring."""
        found = self.get(name)
        if found.secret == "keyring":
            keyring.drop(self._account(found.name))
        with self._control.connection(_ROOM, MIGRATIONS) as db:
            db.execute("DELETE FROM connections WHERE name = ?", (found.name,))
        return found

    def uri(self, found: Connection) -> str:
        """The whole address with its password, for a connector and nothing else: never to be shown or kept."""
        address = found.address
        if address.startswith("env:"):
            return from_environment(address)
        address = with_tls(address, found.tls, found.tls_root_cert and str(Path(found.tls_root_cert).expanduser()))
        if found.secret == "keyring":
            return join(address, keyring.look_up(self._account(found.name), found.address))
        if found.secret:
            return join(address, _password_from(found))
        return address


_WAYS_OUT = """Ways without a keyring:
  --password-env {variable}_PASSWORD, a variable that holds the password at each use
  connections add {name} env:{variable}_URL, a variable that holds the whole address
  connections add {name} {address}, and a line in ~/.pgpass
  connections add {name} PGSERVICE=NAME, an entry of ~/.pg_service.conf"""


def _variable(name: str) -> str:
    return re.sub(r"\W|[.-]", "_", name).upper()


def _target(address: str) -> str:
    if address.startswith("env:"):
        raise UsageError("env:NAME stands for a whole address, its password included.",
                         hint="Put the password into that variable's address, or save the address itself.")
    return address


def _absolute(address: str) -> str:
    """A path as it is from anywhere: the name will be used in other folders, too."""
    if ":" in address or is_keywords(address) or not (os.sep in address or Path(address).exists()):
        return address
    return str(Path(address).expanduser().absolute())


def _password_from(found: Connection) -> str:
    name = found.secret.removeprefix("env:")
    if not os.environ.get(name):
        raise SourceError(f"The password of {found.name} is to come from the environment variable {name}, which is "
                          "not set.", hint=f"Set it first: export {name}=...", reason="password")
    return os.environ[name]
