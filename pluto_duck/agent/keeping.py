"""An answer, or any SQL, kept as a dbt model or a view: proposed, for a person to decide."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from pluto_duck.agent.approvals import Approval, Approvals
from pluto_duck.agent.changes.files import must_be_unicode
from pluto_duck.agent.changes.made import with_description
from pluto_duck.agent.changes.model import known, must_be_free
from pluto_duck.errors import Refused, RunNotFound, StatementError, TimedOut, UnknownName, UsageError
from pluto_duck.governance import Actor
from pluto_duck.session import Session

if TYPE_CHECKING:
    from pluto_duck.catalog import Catalog
    from pluto_duck.catalog.lineage.relation import Origins
    from pluto_duck.runs import Runs
    from pluto_duck.transform.dbt.drafting import Draft, Wish

Form = Literal["view", "table", "incremental", "workspace-view"]
FORMS: tuple[Form, ...] = get_args(Form)
BY_HAND = "you"
"""Who planned SQL that a person wrote."""
MAX_DESCRIPTION = 2_000
MOST_WAITING = 20
"""Of one key or token: a person is to read them."""


@dataclass(frozen=True)
class Origin:
    """Some SQL, and where it comes from."""

    sql: str
    question: str = ""
    answer: str = ""
    run: str = ""
    planner: str = BY_HAND


@dataclass(frozen=True)
class Kept:
    """What is to become of it."""

    name: str
    form: Form = "view"
    description: str = ""
    """"" for the question."""
    project: Path | None = None
    """None: as `run-dbt` finds it, or a new one in dbt/."""
    key: tuple[str, ...] = ()
    """Of an incremental model."""
    replace: bool = False
    """May be proposed in place of a model or view of that name."""


def origin_of(session: Session, runs: Runs, id: str) -> Origin:
    """By the id of an answer or of a run, or the beginning of an answer's. Raises UnknownName; UsageError for one
    without SQL."""
    from pluto_duck.agent.memory import Memory

    try:
        answer, run = Memory(session).answer(id).answer, ""
    except UnknownName:
        mine = session.actor.identity if session.actor is not None else ""
        try:
            found = runs.get(id)
            if mine and found.actor != mine:
                raise RunNotFound("It is somebody else's.") from None
        except RunNotFound:
            raise UnknownName(f'There is no answer and no run "{id}".',
                              hint="`conversations show` and `history` tell their ids.") from None
        if found.kind == "sql":
            return Origin(found.text, run=found.run_id)
        told = found.facts.get("answer")
        if found.kind != "question" or not isinstance(told, dict):
            raise UsageError(f"The run {id} has no SQL.", hint="Take the run of a question or of SQL.") from None
        if told.get("id"):
            answer, run = Memory(session).answer(str(told["id"])).answer, found.run_id
        else:  # conversations are not kept here
            return _with_sql(Origin(str(told.get("sql") or ""), str(told.get("question") or found.text),
                                    run=found.run_id, planner=str(told.get("planner") or BY_HAND)))
    return _with_sql(Origin(answer.sql, answer.question, answer.id, run, answer.planner))


def _with_sql(origin: Origin) -> Origin:
    if not origin.sql.strip():
        raise UsageError("This answer has no SQL to keep.", hint="Choose one of its readings first.")
    return origin


def propose(session: Session, origin: Origin, wanted: Kept, *, proposer: str = "") -> Approval:
    """Nothing is changed. Raises what the Gate says of the SQL, UsageError for a name that can't be, Refused where
    something has it already. `proposer`: the identity of the key or token that the owner's session does it for."""
    must_be_unicode(origin.sql, origin.question, wanted.name, wanted.description, *wanted.key, str(wanted.project))
    if wanted.form not in FORMS:
        raise UsageError(f"{wanted.form!r} is nothing that SQL can be kept as.", hint=", ".join(FORMS))
    sql = origin.sql.strip().rstrip(";").strip()
    if not sql:
        raise UsageError("There is no SQL.")
    description = " ".join((wanted.description or origin.question).split())
    if len(description) > MAX_DESCRIPTION:
        raise UsageError(f"The description has more than {MAX_DESCRIPTION:,} characters.")
    if wanted.form == "workspace-view":
        return _view(session, origin, wanted, sql, description, proposer)
    if proposer:
        raise Refused("A model is the owner's to propose: it is a file of a project, which is code.",
                      hint='Propose a view: "as": "workspace-view"')
    return _model(session, origin, wanted, sql, description)


def propose_for(owner: Session, actor: Actor, origin: Origin, wanted: Kept) -> Approval:
    """For a key or token, whose own SQL has run already: a view that somebody else decides about. Raises Refused, and
    tells nothing of what the owner has."""
    waiting = sum(one.proposer == actor.identity for one in Approvals(owner).all(waiting=True))
    if waiting >= MOST_WAITING:
        raise Refused(f"{waiting} of your proposals wait already; {MOST_WAITING} is the most.",
                      hint="Somebody with the action approve, or the owner, has to decide about them.")
    try:
        return propose(owner, origin, wanted, proposer=actor.identity)
    except (StatementError, UnknownName, TimedOut) as error:
        raise _untold() from error
    except Refused as error:
        if wanted.form != "workspace-view":
            raise
        raise _untold() from error


def _untold() -> Refused:
    return Refused("It can't be proposed under this name, or as it is.", hint="Choose another name, or ask the owner.")


def _view(session: Session, origin: Origin, wanted: Kept, sql: str, description: str, proposer: str) -> Approval:
    from pluto_duck.transform.dbt.templating import places
    from pluto_duck.workspace import TableRef

    if wanted.key or wanted.project is not None:
        raise UsageError("A view of the workspace has no project and no key.")
    places(sql)  # that it is one SELECT without parameters
    ref = TableRef.parse(wanted.name)
    if not wanted.replace and any(one.ref.key == ref.key for one in session.tables([ref])):
        raise Refused(f"There is a view or table {ref} already.", hint="Choose another name, or --replace the view.")
    return Approvals(session).propose("view", ref.sql, with_description(sql, description),
                                      question=origin.question, planner=origin.planner,
                                      proposer=proposer or None)


def _model(session: Session, origin: Origin, wanted: Kept, sql: str, description: str) -> Approval:
    from pluto_duck.transform.dbt.drafting import checked_name, draft
    from pluto_duck.transform.dbt.running import must_be_installed
    from pluto_duck.workspace import TableRef

    if session.actor is not None:
        raise Refused("A model is the owner's to propose: it is a file of a project, which is code.")
    must_be_installed()
    if wanted.key and wanted.form != "incremental":
        raise UsageError("Only an incremental model has a key.", hint="--as incremental")
    name = checked_name(wanted.name)
    project = _project(session, wanted.project)
    there = known(session, project)
    if name in there.models:
        if not wanted.replace:
            raise Refused(f"There is a model {name} already: {there.models[name]}.",
                          hint="Choose another name; or see what would change: --replace", replaceable=True)
    else:
        must_be_free(session, TableRef(name, there.schema))
    made = draft(there, {one.ref.key: one.ref for one in session.tables()},
                 _wish(session, origin, wanted, sql, description))
    return Approvals(session).propose("model", _target(session, project, made.path), _body(made),
                                      question=origin.question or description, planner=origin.planner)


def _project(session: Session, start: Path | None) -> Path:
    from pluto_duck.transform.dbt.project import below, find_project, project_inside

    if start is None and session.role == "server":  # whose current folder is nobody's wish
        there = below(session.workspace)
        return project_inside(session.workspace, None) if there else session.workspace.root.resolve() / "dbt"
    try:
        return find_project(session.workspace, start)
    except UnknownName:
        if start is not None or below(session.workspace):
            raise
        return session.workspace.root.resolve() / "dbt"


def _target(session: Session, project: Path, path: str) -> str:
    there = next(one for one in ((project / path).parent, *(project / path).parents) if one.exists())
    if not os.access(there, os.W_OK):
        raise Refused(f"{there} can't be written.", hint="Make it writable, or name another project: --project FOLDER")
    root, whole = session.workspace.root.resolve(), project / path
    resolved = project.resolve() / path
    if resolved.is_relative_to(root):
        return resolved.relative_to(root).as_posix()
    if whole.is_relative_to(session.workspace.root):
        raise Refused(f"{project} is a link to a place outside the workspace.",
                      hint=f"Name the project itself: --project {project.resolve()}")
    return resolved.as_posix()


def _body(made: Draft) -> str:
    from pluto_duck.agent.changes.files import joined

    return joined({made.path: made.sql} | ({made.yml_path: made.yml} if made.yml else {}))


def _wish(session: Session, origin: Origin, wanted: Kept, sql: str, description: str) -> Wish:
    from pluto_duck.catalog import Catalog
    from pluto_duck.catalog.expected_rows import expected
    from pluto_duck.catalog.lineage import known as named
    from pluto_duck.catalog.lineage import trace
    from pluto_duck.transform.dbt.drafting import Wish
    from pluto_duck.transform.dbt.templating import places

    places(sql)
    timeout_s = session.settings["agent.timeout_s"]
    columns = session.query(f"SELECT * FROM (\n{sql}\n) LIMIT 0", read_only=True, timeout_s=timeout_s).columns
    names = [one.name for one in columns]
    catalog, tables = Catalog.of(session), session.tables()
    origins = trace(sql, named(session, tables)[0]).under(names)
    tests = expected(session, catalog, sql, {one.name: one.type for one in columns}, origins, timeout_s=timeout_s)
    key = wanted.key or tuple(one.column for one in tests if one.kind == "unique" and wanted.form == "incremental")
    assert wanted.form != "workspace-view"
    return Wish(wanted.name, sql, wanted.form, description, {name: _about(catalog, origins[name]) for name in names},
                tests, {"question": origin.question, "answer": origin.answer, "run": origin.run,
                        "planner": origin.planner if origin.question else ""}, key)


def _about(catalog: Catalog, origins: Origins) -> str:
    """What is known of a column that is one of a table's as it is."""
    if list(origins.values()) != ["same"]:
        return ""
    (key, name), = origins
    table = next((one for one in catalog.tables if one.ref.key == key), None)
    column = next((one for one in table.every_column if one.name == name), None) if table is not None else None
    return column.description or column.comment if column is not None else ""
