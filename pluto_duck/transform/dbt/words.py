"""The words for dbt: those that follow its command as they are, but for what we must know of ourselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pluto_duck.errors import UsageError
from pluto_duck.transform import DBT_COMMANDS
from pluto_duck.transform.dbt.model import DbtOptions

_OURS = {"--project-dir": "project", "--profiles-dir": "profiles_dir", "--profile": "profile", "--target": "target",
         "-t": "target"}
"""dbt's own options that say what an option of ours says, or where the profile is that ours is made of."""


def understood(options: DbtOptions) -> DbtOptions:
    """With those of dbt's options in their places that would else be overruled without a word."""
    found: dict[str, str] = {}
    rest: list[str] = []
    words = iter(options.args)
    for word in words:
        name, sign, value = word.partition("=")
        if name not in _OURS:
            rest.append(word)
            continue
        try:
            found[_OURS[name]] = value if sign else next(words)
        except StopIteration:
            raise UsageError(f"{name} wants a value.") from None
    if not found:
        return options
    return replace(
        options, args=tuple(rest),
        target=found.get("target", options.target), profile=found.get("profile", options.profile),
        project=Path(found["project"]) if "project" in found else options.project,
        profiles_dir=Path(found["profiles_dir"]) if "profiles_dir" in found else options.profiles_dir)


def for_dbt(options: DbtOptions) -> list[str]:
    if options.command == "docs":
        return ["docs", "generate", *_after(options.args, "generate")]
    if options.command == "source":
        return ["source", "freshness", *_after(options.args, "freshness")]
    assert options.command in DBT_COMMANDS
    return [options.command, *options.args]


def _after(args: Sequence[str], word: str) -> Sequence[str]:
    """What follows a word that dbt's users type and we know already."""
    return args[1:] if args and args[0] == word else args
