"""Addresses by name: what is kept, where the password goes, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.backends.chainer
import keyring.backends.fail
import keyring.backends.null
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from pluto_duck.commands.private_postgres import PrivatePostgres
from pluto_duck.errors import PlutoError, Refused, SourceError, UnknownName, UsageError
from pluto_duck.ingest import connections_keyring
from pluto_duck.ingest.connections import Connections
from pluto_duck.ingest.connections_address import TLS_MODES, join, split, takes_password, with_tls
from pluto_duck.ingest.connections_probe import probe
from pluto_duck.workspace import ControlStore, Workspace, create
from tests.ingest.memory_keyring import MemoryKeyring

SECRET = "s3cret-9f2c"


@pytest.fixture
def connections(workspace: Workspace) -> Iterator[Connections]:
    control = ControlStore(workspace.control)
    yield Connections(control, workspace)
    control.close()


@pytest.fixture
def ring() -> Iterator[MemoryKeyring]:
    before = keyring.get_keyring()
    ring = MemoryKeyring()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


@pytest.fixture
def no_ring() -> Iterator[None]:
    before = keyring.get_keyring()
    keyring.set_keyring(keyring.backends.fail.Keyring())
    yield
    keyring.set_keyring(before)


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


# -- taking an address apart --------------------------------------------------------------------------


@pytest.mark.parametrize(("uri", "address", "password"), [
    ("postgresql://me:pw@db.example:5433/shop?sslmode=require", "postgresql://me@db.example:5433/shop?sslmode=require", "pw"),
    ("postgresql://me:p%40w%2F@db.example/shop", "postgresql://me@db.example/shop", "p@w/"),
    ("postgresql://me:p@w@db.example/shop", "postgresql://me@db.example/shop", "p@w"),
    ("postgresql://:pw@db.example/shop", "postgresql://db.example/shop", "pw"),
    ("postgresql://me@[::1]:5432/shop", "postgresql://me@[::1]:5432/shop", None),
    ("postgresql://db.example/shop?user=me&password=p%40w", "postgresql://db.example/shop?user=me", "p@w"),
    ("postgresql://db.example/shop?password=pw&user=me", "postgresql://db.example/shop?user=me", "pw"),
    ("host=db.example dbname=shop password=pw", "host=db.example dbname=shop", "pw"),
    (r"host = db.example password = 'it\'s a \\' dbname=shop", "host=db.example dbname=shop", "it's a \\"),
    ("host='a password=x' dbname=shop", None, None),
    ("PGSERVICE=shop", "service=shop", None),
    ("env:SHOP_URL", "env:SHOP_URL", None),
    ("mysql://me:pw@db.example/shop", "mysql://me@db.example/shop", "pw"),
    ("data/sales.csv", "data/sales.csv", None),
])
def test_the_password_comes_out_of_an_address(uri: str, address: str | None, password: str | None) -> None:
    if address is None:
        with pytest.raises(UsageError, match="holds a secret"):
            split(uri)
    else:
        assert split(uri) == (address, password)


@pytest.mark.parametrize("uri", [
    f"postgresql://me:a/{SECRET}@db.example/shop", f"postgresql://me:#{SECRET}@db.example/shop",
    f"postgresql://me@db.example/shop?sslpassword={SECRET}", f"s3://bucket/key?secret={SECRET}",
    f"host=db.example sslpassword={SECRET}",
])
def test_an_address_whose_secret_cannot_be_told_apart_is_refused_without_repeating_it(uri: str) -> None:
    with pytest.raises(UsageError) as caught:
        split(uri)
    assert SECRET not in str(caught.value.to_dict())
    assert "env:NAME" in caught.value.hint


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
def test_any_password_comes_back_as_it_was_in_both_spellings(password: str) -> None:
    for address in ("postgresql://me@db.example:5433/shop?sslmode=require", "postgresql://db.example/shop",
                    "host=db.example dbname=shop"):
        whole = join(address, password)
        assert split(whole) == (address, password)
        assert conninfo_to_dict(whole)["password"] == password


@pytest.mark.parametrize(("address", "expected"), [
    ("postgresql://me@db.example/shop", "postgresql://me@db.example/shop?sslmode=verify-full&sslrootcert=%2Fca.pem"),
    ("postgresql://db.example/shop?connect_timeout=5",
     "postgresql://db.example/shop?connect_timeout=5&sslmode=verify-full&sslrootcert=%2Fca.pem"),
    ("host=db.example", "host=db.example sslmode='verify-full' sslrootcert='/ca.pem'"),
])
def test_tls_is_said_in_the_words_of_libpq(address: str, expected: str) -> None:
    made = with_tls(address, "verify-full", "/ca.pem")
    assert made == expected
    fields = conninfo_to_dict(made)
    assert (fields["sslmode"], fields["sslrootcert"]) == ("verify-full", "/ca.pem")
    assert with_tls(made, "verify-full") == made


def test_two_opinions_on_tls_are_refused() -> None:
    with pytest.raises(UsageError, match="sslmode=disable"):
        with_tls("postgresql://db.example/shop?sslmode=disable", "require")
    with pytest.raises(UsageError, match="databases on a host"):
        with_tls("data/sales.csv", "require")


@pytest.mark.parametrize("mode", TLS_MODES)
def test_every_mode_is_understood_by_both_kinds_of_database(mode: str) -> None:
    from pluto_duck.ingest.connectors.mysql_address import Address

    assert Address(with_tls("mysql://me@db.example/shop", mode, "/ca.pem"))._tls == mode
    assert conninfo_to_dict(with_tls("postgresql://me@db.example/shop", mode, "/ca.pem"))["sslmode"] == mode


def test_only_what_has_a_user_or_a_database_takes_a_password() -> None:
    assert takes_password("postgresql://db.example/shop")
    assert takes_password("sftp://me@files.example/x.csv")
    assert not takes_password("https://files.example/x.csv")
    assert not takes_password("sales.csv")


# -- keeping ------------------------------------------------------------------------------------------


def test_a_password_goes_to_the_keyring_and_into_no_file(
    connections: Connections, ring: MemoryKeyring, workspace: Workspace,
) -> None:
    made = connections.add("shop", f"postgresql://me:{SECRET}@db.example/shop", tls="require")
    assert made.address == "postgresql://me@db.example/shop"
    assert SECRET in str(ring.kept)
    assert connections.uri(made) == f"postgresql://me:{SECRET}@db.example/shop?sslmode=require"
    assert SECRET.encode() not in everything_in(workspace.root)
    assert SECRET not in repr(connections.all())
    connections.remove("SHOP")
    assert ring.kept == {}
    assert connections.all() == []


def test_without_a_keyring_a_password_is_refused_with_the_ways_out(
    connections: Connections, no_ring: None, workspace: Workspace,
) -> None:
    with pytest.raises(Refused) as caught:
        connections.add("shop", f"postgresql://me:{SECRET}@db.example/shop")
    for way in ("--password-env SHOP_PASSWORD", "env:SHOP_URL", "~/.pgpass", "PGSERVICE", "postgresql://me@db.example/shop"):
        assert way in caught.value.hint
    assert SECRET not in str(caught.value.to_dict())
    assert connections.all() == []
    assert SECRET.encode() not in everything_in(workspace.root)


class PlaintextKeyring(MemoryKeyring):
    pass


def test_what_is_no_keyring_does_not_count(ring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch) -> None:
    assert connections_keyring.backend() == (ring, "Test")
    for wrong in (keyring.backends.fail.Keyring(), keyring.backends.null.Keyring(), PlaintextKeyring()):
        keyring.set_keyring(wrong)
        assert connections_keyring.backend()[0] is None
    chain = keyring.backends.chainer.ChainerBackend()
    for backends, real in (([], False), ([PlaintextKeyring(), ring], False), ([ring, PlaintextKeyring()], True)):
        monkeypatch.setattr(type(chain), "backends", backends)
        assert (connections_keyring._real(chain)[0] is not None) is real


def test_a_password_is_given_to_the_address_it_was_kept_for_and_to_no_other(
    connections: Connections, ring: MemoryKeyring, workspace: Workspace,
) -> None:
    connections.add("shop", f"postgresql://me:{SECRET}@db.example/shop")
    with connections._control.connection("connections", ()) as db:
        db.execute("UPDATE connections SET address = 'postgresql://me@evil.example/shop'")
    with pytest.raises(SourceError, match="no password for this address"):
        connections.uri(connections.get("shop"))


def test_the_workspaces_keep_their_passwords_apart(ring: MemoryKeyring, tmp_path: Path) -> None:
    for name in ("one", "two"):
        workspace = create(tmp_path / name)
        control = ControlStore(workspace.control)
        made = Connections(control, workspace).add("shop", f"postgresql://me:{name}@db.example/shop")
        assert Connections(control, workspace).uri(made) == f"postgresql://me:{name}@db.example/shop"
        control.close()
    assert len(ring.kept) == 2


def test_a_reference_is_kept_as_it_is_and_looked_up_at_each_use(
    connections: Connections, no_ring: None, monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = connections.add("shop", "env:SHOP_URL")
    with pytest.raises(UnknownName, match="SHOP_URL"):
        connections.uri(made)
    monkeypatch.setenv("SHOP_URL", "postgresql://me:one@db.example/shop")
    assert connections.uri(made) == "postgresql://me:one@db.example/shop"
    service = connections.add("service", "PGSERVICE=shop")
    assert connections.uri(service) == "service=shop"


def test_a_password_may_come_from_a_variable(
    connections: Connections, no_ring: None, monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = connections.add("shop", "postgresql://me@db.example/shop", password_from="SHOP_PASSWORD")
    with pytest.raises(SourceError, match="SHOP_PASSWORD, which is not set"):
        connections.uri(made)
    monkeypatch.setenv("SHOP_PASSWORD", "p@w")
    assert connections.uri(made) == "postgresql://me:p%40w@db.example/shop"


@pytest.mark.parametrize("name", ["", "1st", "a b", "env:x", "-x", "a" * 64, "ä"])
def test_a_name_is_a_word(connections: Connections, name: str) -> None:
    with pytest.raises(UsageError, match="can't be the name"):
        connections.add(name, "sales.csv")


def test_a_name_that_is_taken_is_taken_again_only_when_told(connections: Connections, ring: MemoryKeyring) -> None:
    connections.add("shop", f"postgresql://me:{SECRET}@db.example/shop")
    with pytest.raises(Refused, match="There is a connection shop already"):
        connections.add("Shop", "postgresql://you@db.example/shop")
    connections.add("Shop", "postgresql://you@db.example/shop", replace=True)
    assert [(one.name, one.address) for one in connections.all()] == [("shop", "postgresql://you@db.example/shop")]
    assert ring.kept == {}, "the password of the old address has no use any more"


def test_a_name_that_is_not_there_gets_the_nearest(connections: Connections) -> None:
    connections.add("shop", "sales.csv")
    with pytest.raises(UnknownName) as caught:
        connections.get("shp")
    assert caught.value.hint == "Did you mean shop?"


def test_a_path_is_kept_as_it_is_from_anywhere(
    connections: Connections, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sales.csv").write_text("n\n1\n", encoding="utf-8")
    assert connections.add("sales", "sales.csv").address == str(tmp_path / "sales.csv")
    assert connections.add("all", "data/*.csv").address == str(tmp_path / "data" / "*.csv")


def test_a_keyring_that_fails_says_so_without_the_password(
    connections: Connections, ring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch,
) -> None:
    def locked(*args: str) -> None:
        raise keyring.errors.KeyringLocked(f"can't take {args[-1]}")

    monkeypatch.setattr(MemoryKeyring, "set_password", locked)
    with pytest.raises(Refused, match="KeyringLocked") as caught:
        connections.add("shop", f"postgresql://me:{SECRET}@db.example/shop")
    assert SECRET not in str(caught.value.to_dict())


# -- asking the source --------------------------------------------------------------------------------


def test_a_probe_tells_who_answers(postgres: PrivatePostgres) -> None:
    answer = probe(postgres.uri("postgres"))
    assert answer.says.startswith("PostgreSQL 1")
    assert answer.connect_s > 0
    assert answer.answer_s > 0


def test_a_probe_of_nobody_says_so() -> None:
    with pytest.raises(PlutoError, match="No PostgreSQL answers"):
        probe("postgresql://me@127.0.0.1:1/shop")
