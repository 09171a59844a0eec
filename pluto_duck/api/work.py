"""What the runs of this door do."""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pluto_duck.agent import Event
    from pluto_duck.api.places import Place
    from pluto_duck.governance import Actor
    from pluto_duck.governance.allowance import Allowance
    from pluto_duck.runs import Run, RunContext, Work
    from pluto_duck.session import Stamp


class Spend(Protocol):
    def __call__(self, *, rows: int = 0, seconds: float = 0.0) -> None: ...


def counted(work: Work, spend: Spend, *, max_bytes: int) -> Work:
    """The same for somebody whose rows and seconds are limited: its end tells what it has cost, however it ends."""

    def inner(run: RunContext) -> dict[str, Any] | None:
        run.max_bytes = max_bytes
        started = time.perf_counter()
        try:
            return work(run)
        finally:
            spend(rows=run.row_count, seconds=time.perf_counter() - started)

    return inner


def begun(place: Place, kind: str, text: str, work: Work, actor: Actor | None, allowance: Allowance | None,
          spend: Spend | None, *, timeout_s: float | None = None) -> Run:
    """A run with the actor's own session, within what it may use. `timeout_s`: without, as long as a query may take."""
    from pluto_duck.runs import Share

    most = place.settings["query.timeout_s"] if timeout_s is None else timeout_s
    share = None
    if allowance is not None and spend is not None:
        work = counted(work, spend, max_bytes=int(allowance.max_mb * 1e6))
        share, most = Share(allowance.running, allowance.waiting), min(most, allowance.timeout_s)
    return place.runs.start(kind, text, work, deadline_s=most, actor=actor, share=share)


def run_sql(place: Place, sql: str, params: dict[str, Any] | list[Any] | None, *, max_rows: int,
            max_age_s: float | None = None, look: bool = True, reads: bool = False) -> Work:
    """Who holds the server's own token is the owner of these files: any statement may run. What anybody else wrote
    runs in a process of its own, over a snapshot. `look=False`: an answer that was computed before will not do.
    `reads`: the statement must pass the Gate, also the owner's."""

    def work(run: RunContext) -> dict[str, Any]:
        from pluto_duck.runs.answers import answered
        from pluto_duck.runs.context import aged

        place.keep_open()
        governed = run.session.actor is not None

        def compute() -> dict[str, Any]:
            found = run.session.stream_apart(
                sql, params, max_rows=max_rows, timeout_s=run.left_s, max_age_s=max_age_s) if governed \
                else run.session.stream(sql, params, max_rows=max_rows, read_only=reads)
            with found as stream:
                return run.write_stream(stream)

        def stamp() -> Stamp:
            return run.session.stamp(sql, params, max_rows=max_rows, max_bytes=run.max_bytes, read_only=reads)

        facts = answered(run, place.cache, stamp, compute, look=look)
        if governed and facts.get("cache") == "hit":
            facts |= aged(dt.datetime.now(dt.UTC))  # nothing that it hangs on has moved
        return facts

    return work


def answer_question(place: Place, question: str, conversation: str, planner: str | None) -> Work:
    """A question's planner only ever runs SQL that passed the Gate."""

    def work(run: RunContext) -> dict[str, Any]:
        from pluto_duck.agent.conversing import converse
        from pluto_duck.agent.telling import told

        def tell(event: Event) -> None:
            run.emit(event.type, event.subtype, text=event.text, **event.data)

        place.keep_open()
        answer = converse(run.session, question, conversation=conversation, planner=planner, on_event=tell,
                          door="rest")
        facts = run.write_result(answer.result) if answer.result is not None else {}
        return facts | {"answer": told(answer)}

    return work
