"""An error as one short block: what happened, and what to do next."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from pluto_duck.display.values import visible

if TYPE_CHECKING:
    from pluto_duck.errors import PlutoError


def error_text(error: PlutoError) -> str:
    """`StatementError: message`, the place in the SQL with a caret below it, and the hint, as far as there are any."""
    block = f"{type(error).__name__}: " + visible(error.message, keep="\n")
    if _place(error):
        block += "\n" + visible(_place(error), keep="\n")
    return block + ("\nHint: " + visible(error.hint, keep="\n") if error.hint else "")


def _place(error: PlutoError) -> str:
    """Where the SQL is wrong; not for a missing name, which can be looked for."""
    return "" if "name" in error.facts else str(error.facts.get("position") or "").rstrip()


def error_html(error: PlutoError) -> str:
    # The border alone carries the colour: text keeps the theme's, so that it can be read in any.
    message = html.escape(visible(error.message, keep="\n"))
    hint = html.escape(visible(error.hint, keep="\n"))
    place = html.escape(visible(_place(error), keep="\n"))
    return (
        '<div role="alert" class="tex2jax_ignore mathjax_ignore" style="border-left:4px solid #c62828;'
        'padding:4px 12px;white-space:pre-wrap">'
        f"<strong>{type(error).__name__}</strong>: {message}"
        + (f'<br><span style="font-family:monospace">{place}</span>' if place else "")
        + (f"<br><em>Hint: {hint}</em>" if hint else "")
        + "</div>"
    )
