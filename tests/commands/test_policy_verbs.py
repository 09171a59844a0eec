"""`policy init|check|explain|try` and `trust`: from an empty file to a masked, filtered answer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pluto_duck.commands import Door, Facts, exit_code, invoke
from pluto_duck.commands.render import to_chunks
from pluto_duck.errors import Refused, UnknownName, UsageError
from pluto_duck.session import Session

POLICY = """
version: 1
roles:
  analyst:
    description: One region.
    grants:
      - {tables: orders, actions: [read, ask], rows: region = $region, hide: card, masks: {email: partial}}
  auditor:
    grants:
      - {tables: "*", actions: read, columns: [id, region]}
"""


@pytest.fixture
def door(session: Session) -> Door:
    session.query("CREATE TABLE orders AS SELECT i AS id, 'p' || i || '@x.example' AS email, 'c' AS card, "
                  "['EU', 'US'][1 + i % 2] AS region FROM range(4) t(i); CREATE TABLE other AS SELECT 1 AS id")
    return Door(lambda: session, workspace=str(session.workspace.root))


@pytest.fixture
def file(session: Session) -> Path:
    return session.workspace.root / "policy.yaml"


def shown(value: object) -> str:
    return "".join(to_chunks(value, max_rows=50, width=200))


def test_init_does_not_take_the_personal_workspace_for_this_folders(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with Session.open() as personal:
        door = Door(lambda: personal)
        with pytest.raises(Refused, match="would rule the personal one"):
            invoke(["policy", "init"], door)
        assert not (personal.workspace.root / "policy.yaml").exists()
        assert "Wrote" in str(invoke(["policy", "init", "--personal"], door))
        assert (personal.workspace.root / "policy.yaml").exists()


def test_a_pattern_may_be_a_precaution_and_a_name_that_is_not_there_is_a_slip(door: Door, file: Path) -> None:
    grant = 'version: "1"\nroles: {{auditor: {{grants: [{{tables: "*.*", actions: read, masks: {{"{0}": hash}}}}]}}}}\n'
    file.write_text(grant.format("*name*"), encoding="utf-8")
    (text,), problems = _told(invoke(["policy", "check"], door))
    assert "masks names *name*, which is no column of its tables" in text
    assert problems == ()
    file.write_text(grant.format("name"), encoding="utf-8")
    texts, problems = _told(invoke(["policy", "check"], door))
    assert texts == []
    assert "masks names name" in problems[0][0], "exit code 1"


def _told(facts: object) -> tuple[list[str], tuple[tuple[str, str], ...]]:
    assert isinstance(facts, Facts)
    return [text for head, pairs in facts.sections if head == "Doubtful" for _line, text in pairs], facts.problems


def test_from_nothing_to_a_masked_and_filtered_answer(door: Door, file: Path) -> None:
    assert "There is no policy.yaml" in shown(invoke(["policy"], door))
    assert "Wrote" in str(invoke(["policy", "init"], door))
    assert "in force" in shown(invoke(["policy", "check"], door)), "it grants nothing: nothing to allow"
    with pytest.raises(Refused):
        invoke(["policy", "init"], door)
    file.write_text(POLICY, encoding="utf-8")
    said = shown(invoke(["policy", "check"], door))
    assert "pluto-duck trust" in said
    assert "sees  orders, other" in said
    with pytest.raises(Refused, match="pluto-duck trust"):
        invoke(["policy", "try", "analyst", "from orders", "--claim", "region=EU"], door)
    with pytest.raises(Refused, match="analyst: read, ask on orders, rows region = \\$region, hide card, masks email"):
        invoke(["trust"], door)
    invoke(["trust", "--yes"], door)
    assert "in force" in shown(invoke(["policy", "check"], door))
    found = shown(invoke(["policy", "try", "analyst", "from orders", "--claim", "region=EU", "--format", "csv"], door))
    assert found.splitlines() == ["id,email,region", "0,p***,EU", "2,p***,EU"]
    assert "orders" in shown(invoke(["policy", "try", "analyst"], door))
    with pytest.raises(UnknownName, match='no role "analist"'):
        invoke(["policy", "try", "analist", "from orders"], door)


def test_explain_tells_the_rule_the_rows_and_each_column(door: Door, file: Path) -> None:
    file.write_text(POLICY, encoding="utf-8")
    invoke(["trust", "--yes"], door)
    said = shown(invoke(["policy", "explain", "orders", "--role", "analyst"], door))
    for words in ("allowed", "yes", "role analyst, grant 1 (line 7)", "rows where region = $region", "$region: the rows",
                  "masked: partial (first 1, last 0)", "hidden (no rule shows it)"):
        assert words in said
    assert "no claim" not in shown(invoke(
        ["policy", "explain", "orders", "--role", "analyst", "--claim", "region=EU"], door))
    assert "masked: partial (first 1, last 0) in rows where region = $region" in shown(
        invoke(["policy", "explain", "orders", "--role", "analyst", "--role", "auditor"], door))
    for more in ((), ("--claim", "region=EU")):
        said = shown(invoke(["policy", "explain", "orders", "--role", "nosuch", *more], door))
        assert "There is no role nosuch in the policy: it grants nothing." in said
        assert "No grant" not in said
        assert "has no role" not in said
    no = shown(invoke(["policy", "explain", "other", "--role", "analyst", "--action", "delete"], door))
    assert "What nobody grants is denied" in no
    listed = shown(invoke(["policy", "explain", "--role", "analyst", "--format", "csv"], door)).splitlines()
    assert [line.split(",")[:3] for line in listed[1:]] == [["orders", "read", "yes"], ["other", "read", "no"]]
    for line, kind in ((["nosuch", "--role", "analyst"], UnknownName), (["orders", "--role", "a", "--action", "own"],
                       UnknownName), (["orders", "--role", "a", "--claim", "x"], UsageError), (["orders"], UsageError)):
        with pytest.raises(kind):
            invoke(["policy", "explain", *line], door)


def test_what_a_role_approves_is_explained_and_need_not_be_there_yet(door: Door, file: Path) -> None:
    file.write_text(POLICY + """  editor:
    grants:
      - {tables: "report_*", actions: approve}
""", encoding="utf-8")
    invoke(["trust", "--yes"], door)
    said = shown(invoke(["policy", "check"], door))
    assert "report_*" in said
    assert "fits no table" not in said
    for role, allowed in (("editor", "yes"), ("analyst", "no")):
        said = shown(invoke(["policy", "explain", "report_q1", "--role", role, "--action", "approve"], door))
        assert re.search(rf"allowed\s+{allowed}\b", said), said
    with pytest.raises(UnknownName):
        invoke(["policy", "explain", "report_q1", "--role", "editor"], door)


@pytest.mark.parametrize(("grant", "level", "says"), [
    ("{tables: orders, actions: read, hide: crad}", "broken", "hide names crad"),
    ("{tables: orders, actions: read, masks: {emial: hash}}", "broken", "masks names emial"),
    ("{tables: orders, actions: read, rows: regoin = 1}", "broken", "does not see orders"),
    ("{tables: orders, actions: read, rows: pg_sleep(1) = 1}", "broken", "does not see orders"),
    ("{tables: ordres, actions: read}", "doubtful", "fits no table"),
    ("{tables: orders, actions: ask}", "doubtful", "does not give read"),
    ("{tables: orders, actions: [read, approve], hide: card}", "broken", "approve counts for the whole of a table"),
])
def test_check_finds_what_would_not_do_what_it_says(
    door: Door, file: Path, session: Session, grant: str, level: str, says: str) -> None:
    file.write_text(f"version: 1\nroles:\n  a:\n    grants:\n      - {grant}\n", encoding="utf-8")
    value = invoke(["policy", "check"], door)
    assert isinstance(value, Facts)
    assert exit_code(value) == (1 if level == "broken" else 0)
    assert says in shown(value)
    assert "line 5" in shown(value)
    left = session.query("SELECT count(*) FROM duckdb_databases() WHERE database_name LIKE 'pluto_role_set_%'").scalar()
    assert left == 0, "what a check makes it takes down again"


def test_a_cloned_policy_is_shown_word_for_word_before_it_counts(door: Door, file: Path) -> None:
    file.write_text(POLICY.replace("{tables: \"*\", actions: read, columns: [id, region]}",
                                   "{tables: \"*.*\", actions: read, masks: {id: {expression: id + 1}}}"), encoding="utf-8")
    with pytest.raises(Refused, match=r"auditor: read on \*\.\*, masks id: expression: id \+ 1"):
        invoke(["trust"], door)
