"""Tokens that must open nothing, and what a good one makes of its bearer."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from pluto_duck.errors import SettingError, Unauthenticated
from pluto_duck.governance.keys import Keys
from pluto_duck.governance.tokens import bearer
from pluto_duck.governance.tokens.keyset import key_set
from pluto_duck.governance.tokens.parts import parts
from pluto_duck.governance.tokens.rules import Rules, must_be_safe, rules
from pluto_duck.governance.tokens.verifying import Verified, verified
from pluto_duck.governance.trust import trust
from pluto_duck.settings import Settings
from pluto_duck.workspace import ControlStore, Workspace
from tests.services.issuer import AUDIENCE, TestIssuer, private_key, public_jwk

NOW = int(time.time())


def settings(**values: Any) -> Settings:
    return Settings.load(environ={}, **{f"auth__{name}": value for name, value in {
        "issuer": "https://login.example", "audience": AUDIENCE, "claims": "region", **values}.items()})


def made(**values: Any) -> Rules:
    found = rules(settings(**values))
    assert found is not None
    return found


class Maker(TestIssuer):
    def __init__(self) -> None:
        super().__init__(1)
        self.url = "https://login.example"
        self.keys = {kind: (kind, private_key(kind)) for kind in ("RS256", "ES256", "EdDSA")}


ISSUER = Maker()


def keys() -> Any:
    found = ISSUER.document("/keys")
    assert found is not None
    return key_set(found)


def check(text: str, **values: Any) -> Verified:
    return verified(text, parts(text), keys(), made(**values), ISSUER.url)


def segment(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def signed(header: bytes | dict[str, Any], payload: bytes | dict[str, Any]) -> str:
    """By the right key, whatever they say."""
    text = f"{segment(header)}.{segment(payload)}"
    signature = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256).sign(text.encode(), private_key("RS256"))
    return f"{text}.{segment(signature)}"


def by_secret(algorithm: str, secret: bytes) -> str:
    text = f"{segment({'alg': algorithm, 'kid': 'RS256'})}.{segment(ISSUER.claims())}"
    digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}[algorithm]
    return f"{text}.{segment(hmac.new(secret, text.encode(), digest).digest())}"


PEM, DER = (private_key("RS256").public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
            for encoding in (serialization.Encoding.PEM, serialization.Encoding.DER))
STRANGER = private_key("RS256", "stranger")
GOOD_HEADER = {"alg": "RS256", "kid": "RS256"}
BOTH = b'{"alg": "RS256", "kid": "RS256"}'


@pytest.mark.parametrize("kind", ["RS256", "ES256", "EdDSA"])
@pytest.mark.parametrize("typ", ["JWT", "at+jwt", "AT+JWT", "application/at+jwt", None])
def test_a_good_token_is_good(kind: str, typ: str | None) -> None:
    found = check(ISSUER.token(kid=kind, headers={"typ": typ}))
    assert (found.issuer, found.subject) == (ISSUER.url, "alice")
    assert found.until == pytest.approx(time.time() + 360, abs=5)


BAD: dict[str, Any] = {
    "alg none": lambda: f"{segment({'alg': 'none', 'kid': 'RS256'})}.{segment(ISSUER.claims())}.",
    "alg None": lambda: f"{segment({'alg': 'None', 'kid': 'RS256'})}.{segment(ISSUER.claims())}.",
    "alg none with the signature of another": lambda: f"{segment({'alg': 'nOnE'})}.{segment(ISSUER.claims())}."
                                                      f"{ISSUER.token(kid='RS256').rpartition('.')[2]}",
    "no alg": lambda: signed({"kid": "RS256"}, ISSUER.claims()),
    "alg of another type": lambda: signed({"alg": ["RS256"], "kid": "RS256"}, ISSUER.claims()),
    "no signature": lambda: ISSUER.token(kid="RS256").rpartition(".")[0] + ".",
    "cut signature": lambda: ISSUER.token(kid="RS256")[:-8],
    **{f"{alg} with the public key as {name}": (lambda alg=alg, secret=secret: by_secret(alg, secret))
       for alg in ("HS256", "HS384", "HS512") for name, secret in (
           ("PEM", PEM), ("PEM without its end", PEM.strip()), ("DER", DER),
           ("JWK", json.dumps(public_jwk(private_key("RS256"))).encode()), ("nothing", b""))},
    "RS512": lambda: ISSUER.token(kid="RS256", alg="RS512"),
    "PS256": lambda: ISSUER.token(kid="RS256", alg="PS256"),
    "ES256 said of an RSA key": lambda: signed({"alg": "ES256", "kid": "RS256"}, ISSUER.claims()),
    "RS256 said of an EC key": lambda: signed({"alg": "RS256", "kid": "ES256"}, ISSUER.claims()),
    "a stranger's key": lambda: ISSUER.token(kid="RS256", key=STRANGER),
    "a stranger's key in the header (jwk)": lambda: ISSUER.token(
        kid="RS256", key=STRANGER, headers={"jwk": public_jwk(STRANGER)}),
    "a stranger's key at an address (jku)": lambda: ISSUER.token(
        kid="RS256", key=STRANGER, headers={"jku": "http://127.0.0.1:9/keys", "x5u": "http://127.0.0.1:9/"}),
    "a stranger's certificate (x5c)": lambda: ISSUER.token(kid="RS256", key=STRANGER, headers={"x5c": ["MIIB"]}),
    "an unknown kid": lambda: ISSUER.token(kid="gone", key=private_key("RS256")),
    "kid: a path": lambda: ISSUER.token(kid="../../../../dev/null", key=STRANGER),
    "kid: SQL": lambda: ISSUER.token(kid="x' UNION SELECT 'key", key=STRANGER),
    "kid: an address": lambda: ISSUER.token(kid="http://127.0.0.1:9/keys", key=STRANGER),
    "kid: a number": lambda: signed({"alg": "RS256", "kid": 1}, ISSUER.claims()),
    "kid: an object": lambda: signed({"alg": "RS256", "kid": {"$ne": ""}}, ISSUER.claims()),
    "kid: endless": lambda: signed({"alg": "RS256", "kid": "k" * 501}, ISSUER.claims()),
    "crit": lambda: ISSUER.token(kid="RS256", headers={"crit": ["exp"], "exp": 1}),
    "b64": lambda: signed({**GOOD_HEADER, "b64": True}, ISSUER.claims()),
    "wrong aud": lambda: ISSUER.token(kid="RS256", aud="https://other.example"),
    "aud that begins alike": lambda: ISSUER.token(kid="RS256", aud=AUDIENCE + "/more"),
    "no aud": lambda: ISSUER.token(kid="RS256", aud=...),
    "aud: an object": lambda: signed(GOOD_HEADER, ISSUER.claims(aud={AUDIENCE: 1})),
    "wrong iss": lambda: ISSUER.token(kid="RS256", iss="https://login.example.evil"),
    "iss with a slash more": lambda: ISSUER.token(kid="RS256", iss=ISSUER.url + "/"),
    "iss: a list": lambda: signed(GOOD_HEADER, ISSUER.claims(iss=[ISSUER.url])),
    "no iss": lambda: ISSUER.token(kid="RS256", iss=...),
    "over": lambda: ISSUER.token(kid="RS256", exp=NOW - 3600),
    "no exp": lambda: ISSUER.token(kid="RS256", exp=...),
    "no iat": lambda: ISSUER.token(kid="RS256", iat=...),
    "no sub": lambda: ISSUER.token(kid="RS256", sub=...),
    "future nbf": lambda: ISSUER.token(kid="RS256", nbf=NOW + 86_400),
    "future iat": lambda: ISSUER.token(kid="RS256", iat=NOW + 86_400),
    "exp: a text": lambda: ISSUER.token(kid="RS256", exp=str(NOW + 600)),
    "exp: true": lambda: signed(GOOD_HEADER, ISSUER.claims(exp=True)),
    "iat: true": lambda: signed(GOOD_HEADER, ISSUER.claims(iat=True)),
    "exp: null": lambda: signed(GOOD_HEADER, ISSUER.claims(exp=None)),
    "exp: endless": lambda: signed(GOOD_HEADER, json.dumps(ISSUER.claims()).replace(
        '"exp": ', '"exp": 1e999, "x": ').encode()),
    "exp: a number of thousands of digits": lambda: signed(BOTH, json.dumps(ISSUER.claims(exp=...)).replace(
        "{", '{"exp": ' + "9" * 4000 + ",", 1).encode()),
    "iat: NaN": lambda: signed(BOTH, json.dumps(ISSUER.claims(iat=...)).replace("{", '{"iat": NaN,', 1).encode()),
    "sub: a number": lambda: ISSUER.token(kid="RS256", sub=7),
    "sub: empty": lambda: ISSUER.token(kid="RS256", sub=""),
    "sub: two lines": lambda: ISSUER.token(kid="RS256", sub="alice\nX-Admin: 1"),
    "sub: endless": lambda: ISSUER.token(kid="RS256", sub="a" * 256),
    "sub: half a character": lambda: signed(BOTH, json.dumps(ISSUER.claims(sub=...)).replace(
        "{", '{"sub": "\\ud800",', 1).encode()),
    "a member twice": lambda: signed(BOTH, json.dumps(ISSUER.claims()).replace("{", '{"sub": "root", ', 1).encode()),
    "a member twice, deep": lambda: signed(BOTH, json.dumps(ISSUER.claims()).replace(
        "{", '{"realm": {"roles": ["eu"], "roles": ["us"]}, ', 1).encode()),
    "a header twice": lambda: signed(b'{"alg": "none", "alg": "RS256", "kid": "RS256"}', ISSUER.claims()),
    "nested without an end": lambda: signed(BOTH, b'{"x": ' + b"[" * 5000 + b"]" * 5000 + b"}"),
    "nested deep": lambda: signed(GOOD_HEADER, ISSUER.claims(x=json.loads("[" * 12 + "]" * 12))),
    "a list": lambda: signed(BOTH, b"[1]"),
    "no JSON": lambda: signed(BOTH, b"alice"),
    "no UTF-8": lambda: signed(BOTH, b'{"sub": "\xff"}'),
    "giant": lambda: ISSUER.token(kid="RS256", x="x" * 20_000),
    "id token by its nonce": lambda: ISSUER.token(kid="RS256", nonce="n"),
    "id token by its at_hash": lambda: ISSUER.token(kid="RS256", at_hash="h"),
    "id token by its token_use": lambda: ISSUER.token(kid="RS256", token_use="id"),
    "id token of Keycloak": lambda: ISSUER.token(kid="RS256", typ="ID"),
    "refresh token of Keycloak": lambda: ISSUER.token(kid="RS256", typ="Refresh"),
    "logout token": lambda: ISSUER.token(kid="RS256", headers={"typ": "logout+jwt"}),
    "security event": lambda: ISSUER.token(kid="RS256", headers={"typ": "secevent+jwt"}),
    "DPoP proof": lambda: ISSUER.token(kid="RS256", headers={"typ": "dpop+jwt"}),
    "typ: a number": lambda: signed({**GOOD_HEADER, "typ": 1}, ISSUER.claims()),
    "bound to a key": lambda: ISSUER.token(kid="RS256", cnf={"jkt": "x"}),
    "five parts": lambda: ISSUER.token(kid="RS256") + ".x.x",
    "a blank in it": lambda: ISSUER.token(kid="RS256").replace(".", ". ", 1),
    "padded": lambda: ISSUER.token(kid="RS256") + "=",
    "empty parts": lambda: "..",
}


@pytest.mark.parametrize("name", list(BAD))
def test_a_bad_token_is_refused_in_words_of_ours(name: str) -> None:
    text = BAD[name]()
    with pytest.raises(Unauthenticated) as caught:
        check(text)
    assert caught.value.message.startswith("The token is not good: ")
    assert len(text) < 60 or text[20:60] not in str(caught.value)
    assert "alice" not in str(caught.value)


def test_the_clocks_may_differ_by_the_leeway_and_no_more() -> None:
    assert check(ISSUER.token(kid="RS256", exp=int(time.time()) - 50))
    assert check(ISSUER.token(kid="RS256", iat=int(time.time()) + 50, nbf=int(time.time()) + 50))
    with pytest.raises(Unauthenticated, match="it is over"):
        check(ISSUER.token(kid="RS256", exp=int(time.time()) - 50), leeway_s=10)


def test_only_listed_algorithms_count() -> None:
    with pytest.raises(Unauthenticated, match="algorithm"):
        check(ISSUER.token(kid="RS256"), algorithms="ES256")


def test_keys_that_can_not_vouch_for_anything_are_left_out() -> None:
    good = public_jwk(private_key("RS256"), kid="good")
    left_out = [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "secret"}, public_jwk(private_key("short"), kid="short"),
        {**good, "kid": "for encryption", "use": "enc"}, {**good, "kid": "x", "alg": "HS256"}, {**good, "kid": "y", "alg": "RS512"},
        {**good, "kid": "operations", "key_ops": ["encrypt"]}, {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(private_key("RS256"))), "kid": "private", "key_ops": ["verify"]},
        {"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"}, {"kty": "RSA"}, {"kty": ["RSA"]}, {"kty": "RSA", "n": 1, "e": []},
        "text", None, 7, {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "not on the curve"}]
    found = key_set({"keys": [*left_out, good]})
    assert [kid for kid, _algorithm, _key in found.keys] == ["good"]
    for wrong in ({}, {"keys": None}, {"keys": {"a": 1}}):
        with pytest.raises(ValueError):
            key_set(wrong)
    assert len(key_set({"keys": [good] * 500}).keys) == 100


def test_a_token_without_a_kid_needs_an_issuer_without_a_choice() -> None:
    text = ISSUER.token(kid=None, key=private_key("RS256"), alg="RS256")
    assert check(text).subject == "alice", "one RSA key"
    two = key_set({"keys": [public_jwk(private_key("RS256")), public_jwk(STRANGER)]})
    with pytest.raises(Unauthenticated):
        verified(text, parts(text), two, made(), ISSUER.url)


# -- what it makes of its bearer ----------------------------------------------------------------------

KNOWN = {"eu", "us", "analyst", "none"}


def actor(claims: dict[str, Any], /, **values: Any) -> Any:
    return bearer.actor(Verified(ISSUER.url, "alice", claims, 0), made(**values), KNOWN)


@pytest.mark.parametrize(("claims", "values", "roles"), [
    ({"roles": ["eu", "us", "eu"]}, {}, ("eu", "us")),
    ({"roles": "eu"}, {}, ("eu",)),
    ({"roles": "eu us"}, {}, ()),
    ({"roles": ["owner", "agent", "admin", "EU", "eu "]}, {}, ()),
    ({"roles": {"eu": True}}, {}, ()),
    ({"roles": [["eu"], {"name": "eu"}, 1, None, True]}, {}, ()),
    ({"roles": None}, {}, ()), ({}, {}, ()), ({"roles": 10**30}, {}, ()),
    ({"realm": {"roles": ["eu"]}}, {"roles_claim": "realm.roles"}, ("eu",)),
    ({"https://x.example/roles": ["eu"]}, {"roles_claim": "https://x.example/roles"}, ("eu",)),
    ({"realm": ["eu"]}, {"roles_claim": "realm.roles"}, ()),
    ({"roles": ["sales", "eu"]}, {"roles": "sales=analyst"}, ("analyst",)),
    ({"roles": ["nightly"], "client_id": "nightly"}, {"roles_claim": "roles, client_id", "roles": "client_id:nightly=us"}, ("us",)),
    ({"roles": ["nightly"]}, {"roles_claim": "roles, client_id", "roles": "client_id:nightly=us"}, ()),
    ({"roles": ["sales"]}, {"roles": "sales=boss"}, ()),
])
def test_roles_are_those_that_the_owner_mapped_and_the_policy_has(claims: dict[str, Any], values: dict[str, str],
                                                                  roles: tuple[str, ...]) -> None:
    found = actor(claims, **values)
    assert found.roles == roles
    assert found.governed, "no token makes an owner"


@pytest.mark.parametrize("value", ["EU", "ÆØÅ 東京 👩‍🔬", "'; DROP TABLE orders; --", 7, -2**63, 2.5, True, ["EU", "US"], [1, 2]])
def test_a_plain_claim_reaches_the_policy_as_it_is(value: Any) -> None:
    assert actor({"region": value}).claims == {"region": value}


@pytest.mark.parametrize("value", [None, {"a": 1}, [["EU"]], [{"a": 1}], ["EU", 1], [1, True, "x"], 2**63, -2**63 - 1, "x" * 4_001,
                                   "a\0b", ["a\0"], list(range(1_001)), [10**30], float("inf")])
def test_any_other_claim_is_none(value: Any) -> None:
    assert actor({"region": value}).claims == {}


def test_only_listed_claims_count() -> None:
    found = actor({"region": "EU", "secret": "x", "org": {"id": 7}}, claims="region, org.id=tenant")
    assert found.claims == {"region": "EU", "tenant": 7}


def test_two_issuers_may_both_know_an_alice_and_a_key_may_be_called_so(workspace: Workspace) -> None:
    other = bearer.actor(Verified("https://b.example", "alice", {}, 0), made(), KNOWN)
    store = Keys(ControlStore(workspace.control), workspace)
    named = store.create(f"{ISSUER.url}|alice", ["eu"])[0].actor
    store.close()
    assert len({actor({}).identity, other.identity, named.identity}) == 3
    assert actor({}).name != other.name


@pytest.mark.parametrize(("claims", "expected"), [
    ({"scope": "schema:read query:run other"}, {"schema:read", "query:run"}), ({"scp": ["query:ask"]}, {"query:ask"}),
    ({"scp": "query:ask"}, {"query:ask"}), ({}, set()), ({"scope": {"query:run": 1}}, set()), ({"scope": 1}, set()),
    ({"scope": ["query:ask", ["query:run"], None]}, {"query:ask"}), ({"scope": "admin owner *"}, set())])
def test_scopes_are_those_we_have(claims: dict[str, Any], expected: set[str]) -> None:
    assert bearer.scopes(Verified(ISSUER.url, "alice", claims, 0), made()) == expected


def test_scopes_of_others_may_be_mapped() -> None:
    mapped = made(scopes="read=schema:read, read=query:ask, *=query:run")
    assert bearer.scopes(Verified(ISSUER.url, "a", {"scope": "read"}, 0), mapped) == {"schema:read", "query:ask", "query:run"}
    assert bearer.scopes(Verified(ISSUER.url, "a", {}, 0), mapped) == {"query:run"}


# -- what may be set ----------------------------------------------------------------------------------

@pytest.mark.parametrize("values", [
    {"audience": ""}, {"issuer": "http://login.example"}, {"issuer": "login.example"}, {"issuer": "file:///etc/passwd"},
    {"issuer": "https://user:word@login.example"}, {"issuer": "https://login.example?x=1"}, {"issuer": "https://"},
    {"issuer": "['https://login.example']"}, {"algorithms": "HS256"}, {"algorithms": "RS256, none"}, {"roles": "x"},
    {"roles": "a=b c"}, {"scopes": "a=admin"}, {"claims": "roles"}, {"claims": "a b"}, {"claims": "x=actor"}, {"leeway_s": 86400},
    {"leeway_s": -1}])
def test_settings_that_make_no_sense_take_nobodys_tokens(values: dict[str, Any]) -> None:
    with pytest.raises(SettingError):
        rules(settings(**values))


@pytest.mark.parametrize("url", ["http://localhost:8000", "http://127.0.0.1:8000/realm", "http://[::1]:8000", "https://x.example"])
def test_plain_http_is_for_this_machine_alone(url: str) -> None:
    must_be_safe(url, "it")
    with pytest.raises(SettingError):
        must_be_safe("http://127.0.0.1.evil.example", "it")


def test_a_folder_names_no_issuer_before_its_owner_has_seen_it(workspace: Workspace) -> None:
    with open(workspace.toml, "a", encoding="utf-8") as file:
        file.write('\n[auth]\nissuer = "https://evil.example"\naudience = "x"\n')
    from pluto_duck.governance.trust import is_trusted

    def now() -> Rules | None:
        return rules(Settings.load(workspace.toml, trusted=is_trusted(workspace), environ={}))

    assert now() is None
    trust(workspace)
    found = now()
    assert found is not None
    assert found.issuers == ("https://evil.example",)
    Path(workspace.toml).write_text(workspace.toml.read_text().replace("evil", "worse"), encoding="utf-8")
    assert now() is None, "it was not what the owner saw"
