"""Which addresses are refused, and that nobody gets around it by a name, a spelling or a redirect."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from pluto_duck.errors import Refused, SettingError, UsageError
from pluto_duck.events.webhooks.guard import Allowed, Guard, parse
from tests.events.webhooks.conftest import Bench, Endpoint


def judged(address: str, *, allow: str = "", host: str = "hooks.example", scheme: str = "https") -> list[str]:
    return Guard(Allowed.read(allow), resolve=lambda *_: [address]).addresses(parse(f"{scheme}://{host}/"))


@pytest.mark.parametrize("address", ["203.0.114.1", "8.8.8.8", "2606:4700::1111", "100.63.255.255", "100.128.0.1"])
def test_public_addresses_are_let_through(address: str) -> None:
    assert judged(address) == [address]


@pytest.mark.parametrize("address", [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "169.254.170.2", "100.64.0.1", "100.100.100.200", "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1",
    "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.88.99.1", "168.63.129.16", "::1", "::", "fe80::1", "fe80::1%eth0",
    "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1", "2002:7f00:1::", "2001::1", "2001:db8::1", "fec0::1", "100::1", "::ffff:0:127.0.0.1", "3fff::1", "5f00::1"])
def test_what_is_not_public_is_refused(address: str) -> None:
    with pytest.raises(Refused) as told:
        judged(address)
    assert "webhooks" in told.value.hint


def test_one_bad_address_among_good_ones_refuses_them_all() -> None:
    with pytest.raises(Refused):
        Guard(Allowed(), resolve=lambda *_: ["8.8.8.8", "10.0.0.1"]).addresses(parse("https://x.example/"))


@pytest.mark.parametrize(("url", "why"), [
    ("https://2130706433/", "number"), ("https://0x7f000001/", "number"), ("https://0177.0.0.1/", "number"),
    ("https://127.1/", "number"), ("https://0x7f.1/", "number"), ("https://127.0.0.0x1/", "number"),
    ("https://1.2.3.4.5/", "number"), ("https://user:pw@x.example/", "password"), ("https://user@x.example/", "password"),
    ("https://x.example/#a", "fragment"), ("ftp://x.example/", "https"), ("file:///etc/passwd", "https"),
    ("https:///x", "no host"), ("https://x.example:22/", "port 22"), ("https://x.example:99999/", "port"),
    ("https://x.example\\@127.0.0.1/", "backslash"), ("https://x.example/a b", "space"), ("https://x.example/\r\nHost: y", "space"),
    ("https://１２７.0.0.1/", "ASCII"), ("https://ⓛocalhost/", "ASCII"), ("https://[fe80::1%25eth0]/", "zone"),
    ("https://x_.example-/", "name"), ("https://x.example/" + "a" * 2_000, "2000"), ("//x.example/", "https"),
    ("https://%6c%6f/", "escape"), ("https://[::1/", "read")])
def test_an_address_in_a_spelling_of_its_own_is_refused_and_not_repeated(url: str, why: str) -> None:
    with pytest.raises(UsageError) as told:
        parse(url)
    assert why in told.value.message
    assert "x.example" not in told.value.message


def test_numbers_that_a_resolver_takes_for_an_address_are_judged_as_one() -> None:
    """The guard asks the system's resolver, which knows all the old spellings, and judges what it answers."""
    try:
        socket.getaddrinfo("127.1", 443)
    except OSError:
        pytest.skip("this system's resolver does not know short addresses")
    with pytest.raises(Refused):
        Guard(Allowed()).addresses(parse("https://localhost/"))


def test_what_the_owner_allows_is_allowed_and_nothing_beside_it() -> None:
    assert judged("10.1.2.3", allow="10.0.0.0/8") == ["10.1.2.3"]
    assert judged("10.1.2.3", allow="hooks.example") == ["10.1.2.3"]
    assert judged("127.0.0.1", allow="localhost", host="localhost", scheme="http") == ["127.0.0.1"]
    assert judged("fd00::1", allow="fd00::/8") == ["fd00::1"]
    for address, allow, host, scheme in (
            ("192.168.0.1", "10.0.0.0/8", "hooks.example", "https"), ("10.1.2.3", "other.example", "hooks.example", "https"),
            ("10.1.2.3", "10.0.0.0/8", "hooks.example", "http"), ("8.8.8.8", "", "hooks.example", "http"),
            ("169.254.169.254", "hooks.example", "hooks.example", "https"), ("::ffff:10.0.0.1", "10.0.0.0/8", "x.example", "https")):
        with pytest.raises(Refused):
            judged(address, allow=allow, host=host, scheme=scheme)
    assert judged("169.254.169.254", allow="169.254.169.254") == ["169.254.169.254"]


@pytest.mark.parametrize("text", ["10.0.0.1/8", "http://x", "a b", "*", "10.0.0.0/99"])
def test_a_setting_that_is_no_network_is_told(text: str) -> None:
    with pytest.raises(SettingError, match=r"webhooks\.allow"):
        Allowed.read(text)


def test_an_address_is_shown_without_what_may_be_a_token() -> None:
    url = parse("https://hooks.example:8443/services/T0AAAAAA1/" + "x" * 24 + "/orders?key=abc&b=1")
    assert url.shown == "https://hooks.example:8443/services/***/***/orders?***"


def test_a_name_that_changes_its_address_is_judged_again_and_never_asked_twice(
        bench: Bench, endpoints: Callable[..., Endpoint]) -> None:
    """DNS rebinding: the address that was judged is the one that is connected to."""
    endpoint = endpoints("rebind.example")
    hook, _ = bench.hook(endpoint.url)
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    bench.guard._resolve = lambda *_: next(answers)
    bench.changes.add()
    bench.settle()
    assert len(endpoint.got) == 1, "one look for one connection"
    bench.changes.add()
    bench.settle()
    [failed, _] = bench.queue.log(hook.id)
    assert (failed.status, failed.state) == (None, "pending")
    assert "link-local" in failed.error
    assert len(endpoint.got) == 1


def test_a_certificate_for_another_host_is_not_good(bench: Bench, endpoints: Callable[..., Endpoint]) -> None:
    endpoint = endpoints("hooks.example", certificate="other.example")
    hook, _ = bench.hook(endpoint.url)
    bench.changes.add()
    bench.settle()
    assert endpoint.got == []
    assert "certificate" in bench.queue.log(hook.id)[0].error


def test_host_and_sni_are_those_of_the_name(bench: Bench, endpoints: Callable[..., Endpoint]) -> None:
    endpoint = endpoints("hooks.example")
    bench.hook(endpoint.url)
    bench.changes.add()
    bench.settle()
    assert endpoint.got[0][0]["host"] == f"hooks.example:{endpoint.server.server_port}"


def test_no_proxy_of_the_environment_is_used(bench: Bench, endpoints: Callable[..., Endpoint],
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    endpoint = endpoints("hooks.example")
    bench.hook(endpoint.url)
    bench.changes.add()
    bench.settle()
    assert len(endpoint.got) == 1
