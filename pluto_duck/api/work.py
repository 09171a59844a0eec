"""What the runs of this door do."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pluto_duck.agent import Answer, Event
    from pluto_duck.api.places import Place
    from pluto_duck.runs import RunContext, Work


def run_sql(place: Place, sql: str, params: dict[str, Any] | list[Any] | None, *, max_rows: int) -> Work:
    """Who holds the server's own token is the owner of these files: any statement may run."""

    def work(run: RunContext) -> dict[str, Any]:
        place.keep_open()
        with run.session.stream(sql, params, max_rows=max_rows) as stream:
            return run.write_stream(stream)

    return work


def answer_question(place: Place, question: str) -> Work:
    """A question's planner only ever runs SQL that passed the Gate."""

    def work(run: RunContext) -> dict[str, Any]:
        from pluto_duck.agent import ask

        def tell(event: Event) -> None:
            run.emit(event.type, event.subtype, text=event.text, **event.data)

        place.keep_open()
        answer = ask(run.session, question, on_event=tell)
        facts = run.write_result(answer.result) if answer.result is not None else {}
        return facts | {"answer": _told(answer)}

    return work


def _told(answer: Answer) -> dict[str, Any]:
    """The answer without its rows: those are the run's."""
    plain = {one.name: getattr(answer, one.name) for one in fields(answer) if one.name != "result"}
    return plain | {"choices": [asdict(one) for one in answer.choices], "cost": asdict(answer.cost)}
