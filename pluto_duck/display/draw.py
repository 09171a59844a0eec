"""A Chart drawn: as plotly JSON for live notebooks, as a static image for everything else."""

from __future__ import annotations

import datetime as dt
import html
import io
import threading
import warnings
from typing import TYPE_CHECKING, Any

from pluto_duck.display.chart import Chart
from pluto_duck.display.series import Plot, plot, summary
from pluto_duck.display.values import cut, visible

if TYPE_CHECKING:
    from pluto_duck.workspace.result import Result

# Okabe and Ito's colours: told apart by colour-blind readers, and on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
# Always dark on white: a chart is read in the light theme, the dark one and on paper.
INK, PAPER, GRID = "#222222", "#ffffff", "#dddddd"

_STYLED = frozenset(("axes", "date", "figure", "font", "grid", "legend", "lines", "markers", "mathtext", "patch",
                     "path", "savefig", "scatter", "text", "xtick", "ytick"))
_rc_lock = threading.Lock()


def chart_summary(chart: Chart, result: Result) -> str:
    return summary(plot(chart, result))


def chart_bundle(chart: Chart, result: Result) -> dict[str, Any]:
    """One output that renders wherever it lands: interactive, static, words. Without text/html, which
    exporters would prefer to the image."""
    drawn = plot(chart, result)
    return {"application/vnd.plotly.v1+json": _plotly(drawn), "image/svg+xml": _svg(drawn).decode(),
            "text/plain": summary(drawn)}


def chart_svg(chart: Chart, result: Result) -> bytes:
    return _svg(plot(chart, result))


def chart_png(chart: Chart, result: Result) -> bytes:
    return _static(plot(chart, result), "png")


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
        kind = "bar" if chart.kind == "bar" else "scatter"
        trace: dict[str, Any] = {"type": kind, "name": _label(one.name), "marker": {"color": color}}
        trace |= {"x": up, "y": along, "orientation": "h"} if drawn.horizontal else {"x": along, "y": up}
        if chart.kind != "bar":
            trace["mode"] = "lines+markers" if chart.kind == "line" else "markers"
        data.append(trace)
    named, counted = _plotly_axis(chart.x), _plotly_axis(drawn.y_title)
    if drawn.labels:
        named |= {"type": "category", "categoryorder": "array",
                  "categoryarray": [_label(one) for one in drawn.labels]}
    if drawn.horizontal:
        named["autorange"] = "reversed"
    layout: dict[str, Any] = {
        "title": {"text": _label(drawn.title)}, "paper_bgcolor": PAPER, "plot_bgcolor": PAPER,
        "font": {"color": INK}, "showlegend": len(drawn.series) > 1,
        "xaxis": counted if drawn.horizontal else named, "yaxis": named if drawn.horizontal else counted,
    }
    return {"data": data, "layout": layout, "config": {"displaylogo": False}}


# -- matplotlib -----------------------------------------------------------------------------------


def _plain(value: str) -> str:
    """Matplotlib would read `$...$` as mathematics, and fail on what is none."""
    return visible(value).replace("$", r"\$")


def _svg(drawn: Plot) -> bytes:
    """With a title and a description of its own, so that a screen reader finds them in the image."""
    svg = _static(drawn, "svg")
    start = svg.index(b"<svg")
    end = svg.index(b">", start)
    title, words = html.escape(visible(drawn.title)), html.escape(summary(drawn))
    inside = f'\n <title>{title}</title>\n <desc>{words}</desc>'
    return (svg[start:end] + f' role="img" aria-label="{words}">{inside}'.encode() + svg[end + 1:])


def _static(drawn: Plot, image: str) -> bytes:
    import matplotlib
    from matplotlib.figure import Figure

    # The reader's own matplotlib style (dark, LaTeX, a huge font) must not reach this image. Text
    # stays text: any script the reader's fonts have, and a fifth of the size of outlines.
    style = {key: value for key, value in matplotlib.rcParamsDefault.items() if key.split(".")[0] in _STYLED}
    style |= {"svg.hashsalt": "pluto-duck", "svg.fonttype": "none", "font.size": 10.0, "text.color": INK,
              "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK, "axes.edgecolor": INK,
              "axes.formatter.useoffset": False}
    with _rc_lock, matplotlib.rc_context(style), warnings.catch_warnings():
        figure = Figure(figsize=_size(drawn), facecolor=PAPER, layout="constrained")
        _fill(figure.add_subplot(facecolor=PAPER), drawn)
        file = io.BytesIO()
        metadata = {"Date": None, "Creator": None} if image == "svg" else {"Title": visible(drawn.title)}
        dpi = 144 if image == "png" else 72
        # In an SVG the letters that this machine's font lacks are drawn by the reader's.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(file, format=image, dpi=dpi, facecolor=PAPER, metadata=metadata)
    return file.getvalue()


def _size(drawn: Plot) -> tuple[float, float]:
    if not drawn.horizontal:
        return 8.0, 4.5
    bars = len(drawn.labels) * (len(drawn.series) if drawn.chart.color else 1)
    return 8.0, max(3.0, 1.2 + 0.28 * bars)


def _fill(axes: Any, drawn: Plot) -> None:
    chart = drawn.chart
    axes.set_title(_plain(cut(drawn.title, 90)), loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    if chart.kind == "bar":
        _bars(axes, drawn)
    else:
        axes.grid(color=GRID, linewidth=0.8)
        places = {label: i for i, label in enumerate(drawn.labels)}
        for i, one in enumerate(drawn.series):
            xs = [places[x] for x in one.x] if places else list(one.x)
            ys = [float("nan") if y is None else y for y in one.y]
            color, name = COLORS[i % len(COLORS)], _plain(one.name)
            if chart.kind == "line":
                axes.plot(xs, ys, color=color, label=name, marker="o", markersize=3)
            else:
                axes.scatter(xs, ys, color=color, label=name, s=14, alpha=0.7)
        if places:
            _tick_labels(axes, drawn)
        elif chart.kind == "line":
            _whole_ticks(axes, drawn)
        axes.set_xlabel(_plain(chart.x))
        axes.set_ylabel(_plain(cut(drawn.y_title, 60)))
    if len(drawn.series) > 1:
        axes.legend(frameon=False, title=_plain(chart.color) if chart.color else None)


def _tick_labels(axes: Any, drawn: Plot) -> None:
    """Side by side while they fit, else slanted."""
    labels = [_plain(one) for one in drawn.labels]
    slanted = {"rotation": 35, "ha": "right"} if sum(map(len, labels)) > 60 else {}
    axes.set_xticks(range(len(labels)), labels, **slanted)


def _whole_ticks(axes: Any, drawn: Plot) -> None:
    """Months and years have no 2.5."""
    numbers = sorted({x for one in drawn.series for x in one.x if isinstance(x, float)})
    if numbers and all(x.is_integer() for x in numbers):
        if len(numbers) <= 24:
            axes.set_xticks(numbers, [f"{x:.0f}" for x in numbers])
        else:
            axes.xaxis.get_major_locator().set_params(integer=True)


def _bars(axes: Any, drawn: Plot) -> None:
    places = {label: i for i, label in enumerate(drawn.labels)}
    thickness = 0.8 / max(1, len(drawn.series))
    labels = [_plain(one) for one in drawn.labels]
    for i, one in enumerate(drawn.series):
        shift = (i - (len(drawn.series) - 1) / 2) * thickness
        at = [places[x] + shift for x in one.x]
        lengths = [0.0 if y is None else y for y in one.y]
        color, name = COLORS[i % len(COLORS)], _plain(one.name)
        if drawn.horizontal:
            axes.barh(at, lengths, thickness, color=color, label=name)
        else:
            axes.bar(at, lengths, thickness, color=color, label=name)
    if drawn.horizontal:
        axes.set_yticks(range(len(labels)), labels)
        axes.invert_yaxis()
        axes.set_ylabel(_plain(drawn.chart.x))
        axes.set_xlabel(_plain(cut(drawn.y_title, 60)))
        axes.grid(axis="x", color=GRID, linewidth=0.8)
    else:
        _tick_labels(axes, drawn)
        axes.set_xlabel(_plain(drawn.chart.x))
        axes.set_ylabel(_plain(cut(drawn.y_title, 60)))
        axes.grid(axis="y", color=GRID, linewidth=0.8)
