"""Tables as text and HTML."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest

from pluto_duck.display import table_bundle, table_html, table_text
from pluto_duck.display.values import screen_width, visible
from pluto_duck.workspace import Result

MIXED = '''
    SELECT * FROM (VALUES
        (1, 'plain', 1.5::DOUBLE, true, DATE '2013-07-04', 12.50::DECIMAL(9,2), [1, NULL, 3], 'a'),
        (-20, NULL, NULL, NULL, NULL, NULL, NULL, 'NULL'),
        (300, '日本語', 'nan'::DOUBLE, false, DATE '9999-12-31', -0.01, [], ''),
        (4, repeat('long ', 30), 1e20, true, DATE '0001-01-01', 0, [42], 'tab' || chr(9) || 'line' || chr(10) || 'end'),
        (5, '5 < 6 & "quotes"', 0.1, true, 'infinity'::DATE, 1, [7], chr(27) || '[31mred' || chr(27) || '[0m'))
    AS t(n, word, number, yes, day, price, "some list", "odd ""name""")
'''
EVIL = [
    "<script>alert(1)</script>", "</td></table><script>alert(1)</script>", "<img src=x onerror=alert(1)>",
    "\" onmouseover=\"alert(1)", "' onmouseover='alert(1)", "javascript:alert(1)", "<!-- ", "-->", "]]>",
    "<style>*{display:none}</style>", "&lt;script&gt;", "\x00<script>", "<svg/onload=alert(1)>", "</caption>",
    "\u202egnp.exe", "<scr\u200bipt>", "{{constructor}}", "$x^2$", "${alert(1)}",
]


class Tags(HTMLParser):
    """Every tag with its attributes, and the text of each cell."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.cells: list[str] = []
        self._open = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag in ("td", "th"):
            self.cells.append("")
            self._open = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._open = False

    def handle_data(self, data: str) -> None:
        if self._open:
            self.cells[-1] += data


def test_text_table_of_mixed_values(query: Callable[..., Result], golden: Callable[[str, str], None]) -> None:
    golden("mixed.txt", table_text(query(MIXED)))


def test_html_table_of_mixed_values(query: Callable[..., Result], golden: Callable[[str, str], None]) -> None:
    golden("mixed.html", table_html(query(MIXED)))


def test_narrow_terminal_squeezes_text_then_leaves_columns_out(
    query: Callable[..., Result], golden: Callable[[str, str], None],
) -> None:
    text = table_text(query(MIXED), width=60)
    golden("narrow.txt", text)
    assert max(screen_width(line) for line in text.split("\n")) <= 60
    assert "of 8 columns" in text


@pytest.mark.parametrize("evil", EVIL)
def test_nothing_from_the_data_becomes_markup(query: Callable[..., Result], evil: str) -> None:
    quoted = evil.replace("\0", "").replace("'", "''")
    name = evil.replace("\0", "").replace('"', '""')
    html = table_html(query(f"""SELECT '{quoted}' AS "{name}", ['{quoted}'] AS b, {{'k': '{quoted}'}} AS c"""))
    found = Tags(html)
    assert set(found.tags) <= {"div", "table", "caption", "thead", "tbody", "tr", "th", "td", "em"}
    assert found.attributes <= {"style", "class", "scope", "title"}
    shown = visible(evil.replace("\0", ""))
    assert found.cells[0] == shown
    assert found.cells[3] == shown


def test_control_and_direction_characters_are_shown_not_obeyed(query: Callable[..., Result]) -> None:
    text = table_text(query("SELECT chr(27) || ']0;owned' || chr(7) || chr(8238) || chr(155) || 'x' AS a"))
    assert "\\x1b]0;owned\\x07\\u202e\\x9bx" in text
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)


def test_html_has_no_script_style_sheet_or_foreign_address(query: Callable[..., Result]) -> None:
    html = table_html(query(MIXED))
    assert "<script" not in html
    assert "<style" not in html
    assert "http" not in html


def test_dollars_are_no_formula(query: Callable[..., Result]) -> None:
    assert "mathjax_ignore" in table_html(query("SELECT '$5 and $6' AS price"))


def test_caption_says_how_many_of_how_many(query: Callable[..., Result]) -> None:
    assert table_text(query("FROM range(336776)")).endswith("50 of 336,776 rows")
    assert ">50 of 336,776 rows<" in table_html(query("FROM range(336776)"))
    assert table_html(query("FROM range(336776)")).count("<tr>") == 51
    assert table_text(query("SELECT 1")).endswith("1 row")
    assert table_text(query("SELECT 1 WHERE false")).endswith("0 rows")
    assert table_text(query("FROM range(10)", truncated=True), max_rows=5).endswith(
        "first 5 rows; there are more than 10")


def test_numbers_are_right_aligned_and_text_left(query: Callable[..., Result]) -> None:
    lines = table_text(query("SELECT * FROM (VALUES (7, 'a'), (1234, 'bcd')) AS t(number, word)")).split("\n")
    assert lines == ["number  word", "──────  ────", "     7  a", "  1234  bcd", "2 rows"]
    html = table_html(query("SELECT 7 AS n, 'a' AS w"))
    assert re.search(r'<td style="text-align:right;white-space:nowrap">7</td><td style="text-align:left">a</td>', html)


def test_null_differs_from_the_word(query: Callable[..., Result]) -> None:
    result = query("SELECT unnest([NULL, 'NULL']) AS a")
    assert table_text(result).split("\n")[2:4] == ["NULL", '"NULL"']
    html = table_html(result)
    assert '<em style="color:#888">NULL</em>' in html
    assert ">NULL</td>" in html


def test_floats_of_a_column_line_up_at_the_point(query: Callable[..., Result]) -> None:
    lines = table_text(query("SELECT unnest([1.25, 100.0, -3.5]::DOUBLE[]) AS x")).split("\n")
    assert lines[2:5] == ["  1.25", "100.00", " -3.50"]


def test_every_type_of_duckdb_is_shown(query: Callable[..., Result]) -> None:
    result = query("SELECT * EXCLUDE (medium_enum, large_enum) FROM test_all_types()")
    text = table_text(result)
    assert "infinity" in text or "out of range" in text
    assert "999 months 999 days 00:16:39.999999" in text
    assert table_html(result).count("<tr>") == 4


def test_a_statement_without_rows_tells_its_outcome() -> None:
    def made(**facts: Any) -> Result:
        return Result(columns=(), table=None, sql="", elapsed_s=0.0, **facts)

    assert table_text(made(statement="INSERT", affected_rows=3)) == "INSERT: 3 rows"
    assert table_text(made(statement="CREATE")) == "CREATE: done"
    assert table_html(made(statement="")) == "<p>Nothing to run.</p>"


def test_bundle_has_html_and_text(query: Callable[..., Result]) -> None:
    assert set(table_bundle(query("SELECT 1"))) == {"text/html", "text/plain"}


def test_many_columns_are_capped_in_html(query: Callable[..., Result]) -> None:
    html = table_html(query("SELECT " + ", ".join(f"{i} AS c{i}" for i in range(150))))
    assert html.count("<th ") == 100
    assert "100 of 150 columns" in html
