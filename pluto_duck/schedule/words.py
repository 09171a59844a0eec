"""Which verbs may run by themselves, and whether a line of one can be understood: asked when a schedule is made, and
again before each firing, since a verb may be gone by then.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pluto_duck.errors import Refused, UsageError

if TYPE_CHECKING:
    from pluto_duck.session import Session

NEVER = {
    "serve": "it does not end", "lend": "it does not end", "schedule": "a schedule does not make others",
    "trust": "consent is a person's", "approvals": "a decision is a person's", "keys": "it shows secrets",
    "webhooks": "it shows secrets", "connections": "it asks for secrets", "init": "it makes another workspace",
    "demo": "it is a tour for a person", "help": "it only tells", "restore": "it replaces the workspace"}
MOST_ARGUMENTS, LONGEST = 200, 10_000
_DUE = re.compile(r"\{due(?::([^{}]{1,60}))?\}")


def filled(args: Sequence[str], due: dt.datetime) -> tuple[str, ...]:
    """With the time that the run is for in the place of {due} (2026-03-29T06:00:00+02:00) and {due:%Y-%m-%d}."""
    return tuple(_DUE.sub(lambda found: due.strftime(found[1]) if found[1] else due.isoformat(), one) for one in args)


def checked(args: Sequence[str]) -> dict[str, Any]:
    """The verb's own arguments, by name. Raises UsageError with its usage, or Refused for what must not run
    unattended."""
    import click

    from pluto_duck.commands import Door
    from pluto_duck.commands.table import Told, pluto
    from pluto_duck.workspace.blot import blotted

    if not args:
        raise UsageError("There is no verb to run.", hint='schedule add "0 6 * * *" -- ingest sales.csv')
    if len(args) > MOST_ARGUMENTS or sum(map(len, args)) > LONGEST or any("\0" in one for one in args):
        raise UsageError("These arguments can't be kept for a schedule.", hint="Put what is long into a file.")
    if args[0].startswith("-"):
        raise UsageError(f"{args[0]}: a schedule begins with a verb, and runs in its own workspace.",
                         hint='schedule add "0 6 * * *" -- ingest sales.csv')
    if args[0] in NEVER:
        raise Refused(f"`{args[0]}` can't be scheduled: {NEVER[args[0]]}.",
                      hint="ingest, run-dbt, backup, query, export and their like can.")
    if any(blotted(one) != one for one in args):
        raise Refused("There is a secret in these arguments, and schedules are kept in the workspace.",
                      hint="connections add NAME keeps it in the keyring; then: ingest --from NAME")
    root = click.Context(pluto, info_name="pluto-duck", obj=Door(_nobody))
    context, command, rest = root, pluto, list(filled(args, dt.datetime(2026, 1, 1, tzinfo=dt.UTC)))
    try:
        while True:
            name, found, rest = command.resolve_command(context, rest)
            assert found is not None
            if not isinstance(found, click.Group):
                with found.make_context(name, rest, parent=context) as read:
                    return read.params
            context, command = click.Context(found, parent=context, info_name=name), found  # type: ignore[assignment]
            if not rest:
                return {}  # a family by itself is its list
    except Told:
        raise UsageError("There is nothing to run in a line that asks for help.") from None
    except click.UsageError as error:
        usage = (error.ctx or context).get_usage()
        raise UsageError(blotted(error.format_message()), hint=usage) from None
    except click.ClickException as error:
        raise UsageError(blotted(error.format_message())) from None


def _nobody() -> Session:
    raise UsageError("A line is only read here, not run.")
