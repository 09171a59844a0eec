"""A Chart drawn: as plotly JSON for live notebooks, as a static image for everything else."""

from __future__ import annotations

import datetime as dt
import html
from typing import TYPE_CHECKING, Any

from pluto_duck.display.chart import Chart
from pluto_duck.display.series import Plot, plot, summary
from pluto_duck.display.static import COLORS, GRID, INK, PAPER, static, stretch, svg
from pluto_duck.display.values import visible

if TYPE_CHECKING:
    from pluto_duck.workspace.result import Result


def chart_summary(chart: Chart, result: Result) -> str:
    return summary(plot(chart, result))


def chart_bundle(chart: Chart, result: Result) -> dict[str, Any]:
    """One output that renders wherever it lands: interactive, static, words. Without text/html, which
    exporters would prefer to the image."""
    drawn = plot(chart, result)
    if chart.kind == "number":
        return {"text/html": _number_html(drawn), "text/plain": summary(drawn)}
    return {"application/vnd.plotly.v1+json": _plotly(drawn), "image/svg+xml": svg(drawn).decode(),
            "text/plain": summary(drawn)}


def chart_svg(chart: Chart, result: Result) -> bytes:
    return svg(plot(chart, result))


def chart_png(chart: Chart, result: Result) -> bytes:
    return static(plot(chart, result), "png")


def _number_html(drawn: Plot) -> str:
    """The number large, its name below; in the page's own colours, light or dark."""
    return ('<div class="tex2jax_ignore mathjax_ignore" style="padding:4px 0">'
            f'<div style="font-size:2.2em;line-height:1.2;font-variant-numeric:tabular-nums">'
            f'{html.escape(visible(drawn.value))}</div>'
            f'<div style="opacity:0.75">{html.escape(visible(drawn.chart.x))}</div></div>')


# -- plotly ---------------------------------------------------------------------------------------


def _label(value: str) -> str:
    """Plotly reads HTML tags, links and, with MathJax on the page, `$...$` in every text."""
    return html.escape(visible(value), quote=False).replace("$", "&#36;")


def _plotly_x(value: Any) -> Any:
    if isinstance(value, str):
        return _label(value)
    return value.isoformat() if isinstance(value, dt.date) else value


def _plotly_axis(title: str) -> dict[str, Any]:
    return {"title": {"text": _label(title)}, "gridcolor": GRID, "zerolinecolor": GRID, "automargin": True}


def _plotly(drawn: Plot) -> dict[str, Any]:
    chart, data = drawn.chart, []
    for i, one in enumerate(drawn.series):
        along, up = [_plotly_x(x) for x in one.x], list(one.y)
        color = COLORS[i % len(COLORS)]
        kind = "bar" if chart.kind in ("bar", "histogram") else "scatter"
        if drawn.step:
            along = [x + drawn.step / 2 for x in one.x]
        trace: dict[str, Any] = {"type": kind, "name": _label(one.name), "marker": {"color": color}}
        trace |= {"x": up, "y": along, "orientation": "h"} if drawn.horizontal else {"x": along, "y": up}
        if drawn.step:
            trace |= {"width": drawn.step, "hovertext": [f"{x:,.6g} to {x + drawn.step:,.6g}" for x in one.x],
                      "hoverinfo": "text+y"}
        elif kind == "scatter":
            trace["mode"] = "lines+markers" if chart.kind == "line" else "markers"
        data.append(trace)
    named, counted = _plotly_axis(chart.x), _plotly_axis(drawn.y_title)
    if drawn.labels:
        named |= {"type": "category", "categoryorder": "array",
                  "categoryarray": [_label(one) for one in drawn.labels]}
    if drawn.horizontal:
        named["autorange"] = "reversed"
    if drawn.mapped:
        counted |= {"scaleanchor": "x", "scaleratio": round(stretch(drawn), 6)}
    layout: dict[str, Any] = {
        "title": {"text": _label(drawn.title)}, "paper_bgcolor": PAPER, "plot_bgcolor": PAPER,
        "font": {"color": INK}, "showlegend": len(drawn.series) > 1,
        "xaxis": counted if drawn.horizontal else named, "yaxis": named if drawn.horizontal else counted,
    }
    if chart.stacked:
        layout["barmode"] = "stack"
    if chart.stacked == "share":
        counted |= {"range": [0, 100], "ticksuffix": " %"}
    return {"data": data, "layout": layout, "config": {"displaylogo": False}}
