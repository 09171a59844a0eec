"""POST a statement, GET its rows."""

from __future__ import annotations

import json


async def test_a_statement_is_accepted_at_once_and_answered_with_its_rows(client):
    answer = await client("query", method="POST", body={"sql": "select 42 as answer, 'x' as x"})
    assert answer.code == 202
    started = json.loads(answer.body)
    assert answer.headers["Location"] == started["links"]["self"]
    assert answer.headers["Location"].endswith(f"/api/v1/query/{started['run_id']}")
    done = await client.done(started["run_id"])
    assert done["status"] == "succeeded"
    assert done["columns"] == [{"name": "answer", "type": "INTEGER"}, {"name": "x", "type": "VARCHAR"}]
    assert done["rows"] == [[42, "x"]]
    assert done["workspace"] == "workspace"
