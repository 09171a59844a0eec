"""`ingest --all`, `--only` and `--save`: the loads that ingest.toml keeps."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pluto_duck.commands import Door, trusting
from pluto_duck.commands.load_place import Place, saved_place
from pluto_duck.commands.load_run import apart
from pluto_duck.errors import Cancelled, PartlyLoaded, PlutoError, UsageError

if TYPE_CHECKING:
    from pluto_duck.ingest import LoadOptions
    from pluto_duck.ingest.recipe import Source
    from pluto_duck.workspace import Workspace


def each_source(door: Door, only: tuple[str, ...], load: Callable[[Place, LoadOptions], object]) -> Iterator[object]:
    """What `load` makes of each source of the recipe, as they come; what failed is raised at the end."""
    from pluto_duck.ingest import recipe

    workspace = door.open_session().workspace
    found = recipe.read(workspace.root / recipe.FILE)
    trusting.require(workspace, found)
    picked = found.pick(only)
    if not picked:
        raise UsageError(f"{found.path} has no sources yet.", hint=f"{door.program} ingest FILE --save")
    failed: list[tuple[Source, PlutoError]] = []
    for source in picked:
        try:
            yield load(_place(door, workspace, source), source.options)
        except Cancelled:
            raise
        except PartlyLoaded as error:
            failed.append((source, error))
            if error.report is not None:
                yield error.report
        except PlutoError as error:
            failed.append((source, error))
    if len(picked) == 1 and failed:
        raise failed[0][1]
    if failed:
        raise PartlyLoaded(
            f"{len(failed)} of {len(picked)} sources failed.\n" + "\n".join(
                f"  {source.name}: {error.message}" for source, error in failed),
            hint=f"What arrived is kept. Again, for these alone: {door.program} ingest "
                 + " ".join(f"--only {source.name}" for source, _ in failed),
            failed={source.name: error.to_dict() for source, error in failed})


def _place(door: Door, workspace: Workspace, source: Source) -> Place:
    if source.connection is not None:
        there = saved_place(door, source.connection)
        return replace(there, connector=source.options.connector or there.connector)
    uri = source.place(workspace.root)
    return Place(uri, apart(uri)[0], source.options.connector)


def entry_name(given: str, there: Place, options: LoadOptions) -> str:
    """What was said, or the connection, the table that is filled, the file or the database."""
    if given:
        return given
    if there.connection:
        return there.connection
    if options.into and not options.into.endswith(".*"):
        return options.into
    last = re.split(r"[/\\=:]", re.sub(r"[?#].*", "", there.shown).rstrip("/"))[-1]
    return re.sub(r"[^\w-]+", "_", last.split(".")[0]).strip("_") or "source"


def saving(door: Door, name: str, there: Place, options: LoadOptions, *, force: bool) -> Callable[[], str]:
    """What writes the load into ingest.toml, once it has worked, and says so. Raises now what would stop it then."""
    from pluto_duck.ingest import recipe
    from pluto_duck.ingest.recipe_writing import refuse_other
    from pluto_duck.ingest.recipe_writing import save as write

    if there.frame is not None:
        raise UsageError(f"{there.frame} lives in this notebook: there is no address to load it from again.",
                         hint="Load it without --save.")
    if there.secret is not None and there.connection is None:
        raise UsageError("That address holds a password, and ingest.toml is not the place for one.",
                         hint=f"{door.program} connections add NAME URI, then {door.program} ingest --from NAME --save")
    workspace = door.open_session().workspace
    path = workspace.root / recipe.FILE
    entry = recipe.written(entry_name(name, there, options), connection=there.connection,
                           uri=None if there.connection else _portable(str(there.typed), workspace.root, options),
                           options=options)
    refuse_other(path, entry, force=force)

    def save() -> str:
        trusted = not path.exists() or trusting.trusted(workspace, recipe.read(path))
        done = write(path, entry, force=force)
        if trusted:
            # Who saves it has seen it. What stood there unseen before stays untrusted.
            trusting.allow(workspace, recipe.read(path))
        again = f"Again: {door.program} ingest --only {entry['name']}, or --all."
        if done == "unchanged":
            return f"{path} has this source already, as {entry['name']}. {again}"
        return f"Saved as {entry['name']} in {path}. {again}"

    return save


def _portable(uri: str, root: Path, options: LoadOptions) -> str:
    """A path inside the workspace from its folder, so that the folder can move; another one in full."""
    from pluto_duck.ingest.recipe import Source, is_path

    if not is_path(Source("", uri, None, options, {})):
        return uri
    whole = Path(uri).expanduser().absolute()
    for one in (whole, whole.parent.resolve() / whole.name):
        if one.is_relative_to(root):
            return str(one.relative_to(root))
    return str(whole)
