"""Who a good token makes its bearer: an actor with roles, claims and scopes, as far as the owner's rules let it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from pluto_duck.errors import UsageError
from pluto_duck.governance.actor import Actor, Claim
from pluto_duck.governance.keys import SCOPES
from pluto_duck.governance.tokens.rules import EVERY, Rules
from pluto_duck.governance.tokens.verifying import Verified

MAX_ROLES = 20
MAX_TEXT, MAX_LIST = 4_000, 1_000
_INT64 = 2**63


def actor(token: Verified, rules: Rules, known: Collection[str]) -> Actor:
    """`known`: the roles that the policy in force has; a token makes no others, and no owner.

    The name has the issuer in it: two issuers may both know an "alice", and a key is called what its owner likes.
    """
    name = f"{token.issuer}|{token.subject}"
    roles = sorted({role for role in _roles(token, rules) if role in known})[:MAX_ROLES]
    return Actor("token", name, tuple(roles), _claims(token, rules), f"token:{name}")


def scopes(token: Verified, rules: Rules) -> frozenset[str]:
    found: set[str] = set(rules.scopes.get(EVERY, ()))
    for one in (*_words(token.claims.get("scope")), *_words(token.claims.get("scp"))):
        found.update((*([one] if one in SCOPES else []), *rules.scopes.get(one, ())))
    return frozenset(found)


def _roles(token: Verified, rules: Rules) -> Iterator[str]:
    for path in rules.roles_claims:
        value = at(token.claims, path)
        for one in [value] if isinstance(value, str) else value if isinstance(value, list) else []:
            if isinstance(one, str):
                exact = rules.roles.get(f"{path}:{one}") or rules.roles.get(one)
                if exact or not rules.roles:
                    yield exact or one


def _claims(token: Verified, rules: Rules) -> dict[str, Claim]:
    found: dict[str, Claim] = {}
    for name, path in rules.claims.items():
        value = at(token.claims, path)
        if _is_plain(value):
            try:
                Actor("token", "", (), {name: value})
            except UsageError:
                continue  # it has no such claim then: the rows that ask for it stay hidden
            found[name] = value
    return found


def _is_plain(value: Any) -> bool:
    """Nothing that would be another value, or none, once it stands in SQL."""
    if isinstance(value, str):
        return len(value) <= MAX_TEXT and "\0" not in value
    if isinstance(value, list):
        return len(value) <= MAX_LIST and all(not isinstance(one, list) and _is_plain(one) for one in value)
    if isinstance(value, int):
        return -_INT64 <= value < _INT64
    return isinstance(value, float)


def at(claims: dict[str, Any], path: str) -> Any:
    """By the whole name first: claims may be called https://example.com/roles."""
    if path in claims:
        return claims[path]
    value: Any = claims
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _words(value: Any) -> list[str]:
    """RFC 8693 4.2: a list in one text; some issuers send a list."""
    if isinstance(value, str):
        return value.split(" ")
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
