"""`pluto_duck.open()`: a Session with the verbs a script wants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, overload

from pluto_duck.session import Session

if TYPE_CHECKING:
    from pluto_duck.agent import Answer
    from pluto_duck.agent.planners import Planner
    from pluto_duck.ingest import LoadOptions, LoadReport, Progress
    from pluto_duck.ingest.cache import Cache
    from pluto_duck.ingest.export import ExportReport
    from pluto_duck.ingest.follow import FollowReport
    from pluto_duck.ingest.live import Attached
    from pluto_duck.runs import Run, Runs
    from pluto_duck.session.backup import Backup


class Workbench(Session):
    """One workspace, open: `.query(sql)`, `.ask(question)`, `.ingest(uri)`, `.tables()`, `.runs`."""

    @classmethod
    def open(cls, path: Path | str | None = None, **options: Any) -> Self:
        return super().open(path, **options)  # type: ignore[return-value]

    def ask(self, question: str, *, conversation: str = "", planner: str | Planner | None = None,
            on_event: Callable[..., None] | None = None) -> Answer:
        """Answers a question about the tables; see `Answer.status` before using `Answer.result`.

        `conversation`: that of an earlier answer (`Answer.conversation`), to go on with it.
        """
        from pluto_duck.agent.conversing import attended

        return attended(self.runs, self, question, conversation=conversation, planner=planner, on_event=on_event)

    @overload
    def ingest(self, source: Any = None, options: LoadOptions | Mapping[str, str] | None = None, *,
               connection: str | None = None, on_progress: Callable[[Progress], None] | None = None,
               follow: Literal[False] = False, once: bool = False, resnapshot: bool = False,
               **keywords: Any) -> LoadReport: ...

    @overload
    def ingest(self, source: Any = None, options: LoadOptions | Mapping[str, str] | None = None, *,
               connection: str | None = None, on_progress: Callable[[Progress], None] | None = None,
               follow: Literal[True], once: Literal[False] = False, resnapshot: bool = False,
               **keywords: Any) -> Run: ...

    @overload
    def ingest(self, source: Any = None, options: LoadOptions | Mapping[str, str] | None = None, *,
               connection: str | None = None, on_progress: Callable[[Progress], None] | None = None,
               follow: Literal[True], once: Literal[True], resnapshot: bool = False,
               **keywords: Any) -> FollowReport: ...

    def ingest(self, source: Any = None, options: LoadOptions | Mapping[str, str] | None = None, *,
               connection: str | None = None, on_progress: Callable[[Progress], None] | None = None,
               follow: bool = False, once: bool = False, resnapshot: bool = False,
               **keywords: Any) -> LoadReport | FollowReport | Run:
        """Brings tables in from a file, a database or a DataFrame, each whole or not at all.

        `connection`: a saved one, instead of a source. Keywords are the fields of LoadOptions: `tables`, `into`,
        `mode`, `cursor`, ...

        `follow`: a PostgreSQL database whose every change is applied as it happens, by a run in the background of this
        process, which comes back at once; `once`: here and now, until all has come that had happened.
        """
        from pluto_duck.commands.load_run import apart, perform
        from pluto_duck.errors import UsageError
        from pluto_duck.ingest.connections import Connections
        from pluto_duck.ingest.told import told

        if (source is None) == (connection is None):
            raise UsageError("Name one place to read from: a source or a connection.",
                             hint="ingest('sales.csv'), ingest(df, into='sales') or ingest(connection='shop')")
        if connection is not None:
            known = Connections(self.control, self.workspace)
            found = known.get(connection)
            source = known.uri(found)
            keywords.setdefault("connector", found.connector)
        shown, secret = apart(source) if isinstance(source, str) else ("a DataFrame", None)
        if follow:
            return self._follow(source, told(options, keywords), shown, secret, once, resnapshot, on_progress)
        return perform(self, source, told(options, keywords), shown=shown, secret=secret, on_progress=on_progress)

    def _follow(self, source: Any, options: LoadOptions, shown: str, secret: str | None, once: bool,
                resnapshot: bool, on_progress: Callable[[Progress], None] | None) -> FollowReport | Run:
        from pluto_duck.commands import load_follow
        from pluto_duck.commands.load_place import Place

        uri = load_follow.uri_of(Place(source, shown, options.connector))
        text = load_follow.text_of(shown, options, secret)
        if not once:
            return load_follow.begin(self, uri, options, text=text, secret=secret, resnapshot=resnapshot)
        return load_follow.attend(self, uri, options, text=text, secret=secret, once=True, resnapshot=resnapshot,
                                  say=lambda _text: None, on_progress=on_progress)

    def unfollow(self, source: str) -> list[str]:
        """Ends following: drops slot and publication at the source, and says so. The tables here stay."""
        from pluto_duck.commands import load_follow
        from pluto_duck.commands.load_place import Place
        from pluto_duck.commands.load_run import apart
        from pluto_duck.ingest.follow.ending import unfollow

        return unfollow(self, load_follow.uri_of(Place(source, apart(source)[0])))

    def attach(self, uri: str, *, name: str | None = None, connector: str | None = None,
               connection: str | None = None) -> Attached:
        """Attaches a database live, read-only, instead of copying it; `connection`: a saved one, with uri "".
        `.detach(name)` forgets it."""
        from pluto_duck.ingest.live import attach

        return attach(self, uri, name=name, connector=connector, connection=connection)

    def detach(self, name: str) -> None:
        from pluto_duck.ingest.live import detach

        detach(self, name)

    def cache(self, table: str, *, ttl: str | None = None, where: str = "", name: str | None = None,
              skip: Sequence[str] = (), cast: Mapping[str, str] | None = None) -> Cache:
        """Copies a table of a live source, whatever its size; refreshed at the next use when older than `ttl`: 1h."""
        from pluto_duck.ingest import cache
        from pluto_duck.ingest.spans import seconds

        return cache.create(self, cache.estimate(self, table, ttl_s=seconds(ttl) if ttl else None, where=where,
                                                 name=name, skip=skip, cast=cast))

    def export(self, what: str, target: Path | str, **keywords: Any) -> ExportReport:
        """Writes a table or a SELECT to a file, a folder or a PostgreSQL table, whole or not at all.

        Keywords: `format`, `partition_by`, `compression`, `overwrite`, `into`, `mode`, `namespace`.
        """
        from pluto_duck.ingest.export import export

        return export(self, what, target, **keywords)

    def backup(self, target: Path | None = None, *, keep: int | None = None) -> Backup:
        """Copies the workspace into a folder, while others write to it."""
        from pluto_duck.session.backup import back_up

        return back_up(self, target, keep=keep)

    @cached_property
    def runs(self) -> Runs:
        """What was run here, from any door."""
        from pluto_duck.runs import Runs

        return Runs(self, self.workspace)

    def close(self) -> None:
        if "runs" in self.__dict__:
            self.runs.close()
        super().close()


def open(path: Path | str | None = None, **settings: Any) -> Workbench:
    """The workspace of a folder (None: the current one, else the personal one), as a context manager.

    Settings by keyword with `__` for the dot: `pluto_duck.open(duckdb__threads=2)`.
    """
    return Workbench.open(path, **settings)
