"""A Plot as a static image, by matplotlib: what is left of a chart on paper, in a mail, in an exported page."""

from __future__ import annotations

import html
import io
import math
import threading
import warnings
from typing import Any

from pluto_duck.display.series import Plot, summary
from pluto_duck.display.values import cut, visible

# Okabe and Ito's colours: told apart by colour-blind readers, and on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
# Always dark on white: a chart is read in the light theme, the dark one and on paper.
INK, PAPER, GRID = "#222222", "#ffffff", "#dddddd"

_STYLED = frozenset(("axes", "date", "figure", "font", "grid", "legend", "lines", "markers", "mathtext", "patch",
                     "path", "savefig", "scatter", "text", "xtick", "ytick"))
_rc_lock = threading.Lock()


def _plain(value: str) -> str:
    """Matplotlib would read `$...$` as mathematics, and fail on what is none."""
    return visible(value).replace("$", r"\$")


def svg(drawn: Plot) -> bytes:
    """With a title and a description of its own, so that a screen reader finds them in the image."""
    svg = static(drawn, "svg")
    start = svg.index(b"<svg")
    end = svg.index(b">", start)
    title, words = html.escape(visible(drawn.title)), html.escape(summary(drawn))
    inside = f'\n <title>{title}</title>\n <desc>{words}</desc>'
    return (svg[start:end] + f' role="img" aria-label="{words}">{inside}'.encode() + svg[end + 1:])


def static(drawn: Plot, image: str) -> bytes:
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
        metadata: dict[str, str | None] = (
            {"Date": None, "Creator": None} if image == "svg" else {"Title": visible(drawn.title)})
        dpi = 144 if image == "png" else 72
        # In an SVG the letters that this machine's font lacks are drawn by the reader's.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(file, format=image, dpi=dpi, facecolor=PAPER, metadata=metadata)
    return file.getvalue()


def stretch(drawn: Plot) -> float:
    """How much longer a degree of latitude is than one of longitude, in the middle of the map."""
    heights = [y for one in drawn.series for y in one.y if y is not None] or [0.0]
    return 1 / max(0.1, math.cos(math.radians((min(heights) + max(heights)) / 2)))


def _size(drawn: Plot) -> tuple[float, float]:
    if drawn.chart.kind == "number":
        return 4.0, 1.6
    if not drawn.horizontal:
        return 8.0, 4.5
    bars = len(drawn.labels) * (len(drawn.series) if drawn.chart.color and not drawn.chart.stacked else 1)
    return 8.0, max(3.0, 1.2 + 0.28 * bars)


def _fill(axes: Any, drawn: Plot) -> None:
    chart = drawn.chart
    axes.set_title(_plain(cut(drawn.title, 90)), loc="left")
    if chart.kind == "number":
        axes.axis("off")
        axes.text(0, 0.4, _plain(cut(drawn.value, 30)), fontsize=28, transform=axes.transAxes)
        return
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    if chart.kind == "bar":
        _bars(axes, drawn)
    elif chart.kind == "histogram":
        _histogram(axes, drawn)
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
        if drawn.mapped:
            axes.set_aspect(stretch(drawn), adjustable="datalim")
    if len(drawn.series) > 1:
        outside = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)} if chart.stacked else {}
        axes.legend(frameon=False, title=_plain(chart.color) if chart.color else None, **outside)


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


def _histogram(axes: Any, drawn: Plot) -> None:
    (series,) = drawn.series
    axes.bar(list(series.x), list(series.y), drawn.step, align="edge", color=COLORS[0], edgecolor=PAPER, linewidth=0.6)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_xlabel(_plain(drawn.chart.x))
    axes.set_ylabel(drawn.y_title)


def _bars(axes: Any, drawn: Plot) -> None:
    places = {label: i for i, label in enumerate(drawn.labels)}
    stacked = bool(drawn.chart.stacked)
    thickness = 0.8 / (1 if stacked else max(1, len(drawn.series)))
    tops = dict.fromkeys(drawn.labels, 0.0)
    bottoms = dict.fromkeys(drawn.labels, 0.0)
    labels = [_plain(one) for one in drawn.labels]
    for i, one in enumerate(drawn.series):
        shift = 0.0 if stacked else (i - (len(drawn.series) - 1) / 2) * thickness
        at = [places[x] + shift for x in one.x]
        lengths = [0.0 if y is None else y for y in one.y]
        color, name = COLORS[i % len(COLORS)], _plain(one.name)
        starts = [0.0] * len(at)
        if stacked:  # what is below 0 hangs from it
            for place, (x, length) in enumerate(zip(one.x, lengths, strict=True)):
                ends = tops if length >= 0 else bottoms
                starts[place], ends[x] = ends[x], ends[x] + length
        if drawn.horizontal:
            axes.barh(at, lengths, thickness, left=starts, color=color, label=name)
        else:
            axes.bar(at, lengths, thickness, bottom=starts, color=color, label=name)
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
