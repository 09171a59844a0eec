"""What the files of a folder want beyond the harmless, and whether its owner has allowed it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pluto_duck.errors import Untrusted
from pluto_duck.governance import trust
from pluto_duck.governance.policy import FILE
from pluto_duck.ingest import recipe
from pluto_duck.settings import wants_trust
from pluto_duck.workspace import Workspace


@dataclass(frozen=True)
class Wish:
    """Of one file, as it was read: what is granted is what was shown."""

    path: Path
    wanted: Mapping[str, Any]
    granted: bool

    @property
    def to_do(self) -> str:
        return {recipe.FILE: "to load", FILE: "to grant"}.get(self.path.name, "to set")

    @property
    def lines(self) -> str:
        if self.path.name == FILE:
            return "\n".join(_granted(name, grant) for name, role in self.wanted.items() for grant in role["grants"])
        if self.path.name != recipe.FILE:
            return "\n".join(f"  {name} = {value!r}" for name, value in self.wanted.items())
        return "\n".join(f"  {name}: " + ", ".join(f"{key} = {value!r}" for key, value in entry.items()
                                                   if key != "name") for name, entry in self.wanted.items())


def wishes(workspace: Workspace) -> list[Wish]:
    """Of pluto.toml, ingest.toml and policy.yaml; none for a file that wants nothing."""
    settings = wants_trust(workspace.toml)
    found = [Wish(workspace.toml, settings, trust.trusts(workspace, "", settings))]
    path = workspace.root / recipe.FILE
    if path.exists():
        loads = recipe.read(path).wanted
        found.append(Wish(path, loads, trust.trusts(workspace, recipe.FILE, loads)))
    path = workspace.root / FILE
    if path.exists():
        grants = policy_of(path)
        found.append(Wish(path, grants, trust.trusts(workspace, FILE, grants)))
    return [one for one in found if one.wanted]


def policy_of(path: Path) -> Mapping[str, Any]:
    """What a policy.yaml grants, by role. Raises PolicyError."""
    from pluto_duck.governance.policy.file import text_of, wanted
    from pluto_duck.governance.policy.reading import read

    return wanted(read(text_of(path))[1])


def _granted(role: str, grant: Mapping[str, Any]) -> str:
    def listed(value: Any) -> str:
        if isinstance(value, Mapping):
            return ", ".join(f"{name}: {listed(one)}" for name, one in value.items())
        return value if isinstance(value, str) else ", ".join(map(str, value))

    rest = "".join(f", {name} {listed(value)}" for name, value in grant.items() if name not in ("tables", "actions"))
    return f"  {role}: {listed(grant['actions'])} on {listed(grant['tables'])}{rest}"


def grant(workspace: Workspace, wish: Wish) -> None:
    trust.grant(workspace, "" if wish.path == workspace.toml else wish.path.name, wish.wanted)


def forget(workspace: Workspace) -> None:
    trust.forget(workspace)


def trusted(workspace: Workspace, read: recipe.Recipe) -> bool:
    return trust.trusts(workspace, recipe.FILE, read.wanted)


def allow(workspace: Workspace, read: recipe.Recipe) -> None:
    trust.grant(workspace, recipe.FILE, read.wanted)


def require(workspace: Workspace, read: recipe.Recipe) -> None:
    """Raises Untrusted, naming what the recipe wants, unless its owner has seen it as it is now."""
    if not trusted(workspace, read):
        wish = Wish(read.path, read.wanted, granted=False)
        raise Untrusted(f"{wish.path} reads more than the files of its own folder:\n{wish.lines}",
                        hint="If that is what you want: pluto-duck trust")
