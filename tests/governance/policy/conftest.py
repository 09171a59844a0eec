"""A workspace with a policy, and sessions of people made up for a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pluto_duck.governance import Actor, trust
from pluto_duck.governance.policy.file import FILE, wanted
from pluto_duck.governance.policy.reading import read
from pluto_duck.session import Result, Session, Stream
from pluto_duck.workspace import Workspace, create


class Apart(Session):
    """Whose SQL goes the way of an API key's: through a reader, over a snapshot as of now."""

    def query(self, sql: str, *_args: Any, max_rows: int | None = None, timeout_s: float | None = None,
              **_options: Any) -> Result:
        return self.query_apart(sql, max_rows=max_rows, timeout_s=timeout_s, max_age_s=0)

    def stream(self, sql: str, *_args: Any, **_options: Any) -> Stream:
        return self.stream_apart(sql, max_age_s=0)


class Company:
    """The owner's session, and everybody else's."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.owner = Session.open(workspace.root)
        self._others: list[Session] = []

    @property
    def file(self) -> Path:
        return self.workspace.root / FILE

    def allow(self, text: str) -> None:
        """Writes the policy, and the owner has seen it."""
        self.file.write_text(text, encoding="utf-8")
        trust.grant(self.workspace, FILE, wanted(read(text)[1]))

    def as_(self, *roles: str, kind: Any = "key", name: str = "somebody", apart: bool = False, **claims: Any) -> Session:
        session = (Apart if apart else Session).open(self.workspace.root, actor=Actor(kind, name, roles, claims))
        self._others.append(session)
        return session

    def close(self) -> None:
        for one in self._others:
            one.close()
        self.owner.close()


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    made = Company(create(tmp_path / "company"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def companies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Company]]:
    """For a module that shares one; what was allowed stands in the home, which must last as long (`lasting_home`)."""
    made = list[Company]()

    def make() -> Company:
        made.append(Company(create(tmp_path_factory.mktemp("company") / "w")))
        return made[-1]

    yield make
    for one in made:
        one.close()


def lasting_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A module's own `_home`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLUTODUCK_HOME", str(tmp_path_factory.mktemp("home")))
        yield


def rows(session: Session, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in session.query(sql).rows()]
