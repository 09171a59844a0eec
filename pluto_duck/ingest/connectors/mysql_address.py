"""The address of a MySQL or MariaDB, and how connecting fails: in words, without the password."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pluto_duck.errors import PlutoError, SourceError, UsageError, missing_extra, unknown_name

CONNECT_S = 10
PORT = 3306
_LOCAL = ("localhost", "127.0.0.1", "::1")
# MySQL's own words and libpq's, which connections use for every kind.
_MODES = {"disabled": "disable", "preferred": "prefer", "required": "require", "verify_ca": "verify-ca",
          "verify_identity": "verify-full"}


def accepts(uri: str) -> bool:
    return uri.lower().startswith(("mysql://", "mariadb://", "mysql+pymysql://", "mariadb+pymysql://"))


def pymysql() -> Any:
    try:
        import pymysql
    except ImportError:
        raise missing_extra("pymysql", "mysql", why="Reading from MySQL") from None
    return pymysql


class _Refusing:
    """Stands for the ways of logging in that tell the password itself to whoever says to be the server."""

    def __init__(self, connection: Any) -> None:
        pass

    def authenticate(self, packet: Any) -> Any:
        raise RuntimeError("it wants the password in clear text, over a connection without TLS")


_NOT_IN_CLEAR = dict.fromkeys((b"mysql_clear_password", b"mysql_old_password", b"dialog"), _Refusing)


class Address:
    """A parsed address. Its repr and `shown` hold no secret, so it may stand in a traceback."""

    def __init__(self, uri: str) -> None:
        try:
            parts = urlsplit(uri)
            self.host, self.port = parts.hostname or "localhost", parts.port or PORT
        except ValueError:
            raise UsageError("That is not the address of a MySQL database.",
                             hint="Write mysql://user@host:3306/database; percent-encode what is no letter or digit "
                                  "in a password.") from None
        self.user = unquote(parts.username or "") or os.environ.get("USER", "")
        self._password = unquote(parts.password) if parts.password is not None else os.environ.get("MYSQL_PWD", "")
        self.database = unquote(parts.path.lstrip("/"))
        options = {name.lower().replace("-", "_"): value for name, value in parse_qsl(parts.query)}
        self.socket = options.pop("unix_socket", options.pop("socket", ""))
        mode = options.pop("ssl_mode", options.pop("sslmode", "prefer")).lower()
        self._tls = _MODES.get(mode, mode)
        self._authority = options.pop("ssl_ca", options.pop("sslrootcert", "")) or None
        options.pop("charset", None)
        if self._tls not in _MODES.values():
            raise UsageError(f"There is no ssl-mode {mode!r}.", hint=f"One of {', '.join(_MODES)}.")
        if options:
            raise UsageError(f"A MySQL address has no option {min(options)}.",
                             hint="There are: ssl-mode, ssl-ca, unix_socket.")
        where = f"{self.host}:{self.port}" if self.port != PORT else self.host
        self.shown = f"mysql://{self.user + '@' if self.user else ''}{where}/{self.database}"

    def __repr__(self) -> str:
        return f"Address({self.shown})"

    def words(self, text: str) -> str:
        """A text of the server without the password, should it be in there."""
        return text.replace(self._password, "***") if len(self._password) > 3 else text

    def connect(self, *, timeout_s: float = CONNECT_S) -> Any:
        driver = pymysql()
        last: Exception | None = None
        place: dict[str, Any] = {"unix_socket": self.socket} if self.socket else {"host": self.host, "port": self.port}
        for tls in self._ways():
            try:
                return driver.connect(
                    user=self.user, password=self._password.encode(), database=self.database or None, charset="utf8mb4",
                    autocommit=True, connect_timeout=timeout_s, cursorclass=driver.cursors.SSCursor,
                    program_name="pluto-duck", auth_plugin_map={} if "ssl" in tls or self.socket else _NOT_IN_CLEAR,
                    **place, **tls)
            except RuntimeError as error:  # this server wants TLS or the package cryptography for the password
                last = error
            except driver.Error as error:
                last = error
                if "SSL" not in str(error) and "secure" not in str(error):
                    break
            except OSError as error:
                last = error
        assert last is not None
        raise self._problem(last) from None

    def _ways(self) -> list[dict[str, Any]]:
        plain: dict[str, Any] = {"ssl_disabled": True}
        # What is required but not verified still keeps listeners out.
        unverified: dict[str, Any] = {"ssl": {"check_hostname": False, "verify_mode": "none"}}
        if self._tls == "disable" or self.socket:
            return [plain]
        if self._tls == "prefer":  # on this machine nobody listens, and encryption costs a third of the speed
            return [plain, unverified] if self.host in _LOCAL else [unverified, plain]
        if self._tls == "require":
            return [unverified]
        verified = {"ssl_ca": self._authority, "ssl_verify_cert": True,
                    "ssl_verify_identity": self._tls == "verify-full"}
        return [{"ssl": {"ca": self._authority}, **verified} if self._authority else
                {"ssl": {"check_hostname": self._tls == "verify-full", "verify_mode": "required"}}]

    def _problem(self, error: Exception) -> PlutoError:
        number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        said = self.words(str(error.args[1] if len(error.args) > 1 else error))
        if number in (1045, 1698):
            return SourceError(f"{self.shown} does not let the user {self.user!r} in with that password.",
                               hint="Is the password right? Percent-encode what is no letter or digit in it.",
                               reason="password")
        if number == 1044:
            return SourceError(f"The user {self.user!r} may not read the database {self.database!r}.",
                               hint=f"GRANT SELECT ON `{self.database}`.* TO ...", reason="permission")
        if number == 1049:
            return unknown_name("database", self.database, self._databases(), where=f"{self.host}:{self.port}")
        if "clear text" in said:
            return SourceError(f"{self.shown}: {said}.", reason="clear text",
                               hint="Let the server use TLS, and ask for it: ssl-mode=REQUIRED.")
        if "SSL" in said or "certificate" in said:
            return SourceError(f"{self.shown}: no encrypted connection: {said}.",
                               hint="ssl-ca=FILE names the authority; ssl-mode=REQUIRED asks for no certificate.")
        return SourceError(f"{self.shown} does not answer: {said}.",
                           hint="Is the server running, and are host and port right?", reason="unreachable")

    def _databases(self) -> list[str]:
        other = Address.__new__(Address)
        other.__dict__.update(self.__dict__, database="")
        with suppress(Exception), other.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SHOW DATABASES")
            return [row[0] for row in cursor.fetchall()]
        return []
