"""A Result as a table: plain text for terminals, HTML without script for notebooks and their exports."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from pluto_duck.display.values import (
    NULL,
    column_texts,
    cut,
    is_number,
    screen_width,
    visible,
)

if TYPE_CHECKING:
    from pluto_duck.workspace.result import Result

CELL_WIDTH = 80
"""Characters of one value that are shown; the rest is cut, with an ellipsis."""
HTML_COLUMNS = 100
NARROWEST = 12
"""A text column of a terminal table is squeezed to this before columns are left out."""
GAP = "  "
BAR = 24
"""Places of the longest bar beside a table."""
BARS_FIT = 120
_EIGHTHS = "▏▎▍▌▋▊▉"


def caption(result: Result, shown: int, *, columns: int | None = None) -> str:
    """`50 of 336,776 rows`; says also when the statement had more rows than were kept, and when
    columns are left out."""
    total = result.row_count
    if result.truncated:
        rows = f"first {shown:,} rows; there are more than {total:,}"
    elif shown < total:
        rows = f"{shown:,} of {total:,} rows"
    else:
        rows = f"{total:,} row" + ("" if total == 1 else "s")
    if columns is not None and columns < len(result.columns):
        rows += f", {columns} of {len(result.columns)} columns"
    return rows


def outcome(result: Result) -> str:
    """One line for a statement that returns no rows."""
    count = result.affected_rows
    if count is not None:
        return f"{result.statement}: {count:,} row{'' if count == 1 else 's'}"
    return f"{result.statement}: done" if result.statement else "Nothing to run."


def _cells(result: Result, max_rows: int) -> list[list[str | None]]:
    """Column by column; None for NULL."""
    texts = []
    for values, column in zip(result.values(max_rows), result.columns, strict=True):
        cells = column_texts(values, column.type)
        texts.append([None if one is None else cut(one, CELL_WIDTH) for one in cells])
    return texts


def table_text(result: Result, *, max_rows: int = 50, width: int | None = None, bars: str = "") -> str:
    """A plain table with its caption below. With a `width`, text is squeezed and then columns in the
    middle are left out until a line fits; without one, lines are as long as they need to be. `bars`: a
    column that is drawn beside the table, where there is room."""
    if not result.has_rows:
        return outcome(result)
    names = [cut(visible(column.name), CELL_WIDTH) for column in result.columns]
    # A text that reads NULL is quoted, so that the two can be told apart.
    columns = [[NULL if one is None else '"NULL"' if one == NULL else one for one in cells]
               for cells in _cells(result, max_rows)]
    right = [is_number(column.type) for column in result.columns]
    widths = [max(map(screen_width, [name, *cells])) for name, cells in zip(names, columns, strict=True)]
    picked = list(range(len(names)))
    if width is not None:
        widths = _squeezed(widths, right, width)
        picked = _fitting(widths, width)
    lines = [_line([names[i] for i in picked], [widths[i] for i in picked], [right[i] for i in picked]),
             GAP.join("─" * widths[i] for i in picked)]
    shown = min(max_rows, result.row_count)
    drawn = _bars(result, bars, shown, (width or BARS_FIT) - screen_width(lines[1]))
    for row in range(shown):
        line = _line([columns[i][row] for i in picked], [widths[i] for i in picked], [right[i] for i in picked])
        gap = screen_width(lines[1]) - screen_width(line)
        lines.append((line + " " * gap + drawn[row]).rstrip())
    lines.append(caption(result, shown, columns=len(picked)))
    return "\n".join(lines)


def _bars(result: Result, column: str, shown: int, room: int) -> list[str]:
    """A bar for each row; empty where there is no room, no row above 0, or one below it."""
    from pluto_duck.display.figures import numbers_of

    width = min(room - 2 * len(GAP), BAR)
    if not column or width < BAR / 4:
        return [""] * shown
    names = [one.name for one in result.columns]
    values = numbers_of(result.values(shown)[names.index(column)])
    most = max((float(one) for one in values if one is not None), default=0.0)
    if most <= 0 or any(one is not None and one < 0 for one in values):
        return [""] * shown
    return [GAP + _bar(0.0 if one is None else float(one) / most * width) for one in values]


def _bar(length: float) -> str:
    """In eighths of a character."""
    eighths = round(length * 8)
    return "█" * (eighths // 8) + (_EIGHTHS[eighths % 8 - 1] if eighths % 8 else "")


def _line(cells: list[str], widths: list[int], right: list[bool]) -> str:
    padded = []
    for cell, width, is_right in zip(cells, widths, right, strict=True):
        cell = cut(cell, width)
        gap = " " * (width - screen_width(cell))
        padded.append(gap + cell if is_right else cell + gap)
    return GAP.join(padded).rstrip()


def _squeezed(widths: list[int], right: list[bool], width: int) -> list[int]:
    """Takes from the widest text column first; a number is never cut."""
    widths = list(widths)
    texts = [i for i, is_right in enumerate(right) if not is_right]
    over = sum(widths) + len(GAP) * (len(widths) - 1) - width
    while over > 0 and texts:
        widest = max(texts, key=lambda i: widths[i])
        if widths[widest] <= NARROWEST:
            break
        widths[widest] -= 1
        over -= 1
    return widths


def _fitting(widths: list[int], width: int) -> list[int]:
    """Columns from both ends inward, as many as fit; at least the first."""
    order: list[int] = []
    left, right = 0, len(widths) - 1
    while left <= right:
        order.append(left)
        if right != left:
            order.append(right)
        left, right = left + 1, right - 1
    picked, used = [order[0]], widths[order[0]]
    for i in order[1:]:
        used += len(GAP) + widths[i]
        if used > width:
            break
        picked.append(i)
    return sorted(picked)


# No <style> and no colours but one grey: the page's own theme, light or dark, must be able to show it.
# The two classes keep MathJax from reading `$5 and $6` as a formula.
_OPEN = ('<div style="overflow-x:auto"><table class="dataframe tex2jax_ignore mathjax_ignore" '
         'style="border-collapse:collapse">')
_NULL = '<em style="color:#888">NULL</em>'


def table_html(result: Result, *, max_rows: int = 50) -> str:
    """A plain `<table>`: everything from the data escaped, no script, no style sheet; a column's type is
    its heading's tooltip."""
    if not result.has_rows:
        return f"<p>{html.escape(outcome(result))}</p>"
    columns = result.columns[:HTML_COLUMNS]
    cells = _cells(result, max_rows)[:HTML_COLUMNS]
    styles = [_style(column.type) for column in columns]
    shown = min(max_rows, result.row_count)
    out = [_OPEN, '<caption style="caption-side:bottom;text-align:left">',
           html.escape(caption(result, shown, columns=len(columns))), "</caption>\n<thead><tr>"]
    for column, style in zip(columns, styles, strict=True):
        name = html.escape(cut(visible(column.name), CELL_WIDTH))
        kind = html.escape(cut(visible(column.type), CELL_WIDTH))
        out.append(f'<th scope="col" style="{style}" title="{kind}">{name}</th>')
    out.append("</tr></thead>\n<tbody>\n")
    for row in range(shown):
        out.append("<tr>")
        for values, style in zip(cells, styles, strict=True):
            value = values[row]
            out.append(f'<td style="{style}">{_NULL if value is None else html.escape(value)}</td>')
        out.append("</tr>\n")
    out.append("</tbody></table></div>")
    return "".join(out)


def _style(kind: str) -> str:
    """Texts may wrap; a number or a time that did would make every row two lines high."""
    if is_number(kind):
        return "text-align:right;white-space:nowrap"
    return "text-align:left" + (";white-space:nowrap" if kind.startswith(("DATE", "TIME", "INTERVAL", "UUID")) else "")


def table_bundle(result: Result, *, max_rows: int = 50) -> dict[str, Any]:
    """What survives export: HTML for pages, text for everything else."""
    return {"text/html": table_html(result, max_rows=max_rows),
            "text/plain": table_text(result, max_rows=max_rows)}
