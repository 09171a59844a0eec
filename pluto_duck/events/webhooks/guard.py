"""Where a webhook may be sent: https to public addresses, and what the owner has allowed besides.

A name is looked up, each of its addresses judged, and the connection made to one of those judged: whoever answers
another address the second time it is asked (DNS rebinding) is not asked a second time.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from pluto_duck.errors import Refused, SettingError, UsageError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver = Callable[[str, int], Sequence[str]]
"""The addresses of a host name; raises OSError."""

MOST_URL = 2_000
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")

# Besides what `is_global` tells, which differs between versions of Python: what carries an IPv4 address inside, by
# which a private one could be reached through a gateway, and what only looks global.
_TUNNELS = tuple(ipaddress.ip_network(one) for one in (
    "::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/23", "2002::/16",
    "fec0::/10", "100::/64", "5f00::/16", "3fff::/20", "192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32"))


@dataclass(frozen=True)
class Url:
    scheme: str
    host: str
    """In ASCII and small letters; an IPv6 address without its brackets."""
    port: int
    target: str
    """Path and query, as they are sent."""

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.scheme == "https" else 80) else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """Without what may be a secret: values of the query, and parts of the path that look like a token."""
        path, _, query = self.target.partition("?")
        parts = ["***" if _is_token(one) else one for one in path.split("/")]
        return f"{self.scheme}://{self.authority}{'/'.join(parts)}{'?***' if query else ''}"


def _is_token(part: str) -> bool:
    return len(part) >= 24 or (len(part) >= 8 and bool(re.search(r"\d", part)) and bool(re.search(r"[A-Za-z]", part)))


def parse(url: str) -> Url:
    """Raises UsageError, which never repeats the address: it may hold a token."""
    if len(url) > MOST_URL or not url.isascii() or re.search(r"[\x00-\x20\x7f\\]", url):
        url = _in_ascii(url)
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise _unusable("its host or port can't be read") from None
    if parts.scheme not in ("https", "http"):
        raise _unusable("it does not begin with https://")
    if parts.username is not None or parts.password is not None:
        raise _unusable("it holds a user or password", "Who sends is proved by the signature.")
    if parts.fragment:
        raise _unusable("it has a fragment (#), which is never sent")
    _check_host(host)
    port = port if port is not None else (443 if parts.scheme == "https" else 80)
    if port not in (80, 443) and port < 1024:
        raise _unusable(f"no webhook is sent to port {port}", "443, or one from 1024 on.")
    return Url(parts.scheme, host, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


def _in_ascii(url: str) -> str:
    if len(url) > MOST_URL:
        raise _unusable(f"it has more than {MOST_URL} characters")
    if re.search(r"[\x00-\x20\x7f\\]", url):
        raise _unusable("it holds a space, a backslash or a control character")
    raise _unusable("it holds letters that are not ASCII", "Write the host as xn--..., the path percent-encoded.")


def _check_host(host: str) -> None:
    """A name, or an address in the one spelling that everybody reads alike: 0x7f.1, 2130706433 and 0177.0.0.1 are
    127.0.0.1 to some."""
    if not host:
        raise _unusable("it names no host")
    if "%" in host:
        raise _unusable("it has a zone or an escape in its host")
    try:
        ipaddress.ip_address(host)
        return
    except ValueError:
        pass
    last = host.rpartition(".")[2]
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", last):
        raise _unusable("its host is a number in a spelling of its own", "Write the address as 203.0.113.7.")
    if len(host) > 253 or not all(_LABEL.fullmatch(one) for one in host.split(".")):
        raise _unusable("its host is no name of one")


def _unusable(why: str, hint: str = "") -> UsageError:
    return UsageError(f"A webhook can't be sent to this address: {why}.",
                      hint=hint or "For example: https://hooks.example.com/orders")


@dataclass(frozen=True)
class Allowed:
    """The setting webhooks.allow: what may be sent to although it is not public."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()

    @classmethod
    def read(cls, text: str) -> Allowed:
        """`10.0.0.0/8, 127.0.0.1, hooks.internal`. Raises SettingError."""
        networks: list[Network] = []
        hosts: list[str] = []
        for one in filter(None, (part.strip().lower() for part in text.split(","))):
            try:
                networks.append(ipaddress.ip_network(one))
            except ValueError:
                if "/" in one or not all(_LABEL.fullmatch(label) for label in one.split(".")):
                    raise SettingError(f"webhooks.allow: {one!r} is neither a network nor a host.",
                                       hint="10.0.0.0/8, 127.0.0.1, hooks.internal") from None
                hosts.append(one)
        return cls(tuple(networks), frozenset(hosts))

    def address(self, address: Address) -> bool:
        return any(address.version == one.version and address in one for one in self.networks)


def why_not(address: Address) -> str:
    """What keeps a webhook from an address; "" for a public one."""
    if any(address.version == one.version and address in one for one in _TUNNELS):
        return "reserved"
    for kind in ("unspecified", "loopback", "link_local", "multicast", "private", "reserved"):
        if getattr(address, f"is_{kind}"):
            return kind.replace("_", "-")
    return "" if address.is_global else "not public"


def look_up(host: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


class Guard:
    """Judges addresses, each time by what is allowed then; `resolve` is the seam where tests are a name server."""

    def __init__(self, allowed: Allowed | Callable[[], Allowed], *, resolve: Resolver = look_up) -> None:
        self._now_allowed = allowed
        self._resolve = resolve

    def addresses(self, url: Url) -> list[str]:
        """Those that a connection may be made to, in the order of the name server. Raises Refused, OSError.

        One bad address among good ones refuses them all: no honest host has both.
        """
        found = [ipaddress.ip_address(one.partition("%")[0]) for one in self._resolve(url.host, url.port)]
        if not found:
            raise OSError(f"{url.host} has no address")
        allowed = self._now_allowed() if callable(self._now_allowed) else self._now_allowed
        for address in found:
            _judge(url, address, allowed)
        return [str(one) for one in found]


def _judge(url: Url, address: Address, allowed: Allowed) -> None:
    why = why_not(address)
    named = url.host in allowed.hosts and why in ("private", "loopback", "not public")
    if why and not named and not allowed.address(address):
        raise Refused(f"{url.host} has the address {address}, which is {why}: no webhook goes there.",
                      hint=f'If it may: [webhooks] allow = "{address}" in pluto.toml, and pluto-duck trust.')
    if url.scheme != "https" and why != "loopback":
        raise Refused(f"A webhook to {url.host} must go by https: others could read it and change it on its way.",
                      hint="http is for this machine alone.")
