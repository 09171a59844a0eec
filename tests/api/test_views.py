"""Views over REST: the owner's; a view itself is read as a table."""

from __future__ import annotations

import json
from typing import Any


def body(answer: Any) -> dict[str, Any]:
    return json.loads(answer.body)  # type: ignore[no-any-return]


async def test_a_view_is_made_refreshed_and_dropped(client: Any) -> None:
    await client.sql("CREATE TABLE orders AS SELECT i AS id, i % 2 AS region FROM range(10) r(i)")
    wanted = {"name": "totals", "sql": "SELECT region, count(*) AS n FROM orders GROUP BY region", "materialized": True}
    for wrong, code in (({"name": "x"}, 400), ({**wanted, "refresh": "schedule"}, 404), ({**wanted, "sql": "DROP TABLE orders"}, 400),
                        ({**wanted, "materialized": False, "refresh": "manual"}, 400), ({**wanted, "name": "orders"}, 400),
                        ({**wanted, "sql": "SELECT * FROM _pluto.commits"}, 403), ({**wanted, "extra": 1}, 400)):
        assert (await client("views", method="POST", body=wrong)).code == code, wrong
    made = await client("views", method="POST", body=wanted)
    assert made.code == 201
    assert made.headers["Location"].endswith("/api/v1/views/totals")
    assert (body(made)["state"], body(made)["kept"], body(made)["tracked"]) == ("fresh", "incremental", "orders")
    await client.sql("INSERT INTO orders VALUES (10, 1), (11, 2)")
    [stale] = body(await client("views"))["views"]
    assert (stale["state"], stale["behind"], stale["sources"]) == ("stale", 2, ["orders"])
    started = await client("views", "totals", "refresh", method="POST", body={})
    assert started.code == 202
    run = await client.done(body(started)["run_id"])
    assert (run["status"], run["kind"]) == ("succeeded", "view")
    shown = body(await client("views", "totals"))
    assert (shown["state"], [one["way"] for one in shown["history"]]) == ("fresh", ["incremental", "full"])
    assert shown["history"][0]["run_id"] == run["run_id"]
    assert body(await client("views", "totals", method="DELETE"))["name"] == "totals"
    assert (await client("views", "totals")).code == 404
    assert (await client("views", "totals", "refresh", method="POST", body={})).code == 404


def test_what_is_described_is_what_there_is() -> None:
    from typing import get_args

    from pluto_duck.api import openapi_views
    from pluto_duck.session import views

    assert views.REFRESHES == openapi_views.REFRESHES
    assert get_args(views.State) == openapi_views.STATES
