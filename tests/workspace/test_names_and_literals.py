"""Quoting of names, SQL literals, and the lexer they rest on."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pluto_duck.errors import UsageError
from pluto_duck.workspace import TableRef, quote
from pluto_duck.workspace.database import open_memory
from pluto_duck.workspace.literals import encode, to_sql
from pluto_duck.workspace.parser import Parser

MEMORY = open_memory()


@pytest.mark.parametrize(("text", "schema", "name"), [
    ("orders", "main", "orders"),
    ("raw.orders", "raw", "orders"),
    ('"My Schema"."odd.name"', "My Schema", "odd.name"),
    ('"a""b"', "main", 'a"b'),
    (" spaced ", "main", "spaced"),
])
def test_a_name_is_read_as_sql_reads_it(text: str, schema: str, name: str) -> None:
    assert TableRef.parse(text) == TableRef(name, schema)


@pytest.mark.parametrize("text", ["", ".", "a.", "a.b.c", '"open', 'x"\0"', '""'])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        TableRef.parse(text)


@given(st.text(min_size=1).filter(lambda s: "\0" not in s and not any(0xD800 <= ord(c) <= 0xDFFF for c in s)))
@settings(max_examples=200, deadline=None)
def test_any_text_can_be_a_name(name: str) -> None:
    row = MEMORY.execute(f"SELECT 1 AS {quote(name)}")
    assert row.description[0][0] == name
    assert TableRef.parse(TableRef(name).sql) == TableRef(name)
    for ref in (TableRef(name), TableRef("t", name)):
        [pasted] = shlex.split(ref.shell)
        assert TableRef.parse(pasted) == ref


@given(st.recursive(
    st.none() | st.booleans() | st.integers(-(2**100), 2**100) | st.decimals(allow_nan=False, allow_infinity=False, places=4,
                                                                            min_value=-(10**20), max_value=10**20)
    | st.text(st.characters(exclude_categories=["Cs"])) | st.binary(max_size=40) | st.dates() | st.uuids(),
    lambda one: st.lists(one, min_size=1, max_size=1), max_leaves=3))
@settings(max_examples=300, deadline=None)
def test_a_literal_gives_back_the_value(value: object) -> None:
    assert MEMORY.execute(f"SELECT {to_sql(encode(value))}").fetchone()[0] == value


@given(st.floats(allow_nan=False))
def test_a_float_keeps_every_bit(value: float) -> None:
    assert MEMORY.execute(f"SELECT {to_sql(encode(value))}").fetchone()[0] == value


def test_what_has_no_literal_is_refused_by_its_type() -> None:
    with pytest.raises(UsageError, match=r"\$x is a object"):
        encode(object(), name="x")


def test_tokens_are_those_of_the_engine() -> None:
    tokens = Parser().tokens("select 'it''s $x', \"b c\" -- $y\n from t where a >= $z /* $w */ and ü = 1")
    assert [(t.kind, t.text) for t in tokens if t.kind in ("string", "identifier")] == [
        ("string", "'it''s $x'"), ("identifier", '"b c"'), ("identifier", "t"), ("identifier", "a"),
        ("identifier", "z"), ("identifier", "ü")]


def test_strings_of_every_spelling_are_one_token() -> None:
    tokens = Parser().tokens("select E'a b\\'c', $$d e$$, $tag$f $$ g$tag$, 'h i' -- j")
    assert [t.text for t in tokens if t.kind == "string"][1:] == ["$$d e$$", "$tag$f $$ g$tag$", "'h i'"]
