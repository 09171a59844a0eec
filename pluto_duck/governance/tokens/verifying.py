"""Whether a token is good: signed by its issuer, for us, for now, and for access."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from pluto_duck.errors import missing_extra
from pluto_duck.governance.tokens.keyset import KeySet
from pluto_duck.governance.tokens.parts import Parts, refused
from pluto_duck.governance.tokens.rules import Rules

_OF_AN_ID_TOKEN = ("nonce", "at_hash", "c_hash", "s_hash")
MAX_TIME = 2**53
REQUIRED = ("exp", "iat", "iss", "aud", "sub")


@dataclass(frozen=True)
class Verified:
    issuer: str
    subject: str
    claims: dict[str, Any]
    until: float
    """When it is over, the leeway included; seconds since 1970."""


def verified(text: str, parts: Parts, keys: KeySet, rules: Rules, issuer: str) -> Verified:
    """`parts`: those of `text`; `keys`: those of `issuer`. Raises Unauthenticated."""
    try:
        import jwt
    except ImportError as error:
        raise missing_extra("pyjwt", "serve", why="Checking a token") from error

    if parts.algorithm not in rules.algorithms:
        raise refused(f"its algorithm is not one of {', '.join(rules.algorithms)}")
    _must_be_for_access(parts)
    found: dict[str, Any] | None = None
    for key in keys.fitting(parts.kid, parts.algorithm):
        try:
            found = jwt.decode(text, key, algorithms=[parts.algorithm], audience=rules.audience, issuer=issuer,
                               leeway=rules.leeway_s, options={"require": list(REQUIRED)})
            break
        except jwt.InvalidSignatureError:
            continue
        except jwt.PyJWTError as error:
            raise refused(_WORDS.get(type(error).__name__, "it can't be read")) from None
        except (ValueError, TypeError, OverflowError, RecursionError):
            raise refused("it can't be read") from None
    if found is None:
        raise refused("no key of its issuer has signed it")
    return Verified(issuer, found["sub"], found, float(found["exp"]) + rules.leeway_s)


_WORDS = {"ExpiredSignatureError": "it is over", "ImmatureSignatureError": "it is not valid yet",
          "InvalidAudienceError": "it is for another service", "InvalidIssuerError": "another issuer made it",
          "InvalidIssuedAtError": "its iat is no time", "MissingRequiredClaimError": "a claim is missing that "
          f"every token has ({', '.join(REQUIRED)})"}


def _must_be_for_access(parts: Parts) -> None:
    claims = parts.claims
    for name in ("exp", "iat", "nbf"):
        value = claims.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_TIME:
            raise refused(f"its {name} is no time")
    subject = claims.get("sub")
    if "sub" in claims and not (isinstance(subject, str) and 0 < len(subject) <= 255 and subject.isprintable()):
        raise refused("its sub is no name")
    told = (claims.get("token_use"), claims.get("typ"))
    if any(isinstance(one, str) and one.lower() in ("id", "refresh", "offline", "logout") for one in told) or (
            not parts.is_access and any(name in claims for name in _OF_AN_ID_TOKEN)):
        raise refused("it is not an access token")
    if "cnf" in claims:
        raise refused("it is bound to a key of its client (DPoP, mutual TLS), which can't be checked here")


def is_over(found: Verified) -> bool:
    return time.time() > found.until
