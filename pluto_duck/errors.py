"""Every error that pluto-duck raises on purpose.

    PlutoError
     ├─ UsageError                  what was asked makes no sense as written       exit 2   HTTP 400
     │   ├─ SettingError            a setting has a value it can't have
     │   └─ StatementError          the database rejected the SQL
     ├─ UnknownName                 no such table, column, file, ...; nearest names offered  exit 4   HTTP 404
     ├─ Refused                     the Gate or a rule said no                     exit 3   HTTP 403
     │   ├─ Untrusted               pluto.toml wants something only its owner may allow
     │   ├─ Outdated                somebody else changed what was looked at meanwhile       HTTP 409
     │   ├─ Conflict                a key, CHECK or foreign key of the table forbids it      HTTP 409
     │   ├─ ChecksFailed            rows do not meet what checks.yaml expects of their table HTTP 409
     │   ├─ PreconditionFailed      a row is not as the request expects it                   HTTP 412
     │   └─ HistoryGone             changes older than what is kept are asked for            HTTP 410
     ├─ Unauthenticated             who asks is not known, or what says so is not good   exit 3   HTTP 401
     │   └─ IssuerUnreachable*      whoever could vouch for it does not answer              HTTP 503
     ├─ MissingExtra                a package is not installed; names the extra    exit 2   HTTP 501
     ├─ SourceError                 the place that data comes from failed          exit 5   HTTP 502
     │   ├─ ColumnRefused           a column that can't be carried exactly
     │   └─ PartlyLoaded            some tables arrived, others did not; `report` tells
     ├─ TargetError                 the place that data goes to failed             exit 5   HTTP 502
     │   └─ TargetBusy*             it can't be reached, or has no room, at the moment
     ├─ ModelError                  the server of a language model failed          exit 5   HTTP 502
     │   └─ ModelBusy*              it has no room at the moment, or can't be reached
     ├─ WorkspaceError              folder, file, lock or host                     exit 6   HTTP 503
     │   ├─ WorkspaceNotFound       no pluto.toml from here upward
     │   ├─ WorkspaceUnusable       read-only folder, network file system, newer file
     │   ├─ DatabaseBusy*           another program holds the database file
     │   ├─ ControlBusy*            another program holds the control store
     │   ├─ HostNotAnswering*       the host process is there but does not answer
     │   ├─ HostLost*               the host went away in the middle of a call
     │   ├─ SessionReset*           the session moved to a new host; names what was lost
     │   ├─ AuditUnavailable*       what happens can't be recorded, so it does not happen
     │   ├─ VersionMismatch         host and guest can't talk to each other
     │   └─ Forked                  a session used in a forked child
     └─ RunError                    a long job
         ├─ RunNotFound             no such run                                    exit 4   HTTP 404
         ├─ QueueFull*              too many runs are waiting already              exit 1   HTTP 429
         │   └─ Overloaded*         too many runs of everybody                     exit 1   HTTP 503
         ├─ Cancelled               someone stopped it                             exit 130 HTTP 409
         └─ TimedOut                its deadline passed                            exit 124 HTTP 504

    * Transient: the same call may work a moment later. All others are Terminal.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, ClassVar


class PlutoError(Exception):
    """Base of the tree. `hint` says what to do next; doors print it on a line of its own."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500
    transient: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str = "", **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.facts = facts
        """Plain JSON values for programs: the missing name, the nearest ones, the position."""

    def __reduce__(self) -> Any:
        return from_dict, (self.to_dict(),)

    def to_dict(self) -> dict[str, Any]:
        """The shape that crosses the socket and stands in a run's event log."""
        return {"code": self.code, "message": self.message, "hint": self.hint, "facts": self.facts}


class UsageError(PlutoError):
    code = "usage"
    exit_code = 2
    http_status = 400


class SettingError(UsageError):
    code = "setting"


class StatementError(UsageError):
    code = "statement"


class UnknownName(PlutoError):
    code = "unknown_name"
    exit_code = 4
    http_status = 404


class Refused(PlutoError):
    code = "refused"
    exit_code = 3
    http_status = 403


class Untrusted(Refused):
    code = "untrusted"


class Outdated(Refused):
    code = "outdated"
    http_status = 409


class Conflict(Refused):
    """`facts["constraint"]` is one of unique, not_null, check, foreign_key; `facts["columns"]` are its columns."""

    code = "conflict"
    http_status = 409


class ChecksFailed(Refused):
    """`facts["checks"]` names those that failed."""

    code = "checks_failed"
    http_status = 409
    report: Any = None
    """What became of all checks of the table; not carried across processes."""


class PreconditionFailed(Refused):
    code = "precondition_failed"
    http_status = 412


class HistoryGone(Refused):
    code = "history_gone"
    http_status = 410


class Unauthenticated(PlutoError):
    code = "unauthenticated"
    exit_code = 3
    http_status = 401


class IssuerUnreachable(Unauthenticated):
    code = "issuer_unreachable"
    http_status = 503
    transient = True


class MissingExtra(PlutoError):
    code = "missing_extra"
    exit_code = 2
    http_status = 501


class SourceError(PlutoError):
    code = "source"
    exit_code = 5
    http_status = 502


class ColumnRefused(SourceError):
    code = "column_refused"


class PartlyLoaded(SourceError):
    code = "partly_loaded"
    report: Any = None
    """The LoadReport; not carried across processes."""


class TargetError(PlutoError):
    code = "target"
    exit_code = 5
    http_status = 502


class TargetBusy(TargetError):
    code = "target_busy"
    transient = True


class ModelError(PlutoError):
    code = "model"
    exit_code = 5
    http_status = 502


class ModelBusy(ModelError):
    code = "model_busy"
    transient = True


class WorkspaceError(PlutoError):
    code = "workspace"
    exit_code = 6
    http_status = 503


class WorkspaceNotFound(WorkspaceError):
    code = "workspace_not_found"
    http_status = 404


class WorkspaceUnusable(WorkspaceError):
    code = "workspace_unusable"


class DatabaseBusy(WorkspaceError):
    code = "database_busy"
    transient = True


class ControlBusy(WorkspaceError):
    code = "control_busy"
    transient = True


class HostNotAnswering(WorkspaceError):
    code = "host_not_answering"
    transient = True


class HostLost(WorkspaceError):
    """`facts["outcome"]` is one of not_run, none, partial, unknown, rolled_back."""

    code = "host_lost"
    transient = True


class SessionReset(WorkspaceError):
    code = "session_reset"
    transient = True


class AuditUnavailable(WorkspaceError):
    code = "audit_unavailable"
    transient = True


class VersionMismatch(WorkspaceError):
    code = "version_mismatch"


class Forked(WorkspaceError):
    code = "forked"


class RunError(PlutoError):
    code = "run"


class RunNotFound(RunError):
    code = "run_not_found"
    exit_code = 4
    http_status = 404


class QueueFull(RunError):
    code = "queue_full"
    http_status = 429
    transient = True


class Overloaded(QueueFull):
    code = "overloaded"
    http_status = 503


class Cancelled(RunError):
    code = "cancelled"
    exit_code = 130
    http_status = 409


class TimedOut(RunError):
    code = "timed_out"
    exit_code = 124
    http_status = 504


def _subclasses(kind: type[PlutoError]) -> Iterable[type[PlutoError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _subclasses(child)


def from_dict(fields: dict[str, Any]) -> PlutoError:
    """Rebuilds what `to_dict` wrote; a code of a newer version becomes a plain PlutoError."""
    kinds: dict[str, type[PlutoError]] = {}
    for one in _subclasses(PlutoError):
        kinds.setdefault(one.code, one)  # a class above those that say the same for a place alone
    kind = kinds.get(str(fields.get("code")), PlutoError)
    return kind(
        str(fields.get("message", "unknown error")),
        hint=str(fields.get("hint", "")),
        **dict(fields.get("facts") or {}),
    )


def nearest(name: str, known: Iterable[str], *, limit: int = 3) -> list[str]:
    """The known names that look most like `name`, best first; compares without case."""
    by_folded = {one.casefold(): one for one in known}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=limit, cutoff=0.6)
    return [by_folded[one] for one in close]


def unknown_name(kind: str, name: str, known: Iterable[str], *, where: str = "") -> UnknownName:
    """No such `kind` ("table", "column") called `name`: the error that offers the nearest names."""
    known = list(known)
    close = nearest(name, known)
    if close:
        hint = "Did you mean " + " or ".join(close) + "?"
    elif known and len(known) <= 12:
        hint = f"There are: {', '.join(sorted(known))}."
    else:
        hint = ""
    return UnknownName(
        f'There is no {kind} "{name}"{" in " + where if where else ""}.',
        hint=hint, kind=kind, name=name, nearest=close,
    )


def missing_extra(package: str, extra: str, *, why: str) -> MissingExtra:
    return MissingExtra(
        f"{why} needs the package {package}, which is not installed.",
        hint=f"pip install 'pluto-duck[{extra}]'", package=package, extra=extra,
    )
