"""What the owner set about tokens: whose are taken, and how their words become roles, scopes and claims."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from pluto_duck.errors import SettingError
from pluto_duck.governance.actor import BUILT_IN, CLAIM_NAME, ROLE_NAME
from pluto_duck.governance.keys import SCOPES
from pluto_duck.settings import Settings

ALGORITHMS = ("RS256", "ES256", "EdDSA")
"""All of them have a public half: with a shared secret whoever can check a token could make one."""
EVERY = "*"


@dataclass(frozen=True)
class Rules:
    """Of one workspace."""

    issuers: tuple[str, ...]
    audience: str
    algorithms: tuple[str, ...]
    roles_claims: tuple[str, ...]
    roles: Mapping[str, str]
    scopes: Mapping[str, tuple[str, ...]]
    """A token's scope -> ours."""
    claims: Mapping[str, str]
    """A claim of the policy -> where a token has it."""
    leeway_s: float


def rules(settings: Settings) -> Rules | None:
    """None where nobody's tokens are taken. Raises SettingError."""
    issuers = _listed(settings["auth.issuer"])
    if not issuers:
        return None
    for one in issuers:
        must_be_safe(one, "auth.issuer")
    if not settings["auth.audience"].strip():
        raise SettingError("auth.issuer is set and auth.audience is not.",
                           hint="Say what the aud of a token must be, else tokens for other services would open this.")
    algorithms = _listed(settings["auth.algorithms"])
    for one in algorithms:
        if one not in ALGORITHMS:
            raise SettingError(f"auth.algorithms names {one}.", hint=f"There are {', '.join(ALGORITHMS)}.")
    if not 0 <= settings["auth.leeway_s"] <= 600:
        raise SettingError("auth.leeway_s must be from 0 to 600.")
    scopes: dict[str, tuple[str, ...]] = {}
    for theirs, ours in _pairs("auth.scopes", settings["auth.scopes"]):
        if ours not in SCOPES:
            raise SettingError(f"auth.scopes names {ours}, which is no scope.", hint=f"There are {', '.join(SCOPES)}.")
        scopes[theirs] = (*scopes.get(theirs, ()), ours)
    return Rules(issuers, settings["auth.audience"].strip(), algorithms, _listed(settings["auth.roles_claim"]),
                 _roles(settings), scopes, _claims(settings), settings["auth.leeway_s"])


def _roles(settings: Settings) -> dict[str, str]:
    found = dict(_pairs("auth.roles", settings["auth.roles"]))
    for role in found.values():
        if not re.fullmatch(ROLE_NAME, role):
            raise SettingError(f"auth.roles names {role!r}, which is no name of a role.")
    return found


def _claims(settings: Settings) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in _listed(settings["auth.claims"]):
        path, _, name = one.rpartition("=") if "=" in one else (one, "", one)
        name = name.strip().removeprefix("$")
        if not CLAIM_NAME.fullmatch(name) or name in BUILT_IN or not path.strip():
            raise SettingError(f"auth.claims: {one!r} can't be a claim of the policy.",
                               hint="A plain name, or where the token has it and the name: org.id=tenant")
        found[name] = path.strip()
    return found


def must_be_safe(url: str, what: str) -> None:
    """Raises SettingError for an address where somebody in between could answer."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        parts, host = urlsplit(""), ""
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment or not host:
        raise SettingError(f"{what}: {url!r} is no address of an issuer.", hint="https://login.example.com/realm")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise SettingError(f"{what}: {url} must begin with https://.",
                           hint="Without it, somebody in between could answer with keys of their own.")


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _listed(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.strip() for one in text.split(",") if one.strip()))


def _pairs(setting: str, text: str) -> list[tuple[str, str]]:
    found = []
    for one in _listed(text):
        theirs, equals, ours = one.rpartition("=")
        if not equals or not theirs.strip() or not ours.strip():
            raise SettingError(f"{setting}: {one!r} is not theirs=ours.", hint="For example: sales-eu=analyst")
        found.append((theirs.strip(), ours.strip()))
    return found
