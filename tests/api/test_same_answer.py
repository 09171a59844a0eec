"""The same question gets the same Answer in a notebook, in a shell and over HTTP."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import fields
from typing import Any

import pytest

from pluto_duck.agent.answer import Answer
from pluto_duck.agent.memory import Memory
from pluto_duck.agent.telling import told
from pluto_duck.session import Session
from pluto_duck.workspace import Workspace
from tests.magics.conftest import Shell, bare_shell, shell  # noqa: F401

OWN = {"id", "conversation", "elapsed_s"}
"""What is each answer's own."""


OF_ROWS = {"finding", "chart"}
"""What is computed from the rows, which are not kept."""


def _shared(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in json.loads(json.dumps(answer)).items() if name not in OWN}


def _kept(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in _shared(answer).items() if name not in OF_ROWS}


async def _in_shell(workspace: Workspace, *words: str) -> tuple[int, dict[str, Any]]:
    done = await asyncio.to_thread(subprocess.run, [
        sys.executable, "-m", "pluto_duck.cli", "-w", str(workspace.root), "ask", "--format", "json", *words],
        capture_output=True, text=True, timeout=120)
    return done.returncode, json.loads(done.stdout)


def _in_notebook(shell: Shell, session: Session, line: str) -> tuple[str, dict[str, Any]]:  # noqa: F811
    ran = shell.run(line)
    assert ran.error is None
    newest = Memory(session).turns(Memory(session).last("notebook"))[-1]
    return "\n".join(str(one.get("text/plain", "")) for one in ran.bundles), told(newest.answer)


@pytest.fixture
def filled(workspace: Workspace) -> Workspace:
    with Session.open(workspace.root) as session:
        session.query("CREATE TABLE pets AS SELECT i AS pet_id, ['cat', 'dog'][1 + i % 2] AS kind, "
                      "DATE '2022-01-01' + (i * 10)::INTEGER AS born_on FROM range(90) t(i)")
        session.query("CREATE TABLE shifts AS SELECT i AS early_load, i * 2 AS late_load FROM range(5) t(i)")
    return workspace


async def test_every_door_gives_the_same_answer(client: Any, filled: Workspace, shell: Shell) -> None:  # noqa: F811
    wanted = {"how many pets per kind?": "answered", "how many pets in March?": "assumed",
              "what is the average load?": "clarify", "average flurb of pets": "declined", "all shifts": "answered"}
    answer = await client("verified", method="POST", body={"question": "All shifts?", "sql": "FROM shifts"})
    assert answer.code == 201, answer.body
    with Session.open(filled.root) as session:
        for question, status in wanted.items():
            run = await client.done(await client.run(question=question))
            code, in_shell = await _in_shell(filled, question)
            shown, in_notebook = _in_notebook(shell, session, f"%ask {question}")
            assert run["status"] == "succeeded"
            assert run["answer"]["status"] == status
            assert bool(run["answer"]["verified"]) == (question == "all shifts")
            assert _shared(run["answer"]).keys() == {one.name for one in fields(Answer)} - OWN - {"result"} | {"finding"}
            assert code == (0 if status in ("answered", "assumed") else 7)
            rows = in_shell.pop("rows")
            assert [list(one.values()) for one in rows or ()] == (run["rows"] or [])
            assert in_shell.pop("columns") == run["columns"]
            assert _shared(run["answer"]) == _shared(in_shell)
            assert _kept(in_shell) == _kept(in_notebook)
            assert in_notebook["text"] in shown
            assert in_shell["finding"] in shown
            assert bool(in_shell["chart"]) == (status in ("answered", "assumed"))
            kept = [Memory(session).answer(one["id"]).answer for one in (run["answer"], in_shell, in_notebook)]
            assert len({one.conversation for one in kept}) == 3
            assert [_kept(told(one)) for one in kept] == [_kept(run["answer"])] * 3
            assert [one.finding for one in kept] == [""] * 3


async def test_every_door_goes_on_with_a_conversation(client: Any, filled: Workspace, shell: Shell) -> None:  # noqa: F811
    with Session.open(filled.root) as session:
        run = await client.done(await client.run(question="how many pets per kind?"))
        again = await client.done(await client.run(question="only dogs", conversation=run["answer"]["conversation"]))
        await _in_shell(filled, "how many pets per kind?")
        _code, in_shell = await _in_shell(filled, "-c", "only", "dogs")
        _in_notebook(shell, session, "%ask how many pets per kind?")
        _shown, in_notebook = _in_notebook(shell, session, "%%ask -c dogs\nonly dogs")
        assert again["rows"][0][-1] == 45
        assert shell.names["dogs"].rows()[0][-1] == 45
        in_shell.pop("rows"), in_shell.pop("columns")
        assert _shared(again["answer"]) == _shared(in_shell)
        assert _kept(in_shell) == _kept(in_notebook)
        for one in (again["answer"], in_shell, in_notebook):
            assert [turn.turn for turn in Memory(session).turns(one["conversation"])] == [1, 2]


async def test_a_choice_is_picked_by_its_number(client: Any, filled: Workspace) -> None:
    asked = (await client.done(await client.run(question="what is the average load?")))["answer"]
    picked = await client.done(await client.run(question="2", conversation=asked["conversation"]))
    assert picked["answer"]["sql"] == asked["choices"][1]["sql"]
    assert picked["row_count"] == 1


async def test_a_conversation_that_is_not_there_is_told_before_a_run(client: Any, filled: Workspace) -> None:
    answer = await client("query", method="POST", body={"question": "how many pets?", "conversation": "none"})
    assert answer.code == 404
    answer = await client("query", method="POST", body={"sql": "select 1", "conversation": "none"})
    assert answer.code == 400
