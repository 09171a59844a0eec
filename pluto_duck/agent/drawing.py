"""Which chart goes with an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import PlutoError

if TYPE_CHECKING:
    from pluto_duck.agent.answer import Answer


def drawn_of(answer: Answer) -> Mapping[str, Any]:
    """A planner's proposal is only data: where it names other columns, or can't be drawn, the rows decide."""
    from pluto_duck import display

    result = answer.result
    if result is None or not result.has_rows:
        return {}
    if answer.chart:
        try:
            chart = display.chart_of(answer.chart, [column.name for column in result.columns])
            display.chart_summary(chart, result)
            return chart.spec()
        except PlutoError:
            pass
    picked = display.pick_chart(result)
    return picked.spec() if picked is not None else {}
