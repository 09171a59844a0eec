"""Who sends: a loop that fills the queues, and threads for each endpoint that empty them.

An endpoint has threads of its own while something is due there, so a slow one holds up nobody else; one that is down
has none until its next attempt.
"""

from __future__ import annotations

import logging
import ssl
import threading
import time
from collections.abc import Callable, Sequence

from pluto_duck.errors import PlutoError
from pluto_duck.events.webhooks import signing
from pluto_duck.events.webhooks.guard import Guard
from pluto_duck.events.webhooks.intake import Intake
from pluto_duck.events.webhooks.model import Delivery, Webhook
from pluto_duck.events.webhooks.queue import Queue
from pluto_duck.events.webhooks.sending import TIMEOUT_S, Answer, Line
from pluto_duck.events.webhooks.store import Webhooks

LOOK_S = 1.0
"""How often it looks for what verbs have changed: redeliveries, what goes on again. A change wakes it at once."""
QUIET_LOOK_S, QUIET_AFTER_S = 10.0, 20.0
"""The same once nothing has come for so long: a look costs some milliseconds of a processor."""
PRUNE_S = 3_600.0

_log = logging.getLogger("pluto_duck.events")


class Sender:
    """Signs and sends; the one place that does."""

    def __init__(self, webhooks: Webhooks, guard: Guard, trust: ssl.SSLContext, *, timeout_s: float = TIMEOUT_S,
                 clock: Callable[[], float] = time.time) -> None:
        self._webhooks, self._guard, self._trust = webhooks, guard, trust
        self._timeout_s, self._clock = timeout_s, clock

    def line(self, webhook: Webhook) -> Line:
        return Line(webhook.wish.url, self._guard, self._trust, timeout_s=self._timeout_s)

    def send(self, webhook: Webhook, delivery: Delivery, line: Line) -> Answer:
        body = delivery.body.encode()
        keys = self._webhooks.keys(webhook)
        return line.post(body, signing.headers(keys, delivery.message, int(self._clock()), body))

    def test(self, webhook: Webhook, delivery: Delivery) -> Answer:
        line = self.line(webhook)
        try:
            return self.send(webhook, delivery, line)
        finally:
            line.close()


class Deliverer:
    """Of one workspace, under its lease: there is one at a time."""

    def __init__(self, webhooks: Webhooks, queue: Queue, intake: Intake, sender: Sender, *, keep_s: float = 7 * 86_400,
                 clock: Callable[[], float] = time.time) -> None:
        self._webhooks, self._queue, self._intake, self._sender = webhooks, queue, intake, sender
        self._keep_s, self._clock = keep_s, clock
        self._under_way: dict[str, set[int]] = {}
        self._threads: dict[str, int] = {}
        self._lock = threading.Condition()
        self._stop = threading.Event()
        self._pruned, self._moved = 0.0, time.monotonic()

    def run(self, stop: threading.Event) -> None:
        """Until `stop`; what is under way then is waited for a little."""
        try:
            while not stop.is_set():
                try:
                    quiet = time.monotonic() - self._moved > QUIET_AFTER_S
                    self.turn(QUIET_LOOK_S if quiet else LOOK_S)
                except PlutoError as error:
                    _log.warning("Webhooks wait: %s", error.message)
                    stop.wait(LOOK_S)
        finally:
            self.close()

    def turn(self, wait_s: float) -> bool:
        """One look for changes and for what is due; whether there was a change."""
        self._prune()
        live = [one for one in self._webhooks.all() if one.live]
        self._dispatch(live)
        if not live:
            return self._stop.wait(min(wait_s, LOOK_S)) and False
        moved = self._intake.turn(live, self._until_due(live, wait_s))
        if moved:
            self._moved = time.monotonic()
            self._dispatch(live)
        return moved

    def close(self, wait_s: float = 2.0) -> None:
        self._stop.set()
        with self._lock:
            self._lock.wait_for(lambda: not any(self._threads.values()), wait_s)

    def settled(self, wait_s: float) -> bool:
        """Waits until no thread is at work."""
        with self._lock:
            return self._lock.wait_for(lambda: not any(self._threads.values()), wait_s)

    def _until_due(self, live: Sequence[Webhook], most_s: float) -> float:
        at = [due for one in live if not self._threads.get(one.id)
              and (due := self._queue.due_at(one.id, one.wish.concurrency)) is not None]
        return max(0.0, min([most_s, *(due - self._clock() for due in at)]))

    def _dispatch(self, live: Sequence[Webhook]) -> None:
        for one in live:
            due = self._queue.due_at(one.id, one.wish.concurrency)
            if due is None or due > self._clock():
                continue
            with self._lock:
                while self._threads.get(one.id, 0) < min(one.wish.concurrency, max(1, self._queue.pending(one.id))):
                    self._threads[one.id] = self._threads.get(one.id, 0) + 1
                    threading.Thread(target=self._work, args=(one.id,), daemon=True,
                                     name=f"pluto-duck-webhook-{one.id}").start()

    def _work(self, id: str) -> None:
        """Sends what is due for one endpoint, then ends."""
        line: Line | None = None
        while (claimed := self._claim(id)) is not None:
            webhook, delivery = claimed
            try:
                if line is None or line.url != webhook.wish.url:
                    line = self._sender.line(webhook)
                answer = self._sender.send(webhook, delivery, line)
                self._queue.note(delivery, answer)
                if not answer.good:
                    self._tell(webhook)
            except PlutoError as error:  # it can't be noted, so it will be sent again
                _log.warning("The webhook %s waits: %s", id, error.message)
                self._stop.wait(LOOK_S)
            finally:
                with self._lock:
                    self._under_way[id].discard(delivery.n)
        if line is not None:
            line.close()

    def _tell(self, before: Webhook) -> None:
        """In the log, when an endpoint begins to fail and when it is given up."""
        now = self._webhooks.find(before.id)
        if now.state == "disabled" and before.state != "disabled":
            _log.error("The webhook %s is disabled: %s", now.id, now.reason)
        elif now.failing_since is not None and before.failing_since is None:
            _log.warning("The webhook %s fails; pluto-duck webhooks deliveries %s tells why.", now.id, now.id)

    def _claim(self, id: str) -> tuple[Webhook, Delivery] | None:
        """None ends the thread, which counts no more from that moment on: what comes after it begins another."""
        with self._lock:
            webhook, found = None, None
            try:
                webhook = None if self._stop.is_set() else self._webhooks.live(id)
                mine = self._under_way.setdefault(id, set())
                if webhook is not None:
                    found = self._queue.take(id, webhook.wish.concurrency, mine)
            finally:
                if found is None:
                    self._threads[id] -= 1
                    self._lock.notify_all()
            if webhook is None or found is None:
                return None
            mine.add(found.n)
            return webhook, found

    def _prune(self) -> None:
        if time.monotonic() - self._pruned > PRUNE_S:
            self._pruned = time.monotonic()
            self._queue.prune(self._keep_s)
