"""Writes docs/settings.md and docs/commands.md from the code: `make docs`. tests/test_docs.py holds them."""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).parent


def settings() -> str:
    from pluto_duck.settings import SETTINGS, env_name

    lines = ["# Settings", "", "Later wins: default, `pluto.toml` of the workspace, environment, argument "
             "(`pluto_duck.open(workspace__host=\"server\")`).", "`pluto-duck doctor` prints each value and "
             "where it came from. Settings marked *needs trust* are ignored in a `pluto.toml`", "until "
             "`pluto-duck trust`: a folder from somebody else must not send data out.", ""]
    for one in SETTINGS:
        section, _, key = one.name.partition(".")
        default = f"`{one.default!r}`" if one.default != "" else "empty"
        facts = [one.kind, f"default {default}"]
        if one.choices:
            facts.append("one of " + ", ".join(f"`{choice}`" for choice in one.choices))
        if one.needs_trust:
            facts.append("*needs trust*")
        lines += [f"## {one.name}", "", one.help, "", "; ".join(facts) + ".",
                  f"In `pluto.toml`: `[{section}]` `{key} = ...`; environment: `{env_name(one.name)}`.", ""]
    return "\n".join(lines)


def commands() -> str:
    import click

    from pluto_duck.commands.table import EXIT_CODES, SECTIONS, Verb, pluto

    lines = ["# Commands", "", "The same verbs in a shell (`pluto-duck VERB`) and in a notebook (`%pluto VERB`). "
             "In a shell stdout is data and", "messages go to stderr.", ""]
    root = click.Context(pluto, info_name="pluto-duck", max_content_width=100, terminal_width=100)
    for section in SECTIONS:
        lines += [f"## {section}", ""]
        for name, command in pluto.commands.items():
            if isinstance(command, Verb) and command.section == section:
                with click.Context(command, parent=root, info_name=name, terminal_width=100) as inside:
                    lines += [f"### {name}", "", "```text", command.get_help(inside), "```", ""]
                    for below, one in getattr(command, "commands", {}).items():
                        with click.Context(one, parent=inside, info_name=below, terminal_width=100) as deeper:
                            lines += [f"#### {name} {below}", "", "```text", one.get_help(deeper), "```", ""]
    lines += ["## Exit codes", "", "| code | meaning |", "|---|---|"]
    lines += [f"| {code} | {meaning} |" for code, meaning in EXIT_CODES]
    lines += ["", "## Formats", "",
              "`--format csv`: RFC 4180 with a header; NULL is an empty field, an empty text is `\"\"`.",
              "`--format json`: a list of objects, one a line (`ask`: one object with the rows in it). Decimals are "
              "text, so that no digit is lost;", "times are ISO 8601; bytes are hexadecimal; a float that is no "
              "number is `\"NaN\"`, `\"Infinity\"` or `\"-Infinity\"`.", ""]
    return "\n".join(lines)


PAGES = {"settings.md": settings, "commands.md": commands}


def main() -> int:
    for name, write in PAGES.items():
        (DOCS / name).write_text(write(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
