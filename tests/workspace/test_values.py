"""Values of results as Python has them, where Arrow's own conversion gives up."""

from __future__ import annotations

from typing import Any

import pytest

from pluto_duck.session import Session


def parts(value: Any) -> Any:
    """Without the names of a struct: 2.0 gives those of row(1, 2) a name, on 1.5 both have the same."""
    if isinstance(value, dict | list | tuple):
        return [parts(one) for one in (value.values() if isinstance(value, dict) else value)]
    return value


@pytest.mark.parametrize(("sql", "value"), [
    ("row('a', 1)", ["a", 1]), ("[row(1, 2)]", [[1, 2]]), ("{'k': row(1, NULL)}", [[1, None]]), ("{'a': 1}", [1])])
def test_a_struct_without_names_can_be_read(session: Session, sql: str, value: object) -> None:
    assert parts(session.query(f"SELECT {sql} AS x").scalar()) == value
