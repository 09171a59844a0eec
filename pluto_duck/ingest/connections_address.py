"""An address taken apart: what may be kept in a file, and the password, which may not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, get_args
from urllib.parse import quote, unquote

from pluto_duck.errors import UsageError
from pluto_duck.workspace.blot import blotted

Tls = Literal["disable", "prefer", "require", "verify-ca", "verify-full"]
TLS_MODES: tuple[str, ...] = get_args(Tls)

_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)(?:(?P<user>[^:@/?#]*)(?::(?P<password>[^/?#]*))?@)?(?P<rest>.*)",
                  re.I | re.S)
_POSTGRES = ("postgresql://", "postgres://")
_MYSQL = ("mysql://", "mariadb://")
# libpq's own rule: a value is bare or in single quotes, and a backslash takes the next character as it is.
_FIELD = re.compile(r"\s*(?P<name>\w+)\s*=\s*(?P<value>'(?:[^'\\]|\\.)*'|(?:[^\s'\\]|\\.)*)\s*", re.S)
_KEYWORDS = re.compile(r"\s*(?:host|hostaddr|dbname|service|user|port|password|passfile)\s*=", re.I)
_SERVICE = re.compile(r"PGSERVICE=(?P<name>[\w.-]+)\Z")
_PARAMETER = re.compile(r"(?P<before>[?&])password=(?P<value>[^&#]*)", re.I)


def is_keywords(address: str) -> bool:
    """True for libpq's `host=db.example dbname=shop`."""
    return _KEYWORDS.match(address) is not None


def as_libpq(address: str) -> str:
    """`PGSERVICE=shop`, as the environment has it, in the words of an address; others as they are."""
    service = _SERVICE.match(address)
    return f"service={service['name']}" if service else address


def takes_password(address: str) -> bool:
    """True where somebody may have to say one: a database on a host, or an address with a user in it."""
    found = _URL.match(address)
    scheme = found["scheme"].lower() if found else ""
    return is_keywords(address) or scheme in (*_POSTGRES, *_MYSQL) or bool(found and found["user"])


def split(uri: str) -> tuple[str, str | None]:
    """(the address without its password, the password). Raises UsageError where a secret can't be told apart."""
    uri = as_libpq(uri)
    if uri.startswith("env:"):
        return uri, None
    address, password = _without_field(uri) if is_keywords(uri) else _without_userinfo(uri)
    if "://" in address and not is_keywords(address):
        parameter = _PARAMETER.search(address)
        if parameter:
            password = unquote(parameter["value"])
            address = (address[:parameter.start()] + parameter["before"] + address[parameter.end():].lstrip("&"))
            address = address.rstrip("?&")
    if blotted(address) != address:
        raise UsageError("That address holds a secret that can't be told from the rest of it.",
                         hint="In a password, percent-encode what is no letter or digit (@ is %40, / is %2F). Keep any "
                              "other secret in an environment variable that holds the whole address: env:NAME.")
    return address, password or None


def _without_userinfo(uri: str) -> tuple[str, str | None]:
    found = _URL.fullmatch(uri)
    if found is None or found["password"] is None:
        return uri, None
    user = f"{found['user']}@" if found["user"] else ""
    return f"{found['scheme']}{user}{found['rest']}", unquote(found["password"])


def _fields(text: str) -> list[tuple[str, str]]:
    """(name, value as written) of libpq's keywords."""
    found, at = [], 0
    while at < len(text):
        field = _FIELD.match(text, at)
        if field is None or field.end() == at:
            raise UsageError("That is not the address of a PostgreSQL database.",
                             hint="Write host=... dbname=... user=..., or postgresql://user@host:port/database.")
        found.append((field["name"], field["value"]))
        at = field.end()
    return found


def _without_field(text: str) -> tuple[str, str | None]:
    fields = _fields(text)
    password = next((value for name, value in fields if name.lower() == "password"), None)
    if password is not None:
        password = re.sub(r"\\(.)", r"\1", password[1:-1] if password.startswith("'") else password, flags=re.S)
    return " ".join(f"{name}={value}" for name, value in fields if name.lower() != "password"), password


def join(address: str, password: str) -> str:
    """The address with the password back in its place, escaped as the kind of address wants it."""
    if is_keywords(address):
        escaped = password.replace("\\", "\\\\").replace("'", "\\'")
        return f"{address} password='{escaped}'"
    found = _URL.fullmatch(address)
    if found is None:
        raise UsageError("There is no place for a password in that address.",
                         hint="A password belongs to an address such as postgresql://user@host:port/database.")
    return f"{found['scheme']}{found['user'] or ''}:{quote(password, safe='')}@{found['rest']}"


def with_tls(address: str, mode: str, root_certificate: str = "") -> str:
    """The address with the way of encryption, in libpq's words, which our connector for MySQL takes, too.

    Raises UsageError for other kinds, and when the address already says something else.
    """
    wanted = {"sslmode": mode} if mode else {}
    if root_certificate:
        wanted["sslrootcert"] = root_certificate
    if not wanted:
        return address
    if is_keywords(address):
        return _with_fields(address, wanted)
    if address.lower().startswith((*_POSTGRES, *_MYSQL)):
        return _with_parameters(address, wanted)
    raise UsageError("--tls is for databases on a host: postgresql://, mysql:// or host=...",
                     hint="Other addresses say it themselves (https://), or encrypt always (s3://).")


def _with_fields(address: str, wanted: Mapping[str, str]) -> str:
    there = {name.lower(): value.strip("'") for name, value in _fields(address)}
    _agree(there, wanted)
    quoted = {name: value.replace("\\", "\\\\").replace("'", "\\'") for name, value in wanted.items()}
    return address + "".join(f" {name}='{value}'" for name, value in quoted.items() if name not in there)


def _with_parameters(address: str, wanted: Mapping[str, str]) -> str:
    query = address.partition("?")[2].partition("#")[0]
    there = {name.lower(): unquote(value) for name, _, value in (part.partition("=") for part in query.split("&"))}
    _agree(there, wanted)
    added = "&".join(f"{name}={quote(value, safe='')}" for name, value in wanted.items() if name not in there)
    if not added:
        return address
    if address.endswith(("?", "&")):
        return address + added
    return f"{address}{'&' if '?' in address else '?'}{added}"


def _agree(there: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    for name, value in wanted.items():
        if there.get(name, value) != value:
            raise UsageError(f"The address says {name}={there[name]}, and the option {value}.",
                             hint="Say it once: leave it out of the address.")
