"""`changes show` and `changes follow`: what changed, from what to what, when and by whom."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pluto_duck.commands import Door, Growing, Rows, invoke
from pluto_duck.commands.render import to_bundles, to_chunks
from pluto_duck.errors import UsageError
from pluto_duck.session import Session
from pluto_duck.workspace import TableRef


@pytest.fixture
def door(session: Session) -> Door:
    session.query("CREATE TABLE orders (id INTEGER PRIMARY KEY, status VARCHAR, price DECIMAL(8,2))")
    session.track(TableRef("orders"), before=True)
    session.query("INSERT INTO orders VALUES (1, 'new', 1.5), (2, 'new', 2)")
    session.query("UPDATE orders SET status = 'paid' WHERE id = 1; DELETE FROM orders WHERE id = 2")
    return Door(lambda: session)


def do(door: Door, *words: str) -> str:
    return "".join(to_chunks(invoke(["changes", *words], door), max_rows=50, width=300))


def rows(door: Door, *words: str) -> list[tuple[Any, ...]]:
    found = invoke(["changes", *words], door)
    assert isinstance(found, Rows)
    return list(found.rows)


def test_a_table_shows_key_and_what_changed_from_what_to_what(door: Door) -> None:
    found = rows(door, "orders")
    assert [one[1:5] for one in found] == [
        ("created", "orders", "id=1", "id=1, status=new, price=1.50"),
        ("created", "orders", "id=2", "id=2, status=new, price=2.00"),
        ("updated", "orders", "id=1", "status: new -> paid"), ("deleted", "orders", "id=2", "id=2, status=new, price=2.00")]
    assert {one[6] for one in found} == {"owner"}
    [bundle] = to_bundles(invoke(["changes", "show"], door))
    assert "status: new -&gt; paid" in bundle["text/html"]
    assert "status: new -> paid" in bundle["text/plain"]


def test_the_newest_are_shown_and_since_goes_on_behind_one(door: Door) -> None:
    found = rows(door, "show", "orders", "--limit", "2")
    assert [one[1] for one in found] == ["updated", "deleted"]
    assert rows(door, "show", "orders", "--since", found[0][0]) == found[1:]
    assert [one[1] for one in rows(door, "show", "--since", "0", "--limit", "1")] == ["created"]
    assert "Nothing has come" in do(door, "show", "--since", "now")


def test_ndjson_is_cloud_events(door: Door) -> None:
    events = [json.loads(line) for line in do(door, "show", "orders", "--format", "ndjson").splitlines()]
    assert [one["type"].rpartition(".")[2] for one in events] == ["created", "created", "updated", "deleted"]
    assert json.loads(do(door, "show", "orders", "--format", "json"))[0]["op"] == "created"


def test_who_follows_sees_what_comes_in_one_place(door: Door) -> None:
    session = door.open_session()
    following = invoke(["changes", "orders", "--follow", "--limit", "1"], door)
    assert isinstance(following, Iterator)
    first = next(following)
    assert isinstance(first, Growing)
    assert "deleted" in first.new
    writer = threading.Thread(target=lambda: session.query("INSERT INTO orders VALUES (7, 'x', 1)"))
    writer.start()
    second = next(following)
    writer.join()
    assert isinstance(second, Growing)
    assert (second.id, len(second.rows.rows)) == (first.id, 2)
    assert "id=7" in second.new
    assert "deleted" not in second.new
    [bundle] = to_bundles(second)
    assert "deleted" in bundle["text/plain"]
    assert "id=7" in bundle["text/html"]


def test_what_makes_no_sense_is_refused(door: Door) -> None:
    door.open_session().query("CREATE TABLE other (a INTEGER)")
    with pytest.raises(UsageError, match="not kept"):
        do(door, "other")
    with pytest.raises(UsageError, match="track"):
        do(door, "trakc", "orders")
    following = invoke(["changes", "follow", "orders", "--format", "csv"], door)
    with pytest.raises(UsageError, match="written as csv"):
        next(following)  # type: ignore[call-overload]
