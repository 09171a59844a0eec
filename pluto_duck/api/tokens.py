"""Tokens at the door of one workspace: its owner's rules, read again when they change, and what was verified before."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import PlutoError
from pluto_duck.governance import trust
from pluto_duck.governance.policy.file import stamp
from pluto_duck.governance.tokens.rules import Rules, rules
from pluto_duck.settings import Settings
from pluto_duck.workspace import Workspace

if TYPE_CHECKING:
    from pluto_duck.api.issuers import Issuer
    from pluto_duck.governance.tokens.parts import Parts
    from pluto_duck.governance.tokens.verifying import Verified

KEPT = 1_000


class Tokens:
    """Of one workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._read: tuple[tuple[object, ...], Rules | PlutoError | None] = ((), None)
        self._good: OrderedDict[bytes, tuple[Verified, str, Rules]] = OrderedDict()

    def rules(self) -> Rules | None:
        """None where nobody's tokens are taken. Raises SettingError. Two looks at the file system; not on the loop."""
        seen = (stamp(self._workspace.toml), stamp(trust.file()))
        read = self._read
        if seen != read[0]:
            found: Rules | PlutoError | None
            try:
                found = rules(Settings.load(self._workspace.toml, trusted=trust.is_trusted(self._workspace)))
            except PlutoError as error:
                found = error
            # At once: to whoever looked in between, nobody's tokens would have been taken.
            read = self._read = seen, found
        if isinstance(read[1], PlutoError):
            raise read[1]
        return read[1]

    async def verified(self, text: str, parts: Parts, rules: Rules, issuer: Issuer,
                       in_thread: Callable[..., Any]) -> Verified:
        """On the event loop. Raises Unauthenticated.

        What was good is good again until it is over, as long as neither the issuer's keys nor the rules have changed.
        """
        from pluto_duck.governance.tokens import verifying

        keys = await issuer.keys(parts.kid)
        digest = hashlib.sha256(text.encode()).digest()
        known = self._good.get(digest)
        if known is not None and known[1] == keys.print and known[2] == rules and not verifying.is_over(known[0]):
            self._good.move_to_end(digest)
            return known[0]
        self._good.pop(digest, None)
        found: Verified = await in_thread(verifying.verified, text, parts, keys, rules, issuer.url)
        self._good[digest] = (found, keys.print, rules)
        while len(self._good) > KEPT:
            self._good.popitem(last=False)
        return found
