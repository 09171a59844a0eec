"""Errors as one short block."""

from __future__ import annotations

from pluto_duck.display import error_html, error_text
from pluto_duck.errors import StatementError, unknown_name


def test_text_is_the_message_and_the_hint() -> None:
    error = unknown_name("table", "flight", ["flights", "planes"])
    assert error_text(error) == 'UnknownName: There is no table "flight".\nHint: Did you mean flights?'


def test_an_error_without_a_hint_is_one_line() -> None:
    assert error_text(StatementError("no")) == "StatementError: no"


def test_a_message_cannot_bring_markup_or_terminal_codes() -> None:
    error = StatementError("near <script>alert(1)</script>\x1b[2J\nline two", hint="<img src=x onerror=alert(1)>")
    assert "<script" not in error_html(error)
    assert "<img" not in error_html(error)
    assert error_text(error) == (
        "StatementError: near <script>alert(1)</script>\\x1b[2J\nline two\nHint: <img src=x onerror=alert(1)>")
