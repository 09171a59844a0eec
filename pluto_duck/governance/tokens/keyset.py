"""The keys of an issuer (RFC 7517), as far as they can check a token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import missing_extra

if TYPE_CHECKING:
    from jwt import PyJWK

MAX_KEYS = 100
MIN_RSA_BITS = 2048
_KINDS = {"RS256": ["RSA", None], "ES256": ["EC", "P-256"], "EdDSA": ["OKP", "Ed25519"]}


@dataclass(frozen=True)
class KeySet:
    keys: tuple[tuple[str | None, str, PyJWK], ...]
    """(kid, algorithm, key)."""
    print: str
    """The same for the same keys."""

    def fitting(self, kid: str | None, algorithm: str) -> list[PyJWK]:
        """Those that may have signed it; a token without a kid is checked only where there is no choice."""
        found = [(name, key) for name, alg, key in self.keys if alg == algorithm]
        if kid is None:
            return [key for _name, key in found] if len(found) == 1 else []
        return [key for name, key in found if name == kid][:3]

    def knows(self, kid: str | None) -> bool:
        return kid is None or any(name == kid for name, _algorithm, _key in self.keys)


def key_set(document: Mapping[str, Any]) -> KeySet:
    """Secret, short, private, strange and misplaced keys are left out. Raises ValueError where it is no key set."""
    try:
        from jwt import PyJWK
        from jwt.exceptions import PyJWTError
    except ImportError as error:
        raise missing_extra("pyjwt", "serve", why="Checking a token") from error

    listed = document.get("keys")
    if not isinstance(listed, list):
        raise ValueError("it has no list of keys")
    found = []
    for one in listed[:MAX_KEYS]:
        if not isinstance(one, dict):
            continue
        algorithm = _algorithm(one)
        if algorithm is None:
            continue
        kid = one.get("kid")
        try:
            key = PyJWK(one, algorithm)
        except (PyJWTError, ValueError, TypeError, AttributeError, OverflowError):
            continue
        if algorithm == "RS256" and key.key.key_size < MIN_RSA_BITS:
            continue
        found.append((kid if isinstance(kid, str) else None, algorithm, key))
    return KeySet(tuple(found), repr(sorted(repr(sorted(one.items(), key=repr)) for one in listed
                                            if isinstance(one, dict))))


def _algorithm(key: Mapping[str, Any]) -> str | None:
    """The one that this key is for; None for a key of another use or kind."""
    use, operations = key.get("use"), key.get("key_ops")
    if use not in (None, "sig") or "d" in key or (isinstance(operations, list) and "verify" not in operations):
        return None
    kind = [key.get("kty"), key.get("crv")]
    fits = next((name for name, one in _KINDS.items() if one == kind), None)
    return fits if key.get("alg") in (None, fits) or (fits == "EdDSA" and key.get("alg") == "Ed25519") else None
