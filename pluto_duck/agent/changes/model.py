"""A dbt model: its SQL and, beside it, what is said and tested of it. Both files are written, or neither.

Nothing of the project runs before it is approved, nor by approving: its macros and hooks are code.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pluto_duck.agent.changes.files import Texts, joined, parsed, put, read
from pluto_duck.errors import Refused, TimedOut, UsageError
from pluto_duck.session import Session
from pluto_duck.workspace import TableRef

if TYPE_CHECKING:
    from pluto_duck.agent.approvals import Approval
    from pluto_duck.transform.dbt.contents import Contents
    from pluto_duck.workspace import Result


class Model:
    """`target`: the path of the SQL file, from the workspace's folder on, or a whole one; the body: the two files, each
    below a line with its name."""

    def checked(self, session: Session, target: str, body: str) -> tuple[str, str]:
        import yaml

        if session.actor is not None:
            raise Refused("A model is the owner's to propose: it is a file of a project, which is code.")
        project, path = place(session, target)
        texts = parsed(body, _names(path))
        if not texts[path].strip():
            raise UsageError("There is no SQL.")
        for name, text in texts.items():
            try:
                told = yaml.safe_load(text) if name != path else {}
            except (yaml.YAMLError, RecursionError) as error:
                raise UsageError(f"{name} is no YAML: {error}.", hint="Mend it.") from None
            if not isinstance(told, dict):
                raise UsageError(f"{name} holds no settings.", hint="See https://docs.getdbt.com/reference/model-properties")
        self._must_fit(session, project, path, texts)
        sql = self._sql(session, project, path, texts)
        if not isinstance(sql, _Unknown):
            session.query(sql, read_only=True, max_rows=1, timeout_s=session.settings["agent.timeout_s"])
        return target, joined({name: texts[name] for name in _names(path) if name in texts})

    def before(self, session: Session, target: str) -> str:
        project, path = place(session, target)
        return joined(read(project, _names(path)))

    def tried(self, session: Session, one: Approval) -> str:
        project, path = place(session, one.target)
        sql = self._sql(session, project, path, parsed(one.body, _names(path)))
        if isinstance(sql, _Unknown):
            return f"not tried, dbt alone can compile it: {sql.why}"
        timeout_s = session.settings["agent.timeout_s"]
        columns = session.query(f"SELECT * FROM (\n{sql}\n) LIMIT 0", read_only=True, timeout_s=timeout_s).columns
        told = ", ".join(f"{column.name} {column.type}" for column in columns)
        try:
            count = session.query(f"SELECT count(*) FROM (\n{sql}\n)", read_only=True, timeout_s=timeout_s).scalar()
        except TimedOut:
            return f"more rows than can be counted in {timeout_s:g} s; {told}"
        new = "" if _there(project) else f"; {project.name}/ becomes a dbt project, as by `dbt init`"
        return f"{count:,} rows; {told}{new}{_gone(session, project, path, one.body, [one.name for one in columns])}"

    def sample(self, session: Session, one: Approval, rows: int) -> Result | None:
        project, path = place(session, one.target)
        sql = self._sql(session, project, path, parsed(one.body, _names(path)))
        return None if isinstance(sql, _Unknown) else session.query(
            sql, read_only=True, max_rows=rows, timeout_s=session.settings["agent.timeout_s"])

    def text(self, one: Approval) -> str:
        return one.body

    def rollback(self, one: Approval) -> str:
        path, before, after = PurePosixPath(one.target), _split(one, one.before), _split(one, one.body)
        said = [f"rm {path.with_name(PurePosixPath(name).name)}" for name in after if name not in before]
        was = joined({name: text for name, text in before.items() if name in after})
        return "\n".join([*said, *([f"put back what was there:\n{was}"] if was else [])])

    def diff(self, one: Approval) -> str:
        now, then = _split(one, one.before), _split(one, one.body)
        return "\n".join(line for name, text in then.items() for line in difflib.unified_diff(
            now.get(name, "").splitlines(), text.splitlines(), name if name in now else "nothing yet", name,
            lineterm=""))

    def moved(self, session: Session, one: Approval) -> bool:
        """A file is neither as it was nor as it is to be: half of it may have been written by a process that died."""
        project, path = place(session, one.target)
        now, before, after = read(project, _names(path)), _split(one, one.before), _split(one, one.body)
        return any(now.get(name) not in (before.get(name), after[name]) for name in after)

    def run(self, session: Session, one: Approval) -> None:
        from pluto_duck.transform.dbt.scaffold import scaffold

        project, path = place(session, one.target)
        texts = parsed(one.body, _names(path))
        self._must_fit(session, project, path, texts)
        if self.moved(session, one):
            raise Refused(f"{one.target} has changed just now.", hint="Propose it again.")
        made = None if _there(project) else scaffold(session, project)
        try:
            put(project, texts, mark=one.token)
        except BaseException:
            if made is not None:
                import shutil

                shutil.rmtree(made.folder, ignore_errors=True)
            raise

    def done(self, session: Session, one: Approval) -> bool:
        project, path = place(session, one.target)
        now = read(project, _names(path))
        return all(now.get(name) == text for name, text in parsed(one.body, _names(path)).items())

    def _must_fit(self, session: Session, project: Path, path: str, texts: Texts) -> None:
        """Raises Refused for what dbt would stumble over, or build in place of something else."""
        from pluto_duck.transform.dbt.contents import declared

        there, name = known(session, project), PurePosixPath(path).stem
        if not any(path.startswith(f"{one}/") for one in there.model_paths):
            raise UsageError(f"{path} is not in a folder of models.",
                             hint=f"They are in {', '.join(there.model_paths)}.")
        other = next((file for model, file in there.models.items() if model.lower() == name.lower()), path)
        if other != path:
            raise Refused(f"There is a model of that name already: {other}.", hint="Choose another name.")
        if name not in there.models:
            must_be_free(session, TableRef(name, there.schema))
        for ending, text in texts.items():
            if ending != path and there.described.get(name, ending) != ending:
                raise Refused(f"{there.described[name]} speaks of {name} already.", hint="Propose it again.")
            for pair in declared(text) if ending != path else ():
                if there.source_files.get(pair, ending) != ending:
                    raise Refused(f"{there.source_files[pair]} speaks of the source {'.'.join(pair)} already.",
                                  hint="Propose it again.")

    def _sql(self, session: Session, project: Path, path: str, texts: Texts) -> str | _Unknown:
        """As dbt would make it."""
        from pluto_duck.transform.dbt.contents import sources_of
        from pluto_duck.transform.dbt.templating import OnlyDbt, compiled

        there = known(session, project)
        sources = dict(there.sources)
        for name, text in texts.items():
            if name != path:
                sources |= sources_of(text)
        tables = {one.ref.key for one in session.tables()}
        models = {name: ref for name, ref in there.tables.items() if ref.key in tables}
        try:
            return compiled(texts[path], models, sources,
                            TableRef(PurePosixPath(path).stem, there.schema)).strip().rstrip(";")
        except OnlyDbt as error:
            return _Unknown(str(error))


def built_by(session: Session, one: Approval) -> tuple[Path, tuple[str, ...]]:
    """(the project, what dbt is told) that builds it and runs its tests."""
    project, path = place(session, one.target)
    return project, ("--select", PurePosixPath(path).stem)


class _Unknown:
    def __init__(self, why: str) -> None:
        self.why = why


def _gone(session: Session, project: Path, path: str, body: str, columns: Sequence[str]) -> str:
    """Of a file that speaks of the model and stays as it is: which columns it tests or describes in vain."""
    from pluto_duck.transform.dbt.contents import columns_of

    name = PurePosixPath(path).stem
    file = known(session, project).described.get(name, "")
    if not file or file in parsed(body):
        return ""
    there = {one.lower() for one in columns}
    told = [one for one in columns_of(read(project, [file]).get(file, ""), name) if one.lower() not in there]
    return f"; {file} stays as it is, and speaks of {', '.join(told)}, which it would not have" if told else ""


def must_be_free(session: Session, ref: TableRef) -> None:
    """Raises Refused where a table or view has that name: dbt would take its place."""
    for one in session.tables([ref]):
        if one.ref.key == ref.key:
            raise Refused(f"There is a {one.kind} {ref} already, and the model would take its place.",
                          hint="Choose another name.")


def known(session: Session, project: Path) -> Contents:
    """What the project has; of one that is not there yet, what it will have."""
    from pluto_duck.transform.dbt.contents import contents, planned
    from pluto_duck.transform.dbt.scaffold import scaffold_files

    if _there(project):
        return contents(session.workspace, project)
    if project.exists() and any(project.iterdir()):
        raise Refused(f"{project} holds other files and no dbt project.", hint="Name another folder: --project FOLDER")
    return planned(project, scaffold_files(session)[1])


def place(session: Session, target: str) -> tuple[Path, str]:
    """(the project's folder, the path of the file in it). Raises Refused for one that leads out by .. or a link: a
    folder from somebody else must not choose what is overwritten."""
    from pluto_duck.transform.dbt.contents import PLAIN
    from pluto_duck.transform.dbt.project import FILE

    root = session.workspace.root.resolve()
    whole = root / target
    if "\0" in target or ".." in PurePosixPath(target).parts or whole.suffix != ".sql" or not PLAIN.match(whole.stem):
        raise UsageError(f"{target!r} is no place for a model.", hint="A path like dbt/models/marts/late_flights.sql")
    inside = not Path(target).is_absolute()
    project = next((one for one in whole.parents if (one / FILE).is_file()
                    and (not inside or one.is_relative_to(root))), root / "dbt")
    if not whole.is_relative_to(project) or (inside and not project.resolve().is_relative_to(root)):
        raise Refused(f"{target} is in no dbt project of the workspace.",
                      hint="Name the project: --project FOLDER")
    for one in (whole, whole.with_suffix(".yml")):
        if not one.resolve().is_relative_to(project.resolve()) or one.is_symlink():
            raise Refused(f"{target} is behind a link to a place outside the project.",
                          hint="Put the folder itself there.")
    return project, whole.relative_to(project).as_posix()


def _there(project: Path) -> bool:
    from pluto_duck.transform.dbt.project import FILE

    return (project / FILE).is_file()


def _names(path: str) -> tuple[str, str]:
    return path, str(PurePosixPath(path).with_suffix(".yml"))


def _split(one: Approval, text: str) -> Texts:
    return parsed(text) if text else {}
