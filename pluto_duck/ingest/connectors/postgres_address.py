"""The address of a PostgreSQL and how connecting fails: in words, with nearest names, without the password."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pluto_duck.errors import PlutoError, SourceError, UsageError, missing_extra, unknown_name

CONNECT_S = 10
MAX_WORDS = 2_000
"""Of what a server says; a hostile one may go on without end."""
_NEAR = ("", "localhost", "::1")
_KEYWORD = re.compile(r"\s*(?:host|hostaddr|dbname|service|user|port|password|passfile)\s*=", re.I)
_SECRETS = ("password", "sslpassword")


def accepts(uri: str) -> bool:
    return uri.startswith(("postgresql://", "postgres://")) or _KEYWORD.match(uri) is not None


def psycopg() -> Any:
    try:
        import psycopg
    except ImportError:
        raise missing_extra("psycopg", "postgres", why="Reading from PostgreSQL") from None
    return psycopg


def missing_adbc() -> PlutoError:
    return missing_extra("adbc-driver-postgresql", "postgres", why="path=adbc")


class Address:
    """A parsed address. Its repr and `shown` hold no secret, so it may stand in a traceback."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        """With its secrets."""
        psycopg()  # the whole first: two threads that import it from two ends meet in the middle
        from psycopg.conninfo import conninfo_to_dict

        try:
            # A copy of the text stands in libpq's own message, password included: it is dropped.
            self._fields = {key: str(value) for key, value in conninfo_to_dict(uri).items()}
        except Exception:
            raise _unreadable() from None
        self._secrets = {self._fields.get(name, "") for name in _SECRETS}
        # libpq takes the rest of a password with an unescaped @ : / for host, port or database.
        port = self._fields.get("port", "").replace(",", "")
        if (port and not port.isdigit()) or any("@" in self._fields.get(k, "") for k in ("host", "dbname")):
            raise _unreadable()

    def __repr__(self) -> str:
        return f"Address({self.shown})"

    def field(self, name: str) -> str:
        return self._fields.get(name, "")

    @property
    def database(self) -> str:
        return self._fields.get("dbname", "")

    @property
    def shown(self) -> str:
        """The address as a URI, without any secret."""
        fields = self._fields
        if "service" in fields and "host" not in fields:
            return f"postgresql:service={fields['service']}"
        user = fields["user"] + "@" if "user" in fields else ""
        host = fields.get("host") or fields.get("hostaddr") or ""
        port = ":" + fields["port"] if "port" in fields else ""
        return f"postgresql://{user}{host}{port}/{self.database}"

    def connect(self, *, database: str | None = None, application_name: str = "pluto-duck",
                timeout_s: int = CONNECT_S, more: Mapping[str, str] | None = None) -> Any:
        """A psycopg connection in autocommit, with `more` libpq options; raises SourceError or UnknownName."""
        driver = psycopg()
        fields = {"connect_timeout": str(timeout_s), **self._fields,
                  "application_name": application_name, "client_encoding": "UTF8", **(more or {})}
        if database is not None:
            fields["dbname"] = database
        try:
            if not self._may_be_overheard():
                return driver.connect(**fields, autocommit=True)
            try:
                return driver.connect(**fields, require_auth="!password", autocommit=True)
            except driver.Error as error:
                if "authentication method requirement" not in str(error):
                    raise
                return driver.connect(**{**fields, "sslmode": "require"}, autocommit=True)
        except driver.Error as error:
            raise self._failed(str(error)) from None
        except UnicodeError:  # of asking for the address of a host
            raise self._failed("could not translate host name") from None

    def _may_be_overheard(self) -> bool:
        """Whether a server that asks for the password itself, not for a proof of it, may get it without TLS. By
        default libpq tells it to any server, and to whoever pretends to be one."""
        def told(field: str, variable: str) -> str:
            return self._fields.get(field, "") or os.environ.get(variable, "")

        if told("service", "PGSERVICE"):  # its file may ask for TLS
            return False
        hosts = (told("hostaddr", "PGHOSTADDR") or told("host", "PGHOST")).split(",")
        near = all(host in _NEAR or host.startswith(("/", "@", "127.")) for host in hosts)
        return not near and not told("require_auth", "PGREQUIREAUTH") and told("sslmode", "PGSSLMODE") not in (
            "require", "verify-ca", "verify-full")

    def options(self, connection: Any, application_name: str) -> dict[str, str]:
        """What another libpq must be told to reach the very server that `connection` reached: out of the address,
        the environment, the service file and the password file, as they were when it connected."""
        told = {one.keyword.decode(): one.val.decode() for one in connection.pgconn.info
                if one.val is not None and one.val != one.compiled}
        # Of several hosts only the one that answered knows the snapshot.
        its = connection.info
        told |= {"host": its.host, "port": str(its.port), "dbname": its.dbname, "user": its.user,
                 "application_name": application_name, "client_encoding": "UTF8"}
        told.pop("password", None)
        if connection.pgconn.used_password:  # who wanted none at first gets none later
            told["password"] = its.password
        if its.hostaddr and told.get("hostaddr"):
            told["hostaddr"] = its.hostaddr
        told.setdefault("connect_timeout", str(CONNECT_S))
        for gone in ("service", "passfile", "fallback_application_name", "target_session_attrs", "load_balance_hosts"):
            told.pop(gone, None)
        self._secrets.add(its.password)
        return told

    def words(self, text: str) -> str:
        """The server's words in one line, the secrets blotted out."""
        for secret in self._secrets:
            if secret:
                text = text.replace(secret, "***")
        text = " ".join(text[:4 * MAX_WORDS].split())
        return text if len(text) <= MAX_WORDS else text[:MAX_WORDS] + " ..."

    def _failed(self, said: str) -> PlutoError:
        lowered = said.lower()
        if "password authentication failed" in lowered or "no password supplied" in lowered:
            return SourceError(f"{self.shown} refused the password.",
                               hint="Check user and password; a special character in a URI must be "
                                    "percent-encoded.", reason="password")
        if re.search(r'database ".*" does not exist', said):
            return unknown_name("database", self.database, self._databases(), where=self.shown)
        if re.search(r'role ".*" does not exist', said):
            return SourceError(f"{self.shown} has no such user.", hint="Check the user name.", reason="user")
        host = self._fields.get("host") or "the default host"
        if any(words in lowered for words in ("resolve host", "translate host", "name or service", "getaddrinfo")):
            return SourceError(f"There is no host {host!r} that this machine can find.",
                               hint="Check the spelling and the network (VPN?).", reason="host")
        if "connection refused" in lowered or "no such file" in lowered:
            port = self._fields.get("port", "5432")
            return SourceError(f"No PostgreSQL answers at {host}, port {port}.",
                               hint="Is the server started, and is the port right?", reason="refused")
        if "timeout" in lowered:
            seconds = self._fields.get("connect_timeout", CONNECT_S)
            return SourceError(f"{self.shown} did not answer within {seconds} s.",
                               hint="Is there a firewall between here and there?", reason="timeout")
        if "server does not support ssl" in lowered and self._may_be_overheard():
            return SourceError(f"{self.shown} wants the password in clear text, over a connection without TLS.",
                               hint="Let the server use TLS or scram-sha-256. If nobody can listen on the way there: "
                                    "?require_auth=password", reason="clear text")
        if "does not support ssl" in lowered:
            return SourceError(f"{self.shown} offers no TLS, and it was asked for.", reason="tls",
                               hint="Where nobody can listen on the way there: --tls prefer, or sslmode=prefer.")
        if "certificate" in lowered:
            return SourceError(f"{self.shown} could not prove who it is: {self.words(said).rsplit('failed: ', 1)[-1]}.",
                               reason="tls", hint="sslrootcert=FILE names the authority that signed its certificate; "
                                                  "--tls require encrypts without proof.")
        return SourceError(f"Could not connect to {self.shown}: {self.words(said)}", reason="connect")

    def _databases(self) -> list[str]:
        """What this user could have meant; empty when even that can't be asked."""
        for database in ("postgres", "template1"):
            with suppress(PlutoError), self.connect(database=database) as connection:
                rows = connection.execute("SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate")
                return [row[0] for row in rows]
        return []


def _unreadable() -> UsageError:
    return UsageError(
        "That is not the address of a PostgreSQL database.",
        hint="Write postgresql://user:password@host:port/database; percent-encode what is not a "
             "letter or digit in the password, or leave it to ~/.pgpass or PGPASSWORD.")
