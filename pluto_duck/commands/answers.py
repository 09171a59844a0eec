"""An Answer as text for a shell and as MIME bundles for a notebook, in the same order: how it was understood, its rows
as table and chart, what they say, what was assumed, the SQL, what can be done next."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from pluto_duck.commands.writing import objects, unique_names

if TYPE_CHECKING:
    from pluto_duck.agent import Answer
    from pluto_duck.display import Chart

# Lab indents a <pre> far, and the page that nbconvert writes takes its font away.
PRE = "margin:0;padding:0;font-family:monospace;white-space:pre-wrap"

WAITS = "waits for approval: "
"""How the evidence of an answer names what its planner proposed."""
TITLE = 90
"""Places; a title that is wider would run out of its picture."""


def shown(text: str) -> str:
    """Names and values stand in our sentences, too, and must not speak to the terminal."""
    from pluto_duck.display.values import visible

    return visible(text, keep="\n\t")


def lines(text: str) -> dict[str, Any]:
    return {"text/plain": text, "text/html": f"<div>{escape(text).replace(chr(10), '<br>')}</div>"}


def _before(answer: Answer) -> str:
    said = [answer.text] if answer.text else []
    said.extend(f"  {number}. {choice.text}" for number, choice in enumerate(answer.choices, 1))
    return shown("\n".join(said))


def _after(answer: Answer, *, asking: str) -> str:
    said = [f"Assumed: {one}" for one in answer.assumptions]
    if answer.sql:
        said.append(f"SQL: {' '.join(answer.sql.split())}")
    if answer.choices:
        said.append(f"Pick one: {asking} --choose 1")
    program = "%pluto" if asking.startswith("%") else "pluto-duck"
    said.extend(f"Waits for your word: {program} approvals show {one.removeprefix(WAITS)}"
                for one in answer.evidence if one.startswith(WAITS))
    if spent(answer):
        said.append(spent(answer))
    return shown("\n".join(said))


def spent(answer: Answer) -> str:
    """What a model cost and was told; "" where none was asked."""
    cost = answer.cost
    if not (answer.share or cost.input_tokens or cost.output_tokens):
        return ""
    money = f", ${cost.usd:.4f}" if cost.usd_known else ", price unknown"
    told = f"; it was told: {answer.share}" if answer.share else ""
    return f"{answer.planner}: {cost.input_tokens:,} tokens read, {cost.output_tokens:,} written{money}{told}"


def around(answer: Answer) -> list[str]:
    """All of it but the rows, for those who read them elsewhere."""
    return [part for part in (_before(answer), answer.finding, _after(answer, asking="pluto-duck ask")) if part]


def text(answer: Answer, max_rows: int, width: int | None) -> str:
    from pluto_duck import display

    table = ""
    if answer.result is not None and answer.result.has_rows:
        table = display.table_text(answer.result, max_rows=max_rows, width=width,
                                   bars=display.barred(chart_of(answer)) if width is not None else "")
    return "\n".join(part for part in (_before(answer), table, answer.finding,
                                       _after(answer, asking="pluto-duck ask")) if part)


def chart_of(answer: Answer) -> Chart | None:
    from pluto_duck import display
    from pluto_duck.display.values import cut

    if answer.result is None or not answer.drawing:
        return None
    # A follow-up ("only UA") says less than how it was understood.
    title = cut((answer.verified or answer.text).rstrip("."), TITLE)
    return display.chart_of({"title": title} | dict(answer.drawing),
                            [column.name for column in answer.result.columns])


def bundles(answer: Answer, max_rows: int) -> list[dict[str, Any]]:
    """A single number stands large, in place of a table of one cell."""
    from pluto_duck import display

    before, after, result = _before(answer), _after(answer, asking="%ask"), answer.result
    found = [lines(before)] if before else []
    if result is not None and result.has_rows:
        chart = chart_of(answer)
        if chart is not None:
            found.append(dict(display.chart_bundle(chart, result)))
        if chart is None or chart.kind != "number":
            found.append(dict(display.table_bundle(result, max_rows=max_rows)))
    if answer.finding:
        found.append(lines(answer.finding))
    if after:
        found.append({"text/plain": after, "text/html": f"<pre style='{PRE}'>{escape(after)}</pre>"})
    return found


def as_object(answer: Answer) -> dict[str, Any]:
    """As JSON writes it, with its rows."""
    from pluto_duck.agent.telling import told

    found: dict[str, Any] = told(answer) | {"columns": None, "rows": None}
    if answer.result is not None and answer.result.has_rows:
        names = unique_names([column.name for column in answer.result.columns])
        found["columns"] = [{"name": name, "type": column.type}
                            for name, column in zip(names, answer.result.columns, strict=True)]
        found["rows"] = list(objects(answer.result))
    return found
