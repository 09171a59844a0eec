"""`keys create|list|rotate|revoke`: a secret that is shown once."""

from __future__ import annotations

import re

import pytest

from pluto_duck.commands import Door, invoke
from pluto_duck.commands.render import to_chunks
from pluto_duck.errors import UnknownName, UsageError
from pluto_duck.governance.keys import Keys
from pluto_duck.session import Session


@pytest.fixture
def door(session: Session) -> Door:
    return Door(lambda: session)


def shown(value: object) -> str:
    return "".join(to_chunks(value, max_rows=50, width=200))


def secret(said: str) -> str:
    found = re.search(r"pdk_\w+", said)
    assert found is not None
    return found[0]


def test_a_key_from_its_making_to_its_end(door: Door, session: Session) -> None:
    assert "nobody but you" in shown(invoke(["keys"], door))
    said = shown(invoke(["keys", "create", "dash", "--role", "eu", "--claim", "region=EU", "--claim", "ids=[1, 2]",
                         "--expires", "90d"], door))
    assert "only the owner may do anything" in said, "without a policy it opens nothing, and that is told"
    keys = Keys(session.control, session.workspace)
    key = keys.verify(secret(said))
    assert key is not None
    assert (key.name, key.roles, key.scopes) == ("dash", ("eu",), ("schema:read", "query:ask"))
    assert key.claims == {"region": "EU", "ids": [1, 2]}
    assert key.expires_at is not None
    assert key.expires_at - key.created_at == 90 * 86_400
    listed = shown(invoke(["keys", "list"], door))
    assert "good until" in listed
    assert secret(said)[13:50] not in listed + str(invoke(["keys", "list", "--format", "json"], door))
    turned = shown(invoke(["keys", "rotate", "dash", "--overlap", "1h"], door))
    again = secret(turned)
    assert re.search(rf"old secret +good until 2.* \(id {key.id}\)", turned), "until when the old one goes on is told"
    assert f"replaced by {again.split('_')[1]}" in shown(invoke(["keys", "list"], door))
    assert keys.verify(again) is not None
    assert keys.verify(secret(said)) is not None
    third = secret(shown(invoke(["keys", "rotate", "dash", "--overlap", "1h"], door)))
    invoke(["keys", "revoke", key.id], door)
    assert keys.verify(secret(said)) is None, "by its id this one"
    assert keys.verify(again) is not None
    assert str(invoke(["keys", "revoke", "dash"], door)).count("opens nothing") == 2, "all that have the name"
    assert keys.verify(again) is None
    assert keys.verify(third) is None
    assert "over since" in shown(invoke(["keys"], door))


@pytest.mark.parametrize(("line", "kind"), [
    (["create", "x"], UsageError), (["create", "x", "--role", "a b"], UsageError), (["revoke", "nosuch"], UnknownName),
    (["create", "x", "--role", "a", "--scope", "query:rnu"], UnknownName), (["rotate", "nosuch"], UnknownName),
    (["create", "x", "--role", "a", "--expires", "soon"], UsageError), (["create", " ", "--role", "a"], UsageError),
    (["create", "a\nb", "--role", "a"], UsageError),
    (["create", "x", "--role", "a", "--claim", "actor=me"], UsageError)])
def test_what_makes_no_sense_makes_no_key(door: Door, session: Session, line: list[str], kind: type[Exception]) -> None:
    with pytest.raises(kind):
        invoke(["keys", *line], door)
    assert Keys(session.control, session.workspace).list() == []


def test_two_keys_of_one_name_are_not_made(door: Door) -> None:
    invoke(["keys", "create", "dash", "--role", "eu"], door)
    with pytest.raises(UsageError, match="There is a key called"):
        invoke(["keys", "create", "dash", "--role", "eu"], door)


def test_a_role_that_the_policy_does_not_have_is_told_before_it_is_allowed(door: Door, session: Session) -> None:
    (session.workspace.root / "policy.yaml").write_text("version: 1\nroles: {eu: {grants: [{tables: t, actions: read}]}}")
    assert "no role ue" in shown(invoke(["keys", "create", "dash", "--role", "ue"], door))
    assert "pluto-duck trust" in shown(invoke(["keys", "create", "dash2", "--role", "eu"], door))


def test_spans() -> None:
    from pluto_duck.commands.table import keys

    assert [keys.span(one) for one in ("90d", "12h", " 30 m", "2w")] == [7_776_000, 43_200, 1_800, 1_209_600]
