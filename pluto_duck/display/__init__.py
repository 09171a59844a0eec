"""What a reader sees: tables, charts and errors as text, as HTML without scripts, as static images.

Nothing here knows IPython, click or HTTP; the doors hand these strings and bundles on.
"""

from __future__ import annotations

from pluto_duck.display.chart import Chart, chart_of
from pluto_duck.display.draw import chart_bundle, chart_png, chart_summary, chart_svg
from pluto_duck.display.errors import error_html, error_text
from pluto_duck.display.finding import finding
from pluto_duck.display.picking import barred, fitting_charts, pick_chart
from pluto_duck.display.table import caption, table_bundle, table_html, table_text

__all__ = [
    "Chart", "barred", "caption", "chart_bundle", "chart_of", "chart_png", "chart_summary", "chart_svg",
    "error_html", "error_text", "finding", "fitting_charts", "pick_chart", "table_bundle", "table_html", "table_text",
]
