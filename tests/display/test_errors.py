"""Errors as one short block."""

from __future__ import annotations

from pluto_duck.display import error_html, error_text
from pluto_duck.errors import StatementError, unknown_name


def test_text_is_the_message_and_the_hint() -> None:
    error = unknown_name("table", "flight", ["flights", "planes"])
    assert error_text(error) == 'UnknownName: There is no table "flight".\nHint: Did you mean flights?'


def test_the_place_in_the_sql_is_shown_with_its_caret() -> None:
    error = StatementError("syntax error", hint="Look.", position="LINE 2: selct <1>\n        ^")
    assert error_text(error) == "StatementError: syntax error\nLINE 2: selct <1>\n        ^\nHint: Look."
    assert '<span style="font-family:monospace">LINE 2: selct &lt;1&gt;\n        ^</span>' in error_html(error)


def test_a_missing_name_is_told_without_its_place() -> None:
    error = unknown_name("table", "flight", ["flights"])
    error.facts["position"] = "LINE 1: from flight"
    assert "LINE" not in error_text(error)


def test_an_error_without_a_hint_is_one_line() -> None:
    assert error_text(StatementError("no")) == "StatementError: no"


def test_a_message_cannot_bring_markup_or_terminal_codes() -> None:
    error = StatementError("near <script>alert(1)</script>\x1b[2J\nline two", hint="<img src=x onerror=alert(1)>")
    assert "<script" not in error_html(error)
    assert "<img" not in error_html(error)
    assert error_text(error) == (
        "StatementError: near <script>alert(1)</script>\\x1b[2J\nline two\nHint: <img src=x onerror=alert(1)>")
