from __future__ import annotations

from collections.abc import Iterator

import pytest

from pluto_duck.governance.audit import Chain, Entry, Who
from pluto_duck.workspace import Workspace


@pytest.fixture
def chain(workspace: Workspace) -> Iterator[Chain]:
    made = Chain(workspace)
    yield made
    made.close()


def entries(count: int, first: int = 0) -> list[Entry]:
    return [Entry("read", Who("key", f"key {i % 3}", f"id{i % 3}", roles=("eu",)), "rest", (f"main.t{i % 5}",), rows=i,
                  ms=1.5, at=1_000_000 + i) for i in range(first, first + count)]
