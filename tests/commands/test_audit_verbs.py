"""`audit ...`: reading it is an act that is told in it."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from pluto_duck.commands import Door, exit_code, invoke
from pluto_duck.commands.render import to_chunks
from pluto_duck.errors import Refused, UsageError
from pluto_duck.governance.audit import Entry, Who, recorder
from pluto_duck.governance.audit.searching import search
from pluto_duck.session import Session


@pytest.fixture
def door(session: Session) -> Door:
    kept = recorder(session.workspace)
    for i in range(5):
        kept.keep(Entry("read", Who("key", f"k{i % 2}", f"id{i % 2}"), "rest", ("main.orders",), rows=i,
                        decision="deny" if i == 3 else "allow", rule="role eu, grant 1 (line 4)"))
    return Door(lambda: session)


def shown(value: object) -> str:
    return "".join(to_chunks(value, max_rows=50, width=240))


def test_each_verb_does_what_it_says_and_reading_is_told(door: Door, session: Session, tmp_path: Path) -> None:
    assert shown(invoke(["audit"], door)).count("orders") == 5
    found = json.loads(str(shown(invoke(["audit", "search", "--who", "k1", "--decision", "deny", "--since", "1h",
                                         "--table", "orders", "--action", "read", "--format", "json"], door))))
    assert len(found) == 1
    assert shown(invoke(["audit", "search", "--until", "2020-01-01"], door)).strip() == "No entry is like that."
    head = tmp_path / "head.json"
    head.write_text(str(invoke(["audit", "head"], door)), encoding="utf-8")
    whole = invoke(["audit", "verify", "--head", str(head)], door)
    assert exit_code(whole) == 0
    out = tmp_path / "audit.ndjson"
    assert "entries to" in str(invoke(["audit", "export", str(out)], door))
    lines = [json.loads(one) for one in out.read_text(encoding="utf-8").splitlines()]
    assert lines[0]["who"] == {"kind": "key", "name": "k0", "id": "id0"}
    assert lines[-1]["head"]["seq"] == lines[-2]["seq"]
    assert [one.entry.action for one in reversed(search(recorder(session.workspace).chain, limit=5))] == [
        "audit.read", "audit.read", "audit.read", "audit.verify", "audit.export"]
    assert str(invoke(["audit", "export", str(tmp_path / "reads"), "--action", "read"], door)).startswith("Wrote 5 ")
    with pytest.raises(Refused):
        invoke(["audit", "export", str(out)], door)
    assert "Nothing is that old" in str(invoke(["audit", "prune", "--keep", "1d"], door))


def test_verify_exits_with_1_and_names_the_row(door: Door, session: Session) -> None:
    db = sqlite3.connect(session.workspace.control)
    db.execute("UPDATE audit SET body = replace(body, 'deny', 'allow') WHERE seq = 4")
    db.commit()
    db.close()
    found = invoke(["audit", "verify"], door)
    assert exit_code(found) == 1
    assert "row 4: this row was changed" in shown(found)


def test_a_break_is_accepted_with_a_reason_and_stays_told(door: Door, session: Session) -> None:
    chain = recorder(session.workspace).chain
    db = sqlite3.connect(session.workspace.control)
    db.execute("DELETE FROM audit_head")
    db.commit()
    db.close()
    chain.append([Entry("read")])
    assert exit_code(invoke(["audit", "verify"], door)) == 1
    assert "Noted" in str(invoke(["audit", "accept", "I did it"], door))
    found = invoke(["audit", "verify"], door)
    assert exit_code(found) == 0, shown(found)
    assert "I did it" in shown(found)


@pytest.mark.parametrize("line", [["search", "--since", "soon"], ["verify", "--head", "nosuch.json"],
                                  ["prune", "--keep", "ever"], ["search", "--since", "9999999999999999d"]])
def test_what_makes_no_sense_is_told(door: Door, line: list[str]) -> None:
    with pytest.raises(UsageError):
        invoke(["audit", *line], door)


def test_following_shows_what_comes(door: Door, session: Session) -> None:
    found = invoke(["audit", "tail", "-n", "2", "-f"], door)
    lines = iter(found)  # type: ignore[call-overload]
    assert "read" in next(lines)
    assert "audit.read" in next(lines)
    recorder(session.workspace).keep(Entry("ask", Who("key", "new")))
    assert "new" in next(lines)
    lines.close()
