"""What leaves the machine: with the setting as it comes, no value of any cell, whatever the model tries."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import pluto_duck
from pluto_duck.agent import ask
from pluto_duck.agent.sharing import Piece, Sharing, masked, without_values
from pluto_duck.commands import Door, invoke
from pluto_duck.errors import StatementError
from tests.agent.planners.conftest import CANARIES, Opener
from tests.services.models import ModelServer, calls

AGENT = Path(pluto_duck.__file__).parent / "agent"

TOTAL = calls("final_answer", sql="SELECT sum(amount) AS total FROM orders", restatement="The sum.", confidence=0.9)

NOSY = [
    calls("describe_table", table="customers"),
    calls("search_catalog", words="name tier joined amount"),
    calls("sample_values", table="customers", column="name"),
    calls("run_sql", sql="SELECT * FROM customers"),
    calls("run_sql", sql="SELECT name AS a, note AS b FROM customers, orders"),
    # DuckDB writes the offending value into these.
    calls("run_sql", sql="SELECT name::INTEGER FROM customers"),
    calls("run_sql", sql="SELECT (name || note)::DATE FROM customers, orders"),
    calls("run_sql", sql="SELECT amount::TINYINT FROM orders"),
    calls("run_sql", sql="SELECT (id::BIGINT * 9000000000000000)::BIGINT FROM customers"),
    calls("run_sql", sql="SELECT error(name) FROM customers"),
    calls("run_sql", sql="SELECT strptime(name, '%Y') FROM customers"),
    calls("run_sql", sql="SELECT json_extract(name, '$.a') FROM customers"),
    calls("run_sql", sql="SELECT regexp_matches('x', name || '(') FROM customers"),
    calls("run_sql", sql="SELECT (SELECT name FROM customers) FROM orders"),
    # A type that lists its values, in columns and in the binder's errors.
    calls("run_sql", sql="SELECT tier, [tier] AS tiers FROM customers"),
    calls("run_sql", sql="SELECT sum(tier) FROM customers"),
    calls("run_sql", sql="SELECT tier + 1 FROM customers"),
    calls("run_sql", sql="SELECT nothing_like(tier) FROM customers"),
    calls("run_sql", sql="SELECT 'x'::STRUCT(a INTEGER) = {'a': tier} FROM customers"),
    calls("run_sql", sql="SELECT tier = 5 FROM customers"),
    calls("run_sql", sql="SELECT * FROM customers WHERE tier = 'nope'"),
    calls("run_sql", sql="DESCRIBE customers"), calls("run_sql", sql="SUMMARIZE customers"),
    calls("run_sql", sql="EXPLAIN ANALYZE SELECT * FROM customers"),
    calls("run_sql", sql="SELECT * FROM duckdb_constraints()"), calls("run_sql", sql="SHOW TABLES"),
    calls("run_sql", sql="PIVOT customers ON name USING count(*)"),
    calls("ask_user", question="?", choices=[{"text": "a", "sql": "SELECT name::DATE FROM customers"},
                                             {"text": "b", "sql": "SELECT 1"}]),
    calls("final_answer", sql="SELECT name::INTEGER FROM customers", restatement="x"),
]


@pytest.mark.parametrize("planner", ["anthropic", "openai"])
def test_no_value_of_a_cell_leaves_the_machine(planner: str, shop: Opener, models: ModelServer) -> None:
    models.script = [*NOSY, TOTAL]
    session = shop(planner, max_turns=60, max_tokens=0, max_usd=0)
    answer = ask(session, "what did everybody spend together?")
    assert len(models.asked) == len(NOSY) + 1
    assert answer.status == "answered"
    seen = models.wire()
    assert [seen[max(0, seen.find(one) - 300):seen.find(one) + 80] for one in CANARIES if one in seen] == []
    assert "What was bought" in seen  # comments may
    assert [one for one in CANARIES if one in json.dumps(answer.sent, ensure_ascii=False)] == []


def test_neither_links_nor_history_carry_values(shop: Opener, models: ModelServer) -> None:
    session = shop("anthropic")
    session.query("CREATE TABLE makers AS SELECT unnest(['CANARYboeing', 'CANARYairbus']) AS maker")
    builtin = ask(session, "how many makers are canaryboeimg?", planner="builtin")
    assert "CANARYboeing" in builtin.sql + repr(builtin.choices) + repr(builtin.assumptions)
    models.script = [calls("final_answer", sql="SELECT count(*) FROM makers WHERE maker ILIKE 'canaryboein_'",
                           restatement="x", confidence=1)]
    first = ask(session, "how many makers are canaryboeimg?", history=[builtin])
    ask(session, "and canaryairbuss?", history=[builtin, first])
    assert "CANARY" not in models.wire()
    assert "possible reading" in models.wire()


def test_an_answer_that_knew_more_is_not_told_to_a_model_that_may_know_less(shop: Opener, models: ModelServer) -> None:
    models.script = [calls("final_answer", sql="SELECT 'CANARY' AS x FROM orders", restatement="All of CANARY Ada's",
                           confidence=1)]
    knowing = ask(shop("anthropic", share="rows"), "what is there?")
    del models.asked[:]
    ask(shop("anthropic"), "and then?", history=[knowing])
    assert "Asked before: what is there?" in models.wire()
    assert "CANARY" not in models.wire()


def test_values_may_be_told_where_the_owner_says_so(shop: Opener, models: ModelServer) -> None:
    models.script = [calls("sample_values", table="customers", column="name", like="ada"),
                     calls("run_sql", sql="SELECT name AS n, 'CANARYrow' AS r FROM customers"), TOTAL]
    answer = ask(shop("anthropic", share="values"), "what did everybody spend together?")
    assert answer.share == "values"
    first, second, third = (json.dumps(one.body, ensure_ascii=False) for one in models.asked)
    assert "sample_values" in first
    assert "from 1871-03-04 to 1873-07-08" in first
    assert "CANARY Ada (1 rows)" in second
    assert "CANARY Bo" not in third


def test_rows_may_be_told_where_the_owner_says_so(shop: Opener, models: ModelServer) -> None:
    models.script = [calls("run_sql", sql="SELECT name FROM customers ORDER BY id"),
                     calls("run_sql", sql="SELECT name::INTEGER FROM customers"), TOTAL]
    ask(shop("anthropic", share="rows"), "what did everybody spend together?")
    assert "CANARY Ada" in json.dumps(models.asked[1].body)
    assert "Could not convert" in json.dumps(models.asked[2].body)


def test_what_was_sent_can_be_read_afterwards(shop: Opener, models: ModelServer) -> None:
    models.script = [calls("describe_table", table="orders"), TOTAL]
    answer = ask(shop("anthropic"), "what did everybody spend together?")
    last = models.asked[-1].body
    texts = [block["text"] for block in last["system"]]
    for message in last["messages"]:
        for block in message["content"]:
            texts += [block.get("text") or block.get("content") or ""]
    sent = "\n".join(str(one.get("text", "")) for one in answer.sent)
    assert [one for one in texts if one not in sent] == []
    assert [one["role"] for one in answer.sent] == ["system", "tools", "user", "model", "tool", "model"]


def test_passwords_in_comments_do_not_leave(shop: Opener, models: ModelServer) -> None:
    session = shop("anthropic")
    session.query("COMMENT ON TABLE orders IS 'from postgresql://me:hunter2secret@db/shop, password=alsosecret9'")
    models.script = [TOTAL]
    ask(session, "what did everybody spend together?")
    assert "from postgresql://" in models.wire()
    assert "hunter2secret" not in models.wire()
    assert "alsosecret9" not in models.wire()


def test_the_shell_shows_what_was_sent(shop: Opener, models: ModelServer) -> None:
    session, told = shop("anthropic"), []
    models.script = [calls("describe_table", table="orders"), TOTAL]
    invoke(["ask", "what did everybody spend?", "--sent"], Door(lambda: session, say=told.append))
    assert [one[:one.index("]") + 1] for one in told] == [
        "[system]", "[tools]", "[user]", "[model]", "[tool]", "[model]"]
    assert "in euros, with tax" in told[4]


def test_nothing_but_the_filter_clears_a_text() -> None:
    makers = [path.name for path in AGENT.rglob("*.py") if re.search(r"\bCleared\(", path.read_text(encoding="utf-8"))]
    assert makers == ["sharing.py"]


# -- the filter itself ------------------------------------------------------------------------------

def test_a_piece_above_the_level_is_left_out_or_replaced() -> None:
    pieces = (Piece("a"), Piece("b", "values"), Piece("c", "rows", instead="-"))
    assert [Sharing(level).clear(*pieces) for level in ("schema", "values", "rows")] == [  # type: ignore[arg-type]
        "a\n-", "a\nb\n-", "a\nb\nc"]


@pytest.mark.parametrize(("text", "plain"), [
    ("ENUM('a', 'b')", "ENUM"), ("STRUCT(x ENUM('a)', 'it''s'), y INTEGER)[]", "STRUCT(x ENUM, y INTEGER)[]"),
    ("sum(ENUM('a', 'b', ...", "sum(ENUM"), ("enumerated (1)", "enumerated (1)"), ("ENUM ( 'x' ) z", "ENUM z"),
])
def test_a_type_is_told_without_its_values(text: str, plain: str) -> None:
    assert without_values(text) == plain


@pytest.mark.parametrize(("engine", "message", "own", "told"), [
    ("Conversion", "Could not convert string 'x' to INT32", "", "TRY_CAST"),
    ("Binder", "No function matches f('secret')", "", "f('...')"),
    ("Binder", "No function matches f('mine')", "f('mine')", "f('mine')"),
    ("Anything", "secret", "", "failed while it ran"),
])
def test_an_error_is_told_without_values(engine: str, message: str, own: str, told: str) -> None:
    said = Sharing("schema").error(StatementError(message, hint="secret", engine=engine, position="secret"), own)
    assert told in said.text
    assert "secret" not in said.text
    assert said.holds == "schema"


@pytest.mark.parametrize(("sql", "question", "told"), [
    ("SELECT 1 FROM t WHERE a = 'Boeing'", "all Boeing", "SELECT 1 FROM t WHERE a = 'Boeing'"),
    ("SELECT 1 FROM t WHERE a = 'Boeing'", "all boeing", "SELECT 1 FROM t WHERE a = '...'"),
    ("SELECT 1 FROM t WHERE a = 'a'", "a plane", "SELECT 1 FROM t WHERE a = 'a'"),
    ("SELECT 1 FROM t WHERE a = 'in'", "find", "SELECT 1 FROM t WHERE a = '...'"),
    ("SELECT 1 FROM t WHERE d > CAST('2024-07-30' AS DATE) LIMIT 5", "x",
     "SELECT 1 FROM t WHERE d > CAST('...' AS DATE) LIMIT 5"),
    ("SELECT 1 FROM t WHERE n > 4711", "x", "SELECT 1 FROM t WHERE n > '...'"),
    ("not SQL (", "x", ""),
])
def test_sql_of_the_offline_engine_is_told_without_values_of_its_own(sql: str, question: str, told: str) -> None:
    assert masked(sql, question) == told
