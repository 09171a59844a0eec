"""What is asked of dbt, and what it did."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Status = Literal["running", "ok", "warned", "failed", "skipped"]


@dataclass(frozen=True)
class DbtOptions:
    command: str = "build"
    project: Path | None = None
    """The folder with dbt_project.yml; None: the nearest one from here upward, then below the workspace."""
    args: tuple[str, ...] = ()
    """Further words for dbt itself, after the command."""
    target: str | None = None
    threads: int | None = None
    profiles_dir: Path | None = None
    """Where profiles.yml is; None: where dbt looks for it."""
    profile: str | None = None
    """None: the one that the project names."""
    own_profile: bool = False
    """Leave the project's profile as it is: it builds where that says, not in the workspace."""
    check: bool = False
    """Each table that checks.yaml speaks of is held against it before its node is done; else those that ask for it."""
    lend: bool = False
    """Give dbt the database file itself while everybody else waits: for what needs DuckDB in dbt's own process."""


@dataclass(frozen=True)
class DbtNode:
    """A model, test, seed, snapshot or hook that ran."""

    unique_id: str
    name: str
    kind: str
    """`model`, `test`, `seed`, `snapshot`, `operation`, ... in dbt's words."""
    status: Status
    elapsed_s: float = 0.0
    message: str = ""
    relation: str = ""
    materialized: str = ""
    path: str = ""
    """Of its source file, relative to the project."""
    compiled: str = ""
    """The SQL as it ran; of nodes that failed."""
    failures: int | None = None
    """Rows that a test found wrong."""
    total: int = 0
    """Nodes that the command runs; 0 while dbt has not said."""


@dataclass(frozen=True)
class DbtReport:
    command: str
    project: Path
    nodes: tuple[DbtNode, ...] = ()
    elapsed_s: float = 0.0
    text: str = ""
    """What `ls`, `show` and `compile` print."""
    problem: str = ""
    """Why dbt stopped before or beside its nodes: a project that can't be parsed."""

    @property
    def failed(self) -> tuple[DbtNode, ...]:
        return tuple(one for one in self.nodes if one.status == "failed")

    @property
    def ok(self) -> bool:
        return not self.problem and not self.failed

    def counts(self) -> dict[Status, int]:
        found: dict[Status, int] = {}
        for node in self.nodes:
            found[node.status] = found.get(node.status, 0) + 1
        return found
