"""`backup` and `restore`: copies of the workspace to go back to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pluto_duck.commands import Door, Rows
from pluto_duck.commands.group import SECTIONS, Whole, verb
from pluto_duck.errors import Refused, UsageError

if TYPE_CHECKING:
    from pluto_duck.workspace import Workspace
    from pluto_duck.workspace.manifest import Manifest


@verb(SECTIONS[3], "backup", "backup --keep 7", "backup /mnt/usb/shop-2026", "backup --list", "backup --verify latest")
@click.argument("target", required=False, metavar="[FOLDER]")
@click.option("--keep", type=Whole(1), metavar="N", help="Leave only the newest N in the workspace's own folder.")
@click.option("--list", "listing", is_flag=True, help="Show the backups there are.")
@click.option("--verify", "verified", metavar="BACKUP", help="Read every byte of one, open it and count.")
def backup(door: Door, target: str | None, keep: int | None, listing: bool, verified: str | None) -> object:
    """Copy the workspace into a folder, while others write to it.

    All tables come from one moment, with their views, keys and history; the copy is opened and counted before
    it gets its name. Without FOLDER it goes into .pluto-duck/backups.
    """
    from pluto_duck.session.backup import back_up, backups, find_backup, verify

    if listing + bool(verified) + bool(target or keep) > 1:
        raise UsageError("--list and --verify stand alone.")
    if listing:
        return Rows(("backup", "made", "tables", "rows", "bytes", "note"), tuple(
            (one.path.name, one.manifest.made_at, _tables(one.manifest), one.manifest.rows, one.manifest.bytes,
             one.manifest.note) for one in backups(_workspace(door))), "There are no backups yet.")
    if verified is not None:
        path = find_backup(_workspace(door), verified)
        found = verify(path)
        return f"{path} is whole: {_said(found)}, as of {found.made_at}."
    from pluto_duck.commands.asking import recorded

    session = door.open_session()
    made = recorded(session, "backup", target or "", lambda: back_up(
        session, Path(target) if target else None, keep=keep))
    return f"{_said(made.manifest)} -> {made.path}"


@verb(SECTIONS[3], "restore latest", "restore 2026-11-22T02-04-02Z --into ~/as-it-was",
      "restore latest --discard-newer")
@click.argument("backup")
@click.option("--into", metavar="FOLDER", help="Make a workspace of its own there, and leave this one as it is.")
@click.option("--discard-newer", is_flag=True, help="Go back even where newer data would be lost.")
@click.option("--control", is_flag=True, help="Take the history, keys and schedules back to then, too.")
@click.option("--yes", is_flag=True, help="Don't ask.")
def restore(door: Door, backup: str, into: str | None, discard_newer: bool, control: bool, yes: bool) -> str:
    """Bring a backup back: a path, a name from `backup --list`, or `latest`.

    It is verified before anything is touched. In place, a backup of the present state is made first, and data
    newer than the backup is not given up unless you say so.
    """
    from pluto_duck.session.backup import find_backup
    from pluto_duck.session.restore import restore as put_back
    from pluto_duck.session.restore import restore_into

    workspace = _workspace(door)
    path = find_backup(workspace, backup)
    if into is not None:
        if discard_newer or control:
            raise UsageError("--discard-newer and --control have no meaning with --into.")
        made = restore_into(path, Path(into))
        return f"A workspace as of {made.manifest.made_at} in {made.workspace.root}: {_said(made.manifest)}."
    if not yes:
        question = f"Put {path} in the place of what {workspace.root} holds now?"
        if door.ask is None or not door.interactive:
            raise Refused(question, hint=f"If so: {door.program} restore {backup}"
                          f"{' --discard-newer' if discard_newer else ''}{' --control' if control else ''} --yes")
        if not door.ask(question):
            return "Nothing was changed."
    done = put_back(workspace, path, open_session=door.open_session, discard_newer=discard_newer, control=control)
    before = f"\nWhat was here before: {done.before}" if done.before else ""
    return f"{workspace.root} is as of {done.manifest.made_at}: {_said(done.manifest)}.{before}"


def _workspace(door: Door) -> Workspace:
    """Without opening its database: it may be what is damaged."""
    from pluto_duck.workspace import find

    return find(door.workspace) if door.kind == "shell" else door.open_session().workspace


def _tables(manifest: Manifest) -> int:
    return sum(one.schema != "_pluto" for one in manifest.tables)


def _said(manifest: Manifest) -> str:
    tables = _tables(manifest)
    return f"{tables} table{'s' if tables != 1 else ''}, {manifest.rows:,} row{'s' if manifest.rows != 1 else ''}"
