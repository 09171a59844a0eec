"""From a change to an endpoint: signed, in order, again after a failure, and never held up by somebody else's."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import WebhookVerificationError

from pluto_duck.errors import PlutoError, Refused, UnknownName
from pluto_duck.events.webhooks import retrying
from pluto_duck.events.webhooks.guard import parse
from pluto_duck.events.webhooks.model import Wish
from pluto_duck.events.webhooks.rules import Filter
from pluto_duck.events.webhooks.sending import scrubbed
from pluto_duck.events.webhooks.store import slowest
from tests.events.webhooks.conftest import WAIT_S, Bench, Endpoint

Make = Callable[..., Endpoint]


@pytest.fixture(autouse=True)
def _in_its_own_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reference implementation refuses what is older than five minutes: it gets the clock of the bench."""
    import datetime as dt

    import standardwebhooks.webhooks as theirs

    class Then(dt.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return dt.datetime.fromtimestamp(bench.now, tz)

    monkeypatch.setattr(theirs, "datetime", Then)


def test_a_change_arrives_signed_as_the_standard_says(bench: Bench, endpoints: Make) -> None:
    endpoint = endpoints()
    hook, secret = bench.hook(endpoint.url + "?a=b", tables=["orders"])
    bench.changes.add("c", after={"id": 1})
    bench.changes.add("c", table="other", after={"id": 2})
    bench.settle()
    [(headers, body, path)] = endpoint.got
    assert path == "/hook?a=b"
    assert headers["webhook-id"] == f"msg_{hook.id}_1_1"
    assert headers["content-type"] == "application/json"
    told = endpoint.verified(secret)
    assert (told["type"], told["timestamp"]) == ("io.plutoduck.row.c", "2026-01-01T00:00:00Z")
    assert told["data"]["after"] == {"id": 1}
    assert (told["specversion"], told["id"]) == ("1.0", "1.1"), "a CloudEvent still"
    endpoint.got[0] = (headers, body.replace(b"1", b"2"), path)
    with pytest.raises(WebhookVerificationError):
        endpoint.verified(secret)
    [delivery] = bench.queue.log(hook.id)
    assert (delivery.state, delivery.status, delivery.attempts) == ("delivered", 204, 1)


def test_a_rotated_secret_signs_beside_the_new_one_for_a_while(bench: Bench, endpoints: Make) -> None:
    endpoint = endpoints()
    hook, first = bench.hook(endpoint.url)
    _, second = bench.store.rotate(hook.id, overlap_s=3_600)
    bench.changes.add()
    bench.settle()
    assert len(endpoint.got[0][0]["webhook-signature"].split()) == 2
    for secret in (first, second):
        endpoint.verified(secret)
    bench.now += 3_601
    bench.changes.add()
    bench.settle()
    endpoint.verified(second)
    with pytest.raises(WebhookVerificationError):
        endpoint.verified(first)
    _, third = bench.store.rotate(hook.id, overlap_s=0)
    bench.changes.add()
    bench.settle()
    endpoint.verified(third)
    assert len(endpoint.got[-1][0]["webhook-signature"].split()) == 1


def test_no_secret_is_kept_or_shown(bench: Bench, endpoints: Make, workspace: Any) -> None:
    endpoint = endpoints()
    hook, secret = bench.hook(endpoint.url)
    assert 24 <= len(bench.store.keys(hook)[0]) <= 64
    bench.changes.add()
    bench.settle()
    kept = b"".join(one.read_bytes() for one in Path(workspace.folder).glob("control.sqlite*"))
    assert secret.removeprefix("whsec_").encode() not in kept
    assert bench.store.keys(hook)[0] not in kept
    assert bench.store.keys(hook)[0].hex().encode() not in kept
    assert secret[6:] not in repr(bench.store.all()) + repr(bench.queue.log(hook.id))


def test_a_failed_delivery_is_tried_by_the_schedule_and_then_given_up(bench: Bench, endpoints: Make) -> None:
    endpoint = endpoints()
    endpoint.answer = lambda _: (500, {}, b"no\x1b[31m room, whsec_abcdefghijkl")
    hook, _ = bench.hook(endpoint.url)
    bench.changes.add()
    bench.settle()
    for count, wait_s in enumerate(retrying.SCHEDULE_S[1:], start=1):
        bench.later(wait_s - 1)
        assert len(endpoint.got) == count, "not a second too early"
        bench.later(1)
        assert len(endpoint.got) == count + 1
    assert len(set(endpoint.ids)) == 1
    assert len({one["webhook-timestamp"] for one, _, _ in endpoint.got}) == len(retrying.SCHEDULE_S)
    delivery, attempts = bench.queue.get(hook.id, 1)
    assert (delivery.state, delivery.attempts, len(attempts)) == ("failed", 8, 8)
    assert attempts[0].error == "500 Internal Server Error"
    assert attempts[0].said == "no [31m room, whsec_***"
    bench.later(10 * 86_400)
    assert len(endpoint.got) == 8


def test_jitter_only_makes_it_later() -> None:
    assert [retrying.delay_s(1, None, lambda one=one: one) for one in (0.0, 0.5, 1.0)] == pytest.approx([5.0, 5.5, 6.0])
    assert retrying.delay_s(8, None, lambda: 0.0) is None


@pytest.mark.parametrize(("text", "seconds"), [
    ("120", 120.0), (" 7 ", 7.0), ("Thu, 01 Jan 1970 00:01:40 GMT", 100.0), ("Wed, 31 Dec 1969 00:00:00 GMT", 0.0),
    ("soon", None), ("-1", None), (None, None), ("9" * 40, 999999999999.0), ("٣", None)])
def test_both_forms_of_retry_after_are_read(text: str | None, seconds: float | None) -> None:
    assert retrying.retry_after(text, 0.0) == seconds


def test_retry_after_is_kept_to_within_bounds(bench: Bench, endpoints: Make) -> None:
    endpoint = endpoints()
    said = iter(["600", "99999999", "0"])
    endpoint.answer = lambda _: (429, {"Retry-After": next(said)}, b"")
    bench.hook(endpoint.url)
    bench.changes.add()
    bench.settle()
    bench.later(599)
    assert len(endpoint.got) == 1
    bench.later(1)
    assert len(endpoint.got) == 2
    bench.later(retrying.LONGEST_S - 1)
    assert len(endpoint.got) == 2
    bench.later(1)
    assert len(endpoint.got) == 3
    bench.later(10)
    assert len(endpoint.got) == 3, "0 does not hurry us"


def test_410_disables_at_once_and_resume_goes_on_where_it_was(bench: Bench, endpoints: Make) -> None:
    endpoint = endpoints()
    endpoint.answer = lambda number: (410 if number == 0 else 200, {}, b"")
    hook, _ = bench.hook(endpoint.url)
    bench.changes.add()
    bench.changes.add()
    bench.settle()
    bench.later(30 * 86_400)
    assert len(endpoint.got) == 1
    found = bench.store.find(hook.id)
    assert (found.state, found.live) == ("disabled", False)
    assert "410" in found.reason
    bench.changes.add()
    bench.store.resume(hook.id)
    bench.settle()
    assert endpoint.ids == [f"msg_{hook.id}_{n}_1" for n in (1, 1, 2, 3)]


def test_five_days_without_success_disable_and_the_reason_is_told(bench: Bench, endpoints: Make) -> None:
    endpoint = endpoints()
    endpoint.answer = lambda _: (503, {}, b"")
    hook, _ = bench.hook(endpoint.url)
    for _ in range(10):
        bench.changes.add()
    bench.settle()
    while bench.store.find(hook.id).state == "active":
        bench.later(3_600)
        assert bench.now < 1_800_000_000 + 6 * 86_400
    assert bench.now >= 1_800_000_000 + 5 * 86_400
    assert "5 days" in bench.store.find(hook.id).reason
    assert "503" in bench.store.find(hook.id).reason
    assert slowest(bench.store._control) is None, "it wants nothing kept any more"


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_a_redirect_is_a_failure_and_is_not_followed(bench: Bench, endpoints: Make, code: int) -> None:
    endpoint, other = endpoints(), endpoints()
    endpoint.answer = lambda _: (code, {"Location": other.url}, b"")
    hook, _ = bench.hook(endpoint.url)
    bench.changes.add()
    bench.settle()
    assert (len(endpoint.got), len(other.got)) == (1, 0)
    [delivery] = bench.queue.log(hook.id)
    assert delivery.state == "pending"
    assert "redirects" in delivery.error


def test_a_slow_endpoint_holds_up_nobody_else_and_order_is_kept(bench: Bench, endpoints: Make) -> None:
    slow, quick = endpoints(), endpoints()
    slow.hold.clear()
    first, _ = bench.hook(slow.url)
    second, _ = bench.hook(quick.url)
    for _ in range(50):
        bench.changes.add()
    while bench.deliverer.turn(0.0):
        pass
    quick.wait_for(50)
    assert quick.ids == [f"msg_{second.id}_{n}_1" for n in range(1, 51)]
    assert len(slow.got) == 1, "one at a time"
    slow.hold.set()
    slow.wait_for(50)
    assert slow.ids == [f"msg_{first.id}_{n}_1" for n in range(1, 51)]
    assert bench.deliverer.settled(WAIT_S)


def test_order_is_kept_over_failures(bench: Bench, endpoints: Make) -> None:
    endpoint = endpoints()
    endpoint.answer = lambda number: (500 if number in (1, 2, 5) else 200, {}, b"")
    hook, _ = bench.hook(endpoint.url)
    for _ in range(5):
        bench.changes.add()
    for _ in range(10):
        bench.later(40_000)
    assert endpoint.ids == [f"msg_{hook.id}_{n}_1" for n in (1, 2, 2, 2, 3, 4, 4, 5)]


def test_more_at_once_pass_one_that_hangs(bench: Bench, endpoints: Make) -> None:
    endpoint = endpoints()
    endpoint.hold.clear()
    hook, _ = bench.hook(endpoint.url, concurrency=4)
    for _ in range(12):
        bench.changes.add()
    while bench.deliverer.turn(0.0):
        pass
    endpoint.wait_for(4)
    assert len(endpoint.got) == 4
    endpoint.hold.set()
    endpoint.wait_for(12)
    assert bench.deliverer.settled(WAIT_S)
    assert sorted(set(endpoint.ids)) == sorted(f"msg_{hook.id}_{n}_1" for n in range(1, 13))
    assert len(endpoint.ids) == 12


def test_an_endpoint_that_is_down_is_asked_once_at_a_time(bench: Bench, endpoints: Make) -> None:
    """However much waits there: the circuit is open until one gets through, then all of it goes."""
    endpoint = endpoints()
    up = False
    endpoint.answer = lambda _: (200 if up else 503, {}, b"")
    hook, _ = bench.hook(endpoint.url, concurrency=8)
    for _ in range(200):
        bench.changes.add()
    bench.settle()
    tried = len(endpoint.got)
    assert tried < 20
    bench.later(4)
    assert len(endpoint.got) == tried
    bench.later(400)
    assert len(endpoint.got) <= tried + 2
    up = True
    bench.later(4_000)
    assert bench.queue.pending(hook.id) == 0
    assert len(set(endpoint.ids)) == 200


def test_what_was_delivered_or_given_up_is_sent_again_under_its_id(bench: Bench, endpoints: Make) -> None:
    endpoint = endpoints()
    hook, secret = bench.hook(endpoint.url)
    for _ in range(4):
        bench.changes.add()
    bench.settle()
    assert bench.queue.again(hook.id, 2, 3) == 2
    bench.settle()
    assert endpoint.ids[4:] == [f"msg_{hook.id}_{n}_1" for n in (2, 3)]
    endpoint.verified(secret)
    assert [one.status for one in bench.queue.get(hook.id, 2)[1]] == [204, 204]
    assert bench.queue.again(hook.id, 1, 4, failed_only=True) == 0
    for bad in (lambda: bench.queue.again(hook.id, 3, 1), lambda: bench.queue.get(hook.id, 99)):
        with pytest.raises(PlutoError):
            bad()


def test_the_log_ends_after_a_while_and_what_waits_does_not(bench: Bench, endpoints: Make) -> None:
    endpoint = endpoints()
    endpoint.answer = lambda number: (200 if number == 0 else 500, {}, b"")
    hook, _ = bench.hook(endpoint.url)
    bench.changes.add()
    bench.changes.add()
    bench.settle()
    bench.now += 8 * 86_400
    assert bench.queue.prune(7 * 86_400) == 1
    assert [one.state for one in bench.queue.log(hook.id)] == ["pending"]
    assert bench.store._control.read("webhooks", ()).execute("SELECT count(*) FROM webhook_attempts").fetchone()[0] == 1


def test_a_rule_about_a_state_lets_exactly_its_changes_through(bench: Bench, endpoints: Make) -> None:
    endpoint = endpoints()
    hook, _ = bench.hook(endpoint.url, when=["status: PROPOSED -> ACTIVE"])
    bench.changes.add("c", after={"status": "ACTIVE"})
    bench.changes.add("u", before={"status": "PROPOSED"}, after={"status": "ACTIVE"})
    bench.changes.add("u", before={"status": "ACTIVE"}, after={"status": "ACTIVE"})
    bench.changes.add("u", before={"status": "PROPOSED"}, after={"status": "CLOSED"})
    bench.changes.add("resync")
    bench.settle()
    assert endpoint.ids == [f"msg_{hook.id}_{n}_1" for n in (2, 5)]


def test_paused_and_deleted_ones_get_nothing_and_paused_ones_get_it_later(bench: Bench, endpoints: Make) -> None:
    endpoint, other = endpoints(), endpoints()
    paused, gone = bench.hook(endpoint.url)[0], bench.hook(other.url)[0]
    bench.store.pause(paused.id)
    bench.store.delete(gone.id)
    bench.changes.add()
    bench.settle()
    assert (endpoint.got, other.got) == ([], [])
    with pytest.raises(UnknownName):
        bench.store.find(gone.id)
    bench.store.resume(paused.id)
    bench.settle()
    assert endpoint.ids == [f"msg_{paused.id}_1_1"]


def test_changes_that_are_no_longer_kept_are_said_to_be_missing(bench: Bench, endpoints: Make) -> None:
    endpoint = endpoints()
    hook, secret = bench.hook(endpoint.url)
    bench.store.pause(hook.id)
    for _ in range(5):
        bench.changes.add()
    bench.changes.oldest = 3
    bench.store.resume(hook.id)
    bench.settle()
    assert [json.loads(body)["type"] for _, body, _ in endpoint.got] == [
        "io.plutoduck.changes.reset", "io.plutoduck.row.c", "io.plutoduck.row.c"]
    assert endpoint.verified(secret, 0)["data"]["since"] == "0"
    assert endpoint.ids[1:] == [f"msg_{hook.id}_{n}_1" for n in (4, 5)]


def test_a_full_queue_leaves_the_rest_in_the_journal(bench: Bench, endpoints: Make) -> None:
    endpoint = endpoints()
    endpoint.answer = lambda _: (500, {}, b"")
    bench.most_waiting, bench.batch = 10, 50
    bench.another()
    hook, _ = bench.hook(endpoint.url)
    for _ in range(150):
        bench.changes.add()
    bench.settle()
    assert bench.queue.pending(hook.id) == 50, "one batch, not all of it"
    reads = bench.changes.reads
    bench.settle()
    assert bench.changes.reads <= reads + 2
    assert slowest(bench.store._control) == bench.store.find(hook.id).position
    endpoint.answer = lambda _: (200, {}, b"")
    for _ in range(5):
        bench.later(40_000)
    assert len(set(endpoint.ids)) == 150


def test_a_body_that_drips_and_one_without_end_are_cut_off(bench: Bench, endpoints: Make) -> None:
    endpoint = endpoints()
    endpoint.answer = lambda _: (200, {}, b"x" * 3_000_000)
    hook, _ = bench.hook(endpoint.url)
    bench.changes.add()
    bench.settle()
    delivery, [attempt] = bench.queue.get(hook.id, 1)
    assert delivery.state == "delivered"
    assert len(attempt.said) == 300


def test_a_deadline_ends_what_never_answers(bench: Bench, endpoints: Make) -> None:
    bench.timeout_s = 0.3
    bench.another()
    endpoint = endpoints()
    endpoint.hold.clear()
    hook, _ = bench.hook(endpoint.url)
    bench.changes.add()
    bench.settle()
    assert bench.queue.log(hook.id)[0].error == "no answer within 0.3 s"


@pytest.mark.parametrize(("head", "outcome"), [
    (b"HTTP/1.1 200 OK\r\n", ("pending", "no answer within 0.5 s")),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", ("delivered", "")),
    (b"SSH-2.0-OpenSSH_9\r\n", ("pending", "it does not answer as HTTP does (BadStatusLine)"))])
def test_a_drip_of_bytes_prolongs_nothing(bench: Bench, head: bytes, outcome: tuple[str, str]) -> None:
    import socket

    bench.timeout_s = 0.5
    bench.another()
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def drip() -> None:
        client, _ = listener.accept()
        with client:
            client.sendall(head)
            for _ in range(600):
                try:
                    client.sendall(b"X: y\r\n")
                except OSError:
                    break
                if over.wait(0.05):
                    break

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    hook, _ = bench.hook(f"http://localhost:{listener.getsockname()[1]}/")
    bench.changes.add()
    bench.settle()
    over.set()
    thread.join(WAIT_S)
    listener.close()
    [delivery] = bench.queue.log(hook.id)
    assert (delivery.state, delivery.error) == outcome


def test_connections_are_used_again_and_one_that_was_closed_is_opened_anew(bench: Bench, endpoints: Make) -> None:
    endpoint = endpoints()
    bench.hook(endpoint.url)
    for _ in range(20):
        bench.changes.add()
    bench.settle()
    assert bench.asked == ["hooks.example"], "one connection for all that was due"
    endpoint.answer = lambda number: (200, {"Connection": "close"}, b"")
    for _ in range(3):
        bench.changes.add()
    bench.settle()
    assert len(endpoint.got) == 23


def test_a_record_from_elsewhere_sends_nothing(bench: Bench, endpoints: Make, tmp_path: Path,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    """A cloned folder must not be able to send data out; nor may a record be changed to lead elsewhere."""
    endpoint, other = endpoints(), endpoints()
    hook, _ = bench.hook(endpoint.url)
    control = bench.store._control
    with control.connection("webhooks", ()) as db:
        body = db.execute("SELECT body FROM webhooks").fetchone()[0]
        db.execute("UPDATE webhooks SET body = replace(body, ?, ?)", (endpoint.url, other.url))
    bench.changes.add()
    bench.settle()
    assert (endpoint.got, other.got) == ([], [])
    assert not bench.store.find(hook.id).sealed
    for act in (bench.store.resume, bench.store.pause, lambda id: bench.store.rotate(id, overlap_s=0)):
        with pytest.raises(Refused):
            act(hook.id)
    with control.connection("webhooks", ()) as db:
        db.execute("UPDATE webhooks SET body = ?", (body,))
    assert bench.store.find(hook.id).live
    monkeypatch.setenv("PLUTODUCK_HOME", str(tmp_path / "another"))
    bench.settle()
    assert endpoint.got == []
    with control.connection("webhooks", ()) as db:
        db.execute("UPDATE webhooks SET body = '{}'")
    assert bench.store.all() == []


def test_each_act_of_the_owner_is_in_the_audit_without_secrets(bench: Bench, endpoints: Make) -> None:
    hook, first = bench.hook(endpoints().url + "/secret1token2value?token=abc")
    second = bench.store.rotate(hook.id, overlap_s=1)[1]
    bench.store.change(hook.id, Wish(parse("https://other.example/x"), Filter()))
    bench.store.pause(hook.id)
    bench.store.resume(hook.id)
    bench.store.delete(hook.id)
    told = [row[0] for row in bench.store._control.read("audit", ()).execute("SELECT body FROM audit ORDER BY seq")]
    assert [json.loads(one)["action"].removeprefix("webhook.") for one in told] == [
        "create", "rotate", "update", "pause", "resume", "delete"]
    for hidden in ("secret1token2value", "abc", first[6:], second[6:]):
        assert hidden not in "".join(told)


def test_what_an_endpoint_says_is_cleaned() -> None:
    assert scrubbed(b'{"token": "abc", "ok": 1}\r\n\x00\x1b[2J Bearer abcdefghijklmnop') == \
        '{"token": \'***\', "ok": 1} [2J Bearer ***'


def test_a_clock_that_was_set_back_does_not_stop_it(bench: Bench, endpoints: Make) -> None:
    endpoint = endpoints()
    endpoint.answer = lambda number: (500 if number == 0 else 200, {}, b"")
    bench.hook(endpoint.url)
    bench.changes.add()
    bench.settle()
    bench.now -= 10 * 86_400
    bench.settle()
    assert len(endpoint.got) == 2


def test_it_waits_for_a_change_and_sends_it_soon(bench: Bench, endpoints: Make) -> None:
    """The loop itself: a change wakes it, and so does a verb of another process."""
    endpoint = endpoints()
    hook, _ = bench.hook(endpoint.url)
    stop = threading.Event()
    loop = threading.Thread(target=bench.deliverer.run, args=(stop,), daemon=True)
    loop.start()
    try:
        bench.changes.add()
        endpoint.wait_for(1)
        until = time.monotonic() + WAIT_S
        while bench.queue.log(hook.id)[0].state != "delivered" and time.monotonic() < until:
            time.sleep(0.01)
        assert bench.queue.again(hook.id, 1, 1) == 1
        endpoint.wait_for(2)
    finally:
        stop.set()
        loop.join(WAIT_S)
    assert not loop.is_alive()
