"""ETags of runs: who has the same rows in the same form needs no second copy.

A tag is a seal (`governance/seal.py`): nobody can compute one, or learn from it what others have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pluto_duck.api.places import Place
    from pluto_duck.runs import Run


def tag_of(place: Place, run: Run, *form: object) -> str:
    """Of a run in one of its forms. A run that was answered from what another one computed has the tag of that one."""
    from pluto_duck.runs.answers import data_of

    return tag_of_data(place, data_of(place.workspace, run), *form)


def tag_of_data(place: Place, data: str, *form: object) -> str:
    from pluto_duck.governance.seal import seal

    return f'"{seal(place.workspace, "tag", data, [str(one) for one in form])[:32]}"'


def matches(header: str, tag: str) -> bool:
    """If-None-Match by weak comparison (RFC 9110 13.1.2)."""
    given = [one.strip().removeprefix("W/") for one in header.split(",")]
    return tag in given or given == ["*"]
