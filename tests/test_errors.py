"""The tree at the top of errors.py is the classes below it; an error survives the socket."""

from __future__ import annotations

import json
import pickle
import re

import pytest

from pluto_duck import errors
from pluto_duck.errors import PlutoError, from_dict, missing_extra, nearest, unknown_name

CLASSES = {kind.__name__: kind for kind in vars(errors).values()
           if isinstance(kind, type) and issubclass(kind, PlutoError)}
LINE = re.compile(r"^    (?P<branch>[ │├└─]*)(?P<name>[A-Z]\w+)(?P<transient>\*?)(?P<rest>.*)$")


def drawn() -> dict[str, tuple[str, bool, str, str]]:
    """name -> (parent, transient, exit code, HTTP status); the last two "" where they are the parent's."""
    found: dict[str, tuple[str, bool, str, str]] = {}
    above: list[str] = []
    for line in str(errors.__doc__).splitlines():
        match = LINE.match(line)
        if match is None:
            continue
        depth = (len(match["branch"]) + 3) // 4
        above[depth:] = [match["name"]]
        codes = re.search(r"exit (\d+)\s+HTTP (\d+)", match["rest"])
        found[match["name"]] = (above[depth - 1] if depth else "", bool(match["transient"]),
                                codes[1] if codes else "", codes[2] if codes else "")
    return found


def test_the_drawing_is_the_classes() -> None:
    tree = drawn()
    assert set(tree) == set(CLASSES)
    for name, (parent, transient, exit_code, status) in tree.items():
        kind = CLASSES[name]
        if parent:
            assert kind.__bases__ == (CLASSES[parent],), name
        assert kind.transient is transient, name
        if exit_code:
            assert (kind.exit_code, kind.http_status) == (int(exit_code), int(status)), name


def test_exit_codes_follow_the_family() -> None:
    for name, (parent, _transient, exit_code, _status) in drawn().items():
        if parent and not exit_code and parent != "PlutoError":
            assert CLASSES[name].exit_code == CLASSES[parent].exit_code, name


def test_codes_are_unique() -> None:
    codes = [kind.code for kind in CLASSES.values()]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("kind", CLASSES.values(), ids=CLASSES.keys())
def test_an_error_survives_the_socket_and_a_pickle(kind: type[PlutoError]) -> None:
    error = kind("It broke.", hint="Mend it.", name="é", nearest=["a", "b"], position=3)
    crossed = from_dict(json.loads(json.dumps(error.to_dict())))
    for other in (crossed, pickle.loads(pickle.dumps(error))):
        assert type(other) is kind
        assert other.to_dict() == error.to_dict()
        assert str(other) == "It broke."


def test_a_code_of_a_newer_version_is_still_an_error() -> None:
    error = from_dict({"code": "from_the_future", "message": "m", "hint": "h"})
    assert type(error) is PlutoError
    assert (error.message, error.hint, error.facts) == ("m", "h", {})


def test_fields_that_are_missing_do_not_matter() -> None:
    assert from_dict({}).message == "unknown error"
    assert from_dict({"code": "refused", "facts": None}).facts == {}


def test_the_nearest_names_come_first_whatever_their_case() -> None:
    assert nearest("FLIGTHS", ["airports", "Flights", "planes"]) == ["Flights"]
    assert nearest("zzz", ["airports"]) == []


def test_an_unknown_name_offers_what_is_near_or_what_there_is() -> None:
    near = unknown_name("table", "fligths", ["flights", "planes"])
    assert near.hint == "Did you mean flights?"
    assert near.facts == {"kind": "table", "name": "fligths", "nearest": ["flights"]}
    few = unknown_name("column", "q", ["b", "a"], where="flights")
    assert (few.message, few.hint) == ('There is no column "q" in flights.', "There are: a, b.")
    assert unknown_name("table", "q", [f"table_{i}" for i in range(99)]).hint == ""


def test_a_missing_package_names_its_extra() -> None:
    error = missing_extra("psycopg", "postgres", why="Reading PostgreSQL")
    assert error.hint == "pip install 'pluto-duck[postgres]'"
    assert "psycopg" in error.message
