"""Passwords in the keyring of the operating system, where there is a real one."""

from __future__ import annotations

import json
from typing import Any

from pluto_duck.errors import Refused, SourceError

SERVICE = "pluto-duck"


def backend() -> tuple[Any, str]:
    """(the keyring, its name); (None, why there is none). A store that writes plain text is none."""
    try:
        import keyring
    except ImportError:
        return None, "the package keyring is not installed (pip install 'pluto-duck[keyring]')"
    try:
        found = keyring.get_keyring()
    except Exception as error:  # a backend of somebody else, and this is only the question whether it is there
        return None, f"the keyring can't be opened ({type(error).__name__})"
    return _real(found)


def _real(found: Any) -> tuple[Any, str]:
    kind = type(found)
    if kind.__module__ == "keyring.backends.chainer":
        # It writes into the first that takes a password: that one must be real.
        first = next(iter(found.backends), None)
        return _real(first) if first is not None else (None, "this system has no keyring")
    if kind.__module__ in ("keyring.backends.fail", "keyring.backends.null"):
        return None, "this system has no keyring"
    if "plaintext" in kind.__name__.lower():
        return None, f"the keyring {kind.__name__} keeps passwords as plain text"
    name = str(getattr(found, "name", "") or kind.__name__)
    return found, name.removesuffix(" Keyring")


def keep(account: str, address: str, password: str) -> None:
    """Raises Refused where there is no real keyring, or it does not take the password."""
    ring, why = backend()
    if ring is None:
        raise Refused(f"There is nowhere safe to keep a password: {why}.")
    try:
        # With the address it was given for: whoever changes the record of the connection can't have the
        # password sent to another host.
        ring.set_password(SERVICE, account, json.dumps({"address": address, "password": password}))
    except Exception as error:
        raise Refused(f"The keyring ({why}) did not take the password: "
                      f"{_words(error).replace(password, '***')}.",
                      hint="Unlock it and try again.") from None


def look_up(account: str, address: str) -> str:
    """Raises SourceError when there is no password for exactly this address."""
    ring, why = backend()
    if ring is None:
        raise SourceError(f"The password is in a keyring, and here {why}.", hint="Use the account and the machine it "
                          "was added on, or add the connection again.", reason="keyring")
    try:
        kept = ring.get_password(SERVICE, account)
    except Exception as error:
        raise SourceError(f"The keyring ({why}) did not give the password: {_words(error)}.",
                          hint="Unlock it and try again.", reason="keyring") from None
    try:
        entry = json.loads(kept) if kept else {}
    except ValueError:
        entry = {}
    if not isinstance(entry, dict) or entry.get("address") != address:
        raise SourceError("The keyring has no password for this address.",
                          hint="Add the connection again: it asks for the password.", reason="keyring")
    return str(entry["password"])


def drop(account: str) -> bool:
    """Whether there was one to drop. Never raises: the record of the connection goes either way."""
    ring, _ = backend()
    if ring is None:
        return False
    try:
        ring.delete_password(SERVICE, account)
    except Exception:
        return False
    return True


def _words(error: Exception) -> str:
    return type(error).__name__ + (f" ({str(error)[:200]})" if str(error) else "")
