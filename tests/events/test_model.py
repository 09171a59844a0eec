"""Positions of changes."""

import pytest

from pluto_duck.errors import UsageError
from pluto_duck.events.model import Position


def test_a_position_reads_what_it_writes_and_sorts_as_changes_follow_each_other() -> None:
    places = [Position(), Position(3), Position(3, 2), Position(3, 11), Position(3, Position.LAST), Position(12, 1)]
    assert sorted(places, reverse=True) == places[::-1]
    assert [Position.parse(str(one)) for one in places] == places
    assert [str(one) for one in places] == ["0.0", "3.0", "3.2", "3.11", "3", "12.1"]
    assert Position.parse("0") < Position(1, 1)


@pytest.mark.parametrize("text", ["", "x", "-1", "1.", "1.2.3", "1" * 19, "1.0e3", "१"])
def test_what_is_no_position_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError) as told:
        Position.parse(text)
    assert "12.3" in told.value.hint
