"""What one client may use of this server: requests, rows and seconds of a key or token, bad tries of an address."""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pluto_duck.api.problems import HTTPProblem

if TYPE_CHECKING:
    from pluto_duck.api.identity import Caller
    from pluto_duck.api.places import Place, Places
    from pluto_duck.api.protect_windows import Left
    from pluto_duck.governance.allowance import Allowance
    from pluto_duck.governance.rates import Rate
    from pluto_duck.settings import Settings

FRESH_S = 1.0
"""How long an allowance is used before policy.yaml is looked at again."""
KNOWN = 10_000
"""Good keys and tokens that are remembered, by a digest, so that bad ones of the same address don't lock them out."""
KNOWN_S = 600.0


AT_ONCE = 4
"""Of the server's threads that one key or token may hold: half of them."""


class Turns:
    """A bound for each name on what it does at once; whoever is above it waits, and nobody else."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._of: dict[str, _Turn] = {}

    def __len__(self) -> int:
        return len(self._of)

    def of(self, name: str) -> _Turn:
        found = self._of.get(name)
        if found is None:
            found = self._of[name] = _Turn(self._of, name, self._most)
        return found


class _Turn:
    def __init__(self, all: dict[str, _Turn], name: str, most: int) -> None:
        self._all, self._name = all, name
        self._free = asyncio.Semaphore(most)
        self._users = 0

    async def __aenter__(self) -> None:
        self._users += 1
        try:
            await self._free.acquire()
        except BaseException:
            self._left()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._free.release()
        self._left()

    def _left(self) -> None:
        self._users -= 1
        if not self._users:
            self._all.pop(self._name, None)


class TooMany(HTTPProblem):
    def __init__(self, message: str, left: Left, *, hint: str = "", **facts: Any) -> None:
        super().__init__(429, message, hint=hint or f"Come again in {left.retry_s} s.", retry_after_s=left.retry_s,
                         **facts)


class Protection:
    """Of one server; `clock` as `time.time`. All but `spend` belongs to the event loop."""

    def __init__(self, settings: Settings, places: Places, clock: Callable[[], float] = time.time) -> None:
        from pluto_duck.api.protect_windows import Windows
        from pluto_duck.governance.rates import Rate

        self.settings = settings
        self._places = places
        self._clock = clock
        # Apart, so that no flood of addresses takes the place of those who are known.
        self._actors = Windows(clock)
        self._addresses = Windows(clock)
        self.owner_rate = Rate.parse(settings["limits.owner"])
        self.refused_rate = Rate.parse(settings["limits.refused"])
        self.client_timeout_s = float(settings["server.client_timeout_s"])
        self._allowances: dict[tuple[str, tuple[str, ...]], tuple[float, Allowance]] = {}
        self._policies: dict[tuple[Rate | None, ...], str] = {}
        self._known: OrderedDict[bytes, float] = OrderedDict()
        self._shut: dict[str, float] = {}
        self.turns = Turns(AT_ONCE)
        self._streams: Counter[tuple[str, ...]] = Counter()

    # -- who is known -----------------------------------------------------------------------------

    def allowance(self, caller: Caller) -> Allowance | None:
        """None: it must be looked up, in a thread, by `learn`."""
        found = self._allowances.get((caller.workspace, caller.actor.roles or ()))
        return found[1] if found is not None and found[0] > self._clock() else None

    def learn(self, caller: Caller) -> Allowance:
        from pluto_duck.governance.allowance import of_roles, usual

        place: Place = self._places.get(caller.workspace)
        roles = caller.actor.roles or ()
        found = of_roles(place.policy.current().policy, roles, usual(place.settings))
        if len(self._allowances) > 1_000:
            self._allowances.clear()
        self._allowances[caller.workspace, roles] = (self._clock() + FRESH_S, found)
        return found

    def admit(self, caller: Caller, allowance: Allowance, kind: str, *, paid: bool = False) -> dict[str, str]:
        """Counts a request of this kind; the headers that tell how many are left. Raises TooMany. `paid`: what it gives
        was counted when it was made, so that rows and seconds used up meanwhile, perhaps by it, do not refuse it."""
        who = _who(caller)
        rate = allowance.rate(kind)
        left = self._actors.hit(rate, kind, *who) if rate is not None else None
        headers = self._told(allowance, kind, left)
        if left is not None and not left.allowed:
            raise _with(TooMany(f"This {caller.actor.kind} has used up its {kind}: {rate}.", left, limit=kind,
                                rate=str(rate)), headers)
        for cost in () if paid else ("rows", "seconds"):
            rate = allowance.rate(cost)
            if rate is not None:
                spent = self._actors.look(_finer(rate, cost), cost, *who)
                if not spent.allowed:
                    headers = {**headers, "RateLimit": _quota(cost, spent)}
                    raise _with(TooMany(f"This {caller.actor.kind} has used up its {cost}: {rate}.", spent, limit=cost,
                                        rate=str(rate)), headers)
        return headers

    def admit_owner(self) -> dict[str, str]:
        if self.owner_rate is None:
            return {}
        left = self._actors.hit(self.owner_rate, "owner")
        headers = {"RateLimit-Policy": _policy("owner", self.owner_rate), "RateLimit": _quota("owner", left)}
        if not left.allowed:
            raise _with(TooMany(f"The owner has used up what limits.owner allows: {self.owner_rate}.", left), headers)
        return headers

    def spend(self, caller: Caller, allowance: Allowance, *, rows: int = 0, seconds: float = 0.0) -> None:
        """From any thread: what a request or a run has cost. It is the next one that waits."""
        if rows and allowance.rows is not None:
            self._actors.debit(allowance.rows, "rows", *_who(caller), cost=rows)
        if seconds and allowance.seconds is not None:
            self._actors.debit(_finer(allowance.seconds, "seconds"), "seconds", *_who(caller),
                               cost=round(seconds * 1e6))

    def _told(self, allowance: Allowance, kind: str, left: Left | None) -> dict[str, str]:
        rates = (allowance.rate(kind), allowance.rows, allowance.seconds)
        names = (kind, "rows", "seconds")
        policy = self._policies.get((*rates, kind))  # type: ignore[arg-type]
        if policy is None:
            policy = ", ".join(_policy(name, one) for name, one in zip(names, rates, strict=True) if one is not None)
            if len(self._policies) > 1_000:
                self._policies.clear()
            self._policies[(*rates, kind)] = policy  # type: ignore[index]
        found = {"RateLimit-Policy": policy} if policy else {}
        return found | {"RateLimit": _quota(kind, left)} if left is not None else found

    # -- who is not -------------------------------------------------------------------------------

    def before(self, address: str, credential: str) -> None:
        """Raises TooMany where an address has sent too many bad keys and tokens, before this one is looked at."""
        if not self._shut or not credential:
            return
        until = self._shut.get(_network(address))
        if until is None:
            return
        if until <= self._clock():
            del self._shut[_network(address)]
        elif not self._is_known(credential):
            self.refused(address)

    def refused(self, address: str) -> None:
        """Counts a request that nobody good has sent. Raises TooMany instead of what it would be told."""
        if self.refused_rate is None:
            return
        network = _network(address)
        left = self._addresses.hit(self.refused_rate, network)
        if left.allowed:
            return
        if len(self._shut) > KNOWN:
            self._shut.clear()
        self._shut[network] = self._clock() + left.retry_s
        raise TooMany("Too many requests from this address had no good key or token.", left, limit="refused",
                      hint=f"Come again in {left.retry_s} s, with a good one.")

    @property
    def is_calm(self) -> bool:
        """Whether `before` has nothing to say to anybody."""
        return not self._shut

    def accepted(self, credential: str) -> None:
        digest = _digest(credential)
        self._known[digest] = self._clock() + KNOWN_S
        self._known.move_to_end(digest)
        if len(self._known) > KNOWN:
            self._known.popitem(last=False)

    def _is_known(self, credential: str) -> bool:
        return self._known.get(_digest(credential), 0.0) > self._clock()

    # -- streams ----------------------------------------------------------------------------------

    @contextmanager
    def stream(self, caller: Caller | None, allowance: Allowance | None) -> Iterator[None]:
        """While a stream of events or rows is open. Raises HTTPProblem for one too many."""
        if caller is None or allowance is None:
            yield
            return
        who = _who(caller)
        if self._streams[who] >= allowance.streams:
            raise HTTPProblem(429, f"This {caller.actor.kind} holds {self._streams[who]} streams open already.",
                              hint="Close one first.", retry_after_s=5, limit="streams")
        self._streams[who] += 1
        try:
            yield
        finally:
            self._streams[who] -= 1
            if not self._streams[who]:
                del self._streams[who]

    def standing(self) -> dict[str, int]:
        """For the owner."""
        return {"streams": sum(self._streams.values()), "addresses_shut": len(self._shut),
                "actors_counted": len(self._actors), "addresses_counted": len(self._addresses)}


def _who(caller: Caller) -> tuple[str, ...]:
    return caller.workspace, caller.actor.identity


@lru_cache(1_000)
def _finer(rate: Rate, cost: str) -> Rate:
    """Seconds are counted in millionths: most requests take a few thousandths."""
    from pluto_duck.governance.rates import Rate

    return Rate(rate.amount * 1_000_000, rate.window_s) if cost == "seconds" else rate


def _policy(name: str, rate: Rate) -> str:
    return f'"{name}";q={rate.amount};w={rate.window_s}'


def _quota(name: str, left: Left) -> str:
    remaining = left.remaining // 1_000_000 if name == "seconds" else left.remaining
    return f'"{name}";r={remaining};t={left.reset_s if left.allowed else left.retry_s}'


def _with(problem: TooMany, headers: dict[str, str]) -> TooMany:
    problem.headers = headers
    return problem


def _network(address: str) -> str:
    """Who has one IPv6 address has the 2^64 beside it, too."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network((address.partition("%")[0], 64), strict=False))
    except ValueError:
        return address


def _digest(credential: str) -> bytes:
    return hashlib.blake2b(credential.encode("utf-8", "replace"), digest_size=16).digest()
