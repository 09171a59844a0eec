"""What keys asked before: each has its own, and for the rest there is nothing."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pluto_duck.agent.conversing import choose
from pluto_duck.agent.memory import Memory
from pluto_duck.errors import Refused, UnknownName
from pluto_duck.governance import Actor
from pluto_duck.session import Session
from pluto_duck.session.targets import POLICY as POLICY_KEY
from pluto_duck.workspace import ControlStore, Workspace
from tests.api.door import POLICY, Door, governed, governed_again

COUNT = "how many orders are there?"
Asked = Callable[..., Awaitable[dict[str, Any]]]


def body(answer: Any) -> dict[str, Any]:
    return json.loads(answer.body)  # type: ignore[no-any-return]


@pytest.fixture
def asked(door: Door) -> Asked:
    """A question of a key, and how its run ended."""
    async def ask(key: str, question: str, **more: Any) -> dict[str, Any]:
        started = await door("query", "POST", key, {"question": question, **more})
        assert started.code == 202, started.body
        return body(await door(f"query/{body(started)['run_id']}?wait=30", key=key))

    return ask


async def test_each_key_has_its_own_conversations(door: Door, asked: Asked, jp_serverapp: Any) -> None:
    eu, us = door.key(), door.key(name="us", claims={"region": "US"})
    first = (await asked(eu, COUNT))["answer"]
    others = (await asked(us, "how many orders with id 1?"))["answer"]
    more = await asked(eu, "by region", conversation=first["conversation"])
    assert (more["status"], more["rows"], more["answer"]["conversation"]) == ("succeeded", [["EU", 3]], first["conversation"])
    [seen] = body(await door("conversations", key=eu))["conversations"]
    assert (seen["id"], seen["questions"], seen["who"]) == (first["conversation"], 2, "key dash")
    assert "id 1" not in str(body(await door("conversations?search=orders&limit=500", key=eu)))
    whole = body(await door(f"conversations/{first['conversation'][:6]}", key=eu))
    assert [one["answer"]["question"] for one in whole["turns"]] == [COUNT, "by region"]
    assert body(await door(f"answers/{first['id']}", key=eu))["row_count"] == 1
    theirs = others["conversation"]
    for path, method, sent in ((f"conversations/{theirs}", "GET", None), (f"conversations/{theirs}", "DELETE", None),
                               (f"conversations/{theirs}/replay", "POST", None), (f"answers/{others['id']}", "GET", None),
                               (f"answers/{others['id']}/rating", "POST", {"rating": "up"}),
                               ("query", "POST", {"question": "only id 3", "conversation": theirs}),
                               (f"conversations/{theirs[:1]}zz", "GET", None)):
        assert (await door(path, method, eu, sent)).code == 404, (method, path)
    assert body(await door(f"answers/{others['id']}", key=us))["rating"] == "", "nobody else rated it"
    assert body(await door(f"answers/{others['id']}/rating", "POST", us, {"rating": "down"}))["rating"] == "down"

    owner = {"Authorization": f"token {jp_serverapp.identity_provider.token}"}
    there = body(await door("conversations", **owner))["conversations"]
    assert {one["who"] for one in there} == {"key dash", "key us"}, "the owner sees all"
    assert body(await door(f"answers/{others['id']}", **owner))["rating"] == "down"
    for path, sent in ((f"conversations/{theirs}/replay", None),
                       ("query", {"question": "only id 3", "conversation": theirs})):
        assert (await door(path, "POST", body=sent, **owner)).code == 403, "but goes on with none of theirs"

    assert (await door(f"conversations/{theirs}", "DELETE", us)).code == 200
    assert body(await door("conversations", key=us))["conversations"] == []
    assert len(body(await door("conversations", key=eu))["conversations"]) == 1


async def test_a_key_asks_again_what_it_asked(door: Door, asked: Asked) -> None:
    key = door.key()
    id = (await asked(key, COUNT))["answer"]["conversation"]
    with Session.open(door.workspace.root) as session:
        session.query("DELETE FROM orders WHERE id = 2")
    started = await door(f"conversations/{id}/replay", "POST", key)
    assert started.code == 202, started.body
    run = body(started)["run_id"]
    done = body(await door(f"query/{run}?wait=30", key=key))
    assert [one["is"] for one in done["replay"]] == ["answered"], done
    assert "the rows are others" in done["replay"][0]["changes"]
    assert (await door(f"query/{run}", key=door.key(name="else"))).code == 404


async def test_the_next_secret_of_a_key_goes_on_and_a_new_key_of_its_name_does_not(door: Door, asked: Asked) -> None:
    id = (await asked(door.key(), COUNT))["answer"]["conversation"]
    _key, second = door.keys.rotate("dash", overlap_s=100)
    assert (await door(f"conversations/{id}", key=second)).code == 200
    door.keys.revoke("dash")
    assert (await door(f"conversations/{id}", key=door.key())).code == 404


async def test_questions_of_keys_are_kept_as_the_settings_say(door: Door, asked: Asked,
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLUTODUCK_AGENT__KEEP", "nothing")
    key = door.key()
    answer = (await asked(key, COUNT))["answer"]
    assert (answer["id"], answer["conversation"]) == ("", "")
    assert body(await door("conversations", key=key))["conversations"] == []


ANN = Actor("token", "ann", ("eu",), {"region": "EU"}, "token:idp:ann")


def kept(workspace: Workspace, actor: Actor | None) -> str:
    from pluto_duck.agent.conversing import converse

    with Session.open(workspace.root, actor=actor) as session:
        return converse(session, COUNT).conversation


def test_whoever_comes_with_other_claims_or_roles_is_somebody_else(workspace: Workspace) -> None:
    governed(workspace)
    id = kept(workspace, ANN)
    for other in (Actor("token", "ann", ("eu",), {"region": "US"}, ANN.id), Actor("token", "ann", ("none",), ANN.claims, ANN.id),
                  Actor("token", "bob", ("eu",), ANN.claims, "token:idp:bob"), Actor("key", "ann", ("eu",), ANN.claims, ANN.id)):
        with Session.open(workspace.root, actor=other) as session:
            memory = Memory(session)
            assert memory.conversations(everyone=True) == []
            for look in (memory.conversation, memory.turns, memory.history, memory.delete, memory.mine):
                with pytest.raises(UnknownName):
                    look(id)
            with pytest.raises(Refused):
                memory.verify("x", "q", "SELECT 1")
    with Session.open(workspace.root, actor=ANN) as session:
        assert [one.id for one in Memory(session).conversations()] == [id]


def test_a_store_that_was_cloned_brings_nobody_a_conversation(workspace: Workspace, other_workspace: Workspace) -> None:
    governed(workspace)
    id = kept(workspace, ANN)
    governed(other_workspace)
    with ControlStore(workspace.control).connection("memory", ()) as db:
        rows = [tuple(row) for row in db.execute("SELECT * FROM conversations")]
    mine = kept(other_workspace, ANN)
    with ControlStore(other_workspace.control).connection("memory", ()) as db:
        db.executemany(f"INSERT INTO conversations VALUES ({', '.join('?' * len(rows[0]))})", rows)
    with Session.open(other_workspace.root, actor=ANN) as session:
        assert [one.id for one in Memory(session).conversations()] == [mine]
        with pytest.raises(UnknownName):
            Memory(session).conversation(id)


def test_the_owners_last_conversation_is_never_a_keys(workspace: Workspace) -> None:
    governed(workspace)
    kept(workspace, ANN)
    with Session.open(workspace.root) as session:
        memory = Memory(session)
        with pytest.raises(UnknownName):
            memory.last("python")
        assert memory.conversations() == []
        [other] = memory.conversations(everyone=True)
        with pytest.raises(Refused, match="token ann"):
            choose(session, memory.turns(other.id)[0].answer.id, 1)


def test_one_key_fills_no_store(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    governed(workspace)
    monkeypatch.setattr("pluto_duck.agent.memory.store.MOST_OF_OTHERS", 2)
    owners, made = kept(workspace, None), [kept(workspace, ANN) for _ in range(3)]
    with Session.open(workspace.root) as session:
        assert {one.id for one in Memory(session).conversations(everyone=True)} == {owners, *made[1:]}


def test_an_answer_is_not_told_under_another_policy(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLUTODUCK_AGENT__KEEP", "rows")
    governed(workspace)
    id = kept(workspace, ANN)
    with Session.open(workspace.root, actor=ANN) as session:
        [before] = Memory(session).turns(id)
        assert (before.rows, set(before.versions) & {POLICY_KEY}) == (((3,),), set())
        governed_again(workspace, POLICY.replace("hide: card", "hide: [card, region]"))
        memory = Memory(session)
        [now] = memory.turns(id)
        assert now == memory.answer(before.answer.id)
        assert (now.rows, now.row_count, now.answer.sql, now.answer.finding, now.columns) == (None, None, "", "", ())
        assert (now.answer.question, "ask again" in now.answer.text) == (COUNT, True)
    with Session.open(workspace.root) as session:
        assert Memory(session).turns(id)[0].rows == ((3,),), "the owner sees it"
