"""Servers to measure against: `python -m tests.benchmarks.server_peers NAME FILE PORT` serves until it is ended.

`bare`: tornado handlers that run SQL in a pool of four threads; no identity, no policy. `spawn`: the way of the original
duckdb-spawn, written from its description: FastAPI with pydantic models, connections kept for reuse without an upper
bound, queries inside async handlers, so in the event loop. It runs a statement once here where the original did it twice.
"""

from __future__ import annotations

import asyncio
import io
import json
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

PROJECTS = """CREATE TABLE projects AS SELECT
    range::INTEGER AS id, 'Project ' || range AS project_name, 'About project ' || range AS description,
    (range * 1000.5)::DECIMAL(20, 2) AS total_amount, (range % 30)::INTEGER AS maturity_years,
    (range % 20)::DECIMAL(5, 2) AS expected_tri, 1.25::DECIMAL(5, 2) AS dscr,
    ['PROPOSED', 'ACTIVE', 'COMPLETED'][1 + range % 3] AS status, DATE '2020-01-01' + (range % 2000)::INTEGER AS creation_date,
    TIMESTAMP '2024-01-01' + to_seconds(range::INTEGER) AS last_updated, ['EUR', 'USD'][1 + range % 2] AS currency_code
    FROM range(100000)"""
PROJECTS_KEY = "ALTER TABLE projects ADD PRIMARY KEY (id)"
ROWS = 100_000
STREAM = "SELECT range AS i, range * 1.5 AS d, 'name ' || range AS s, range % 7 AS k FROM range(1000000)"
COLUMNS = ("id", "project_name", "description", "total_amount", "maturity_years", "expected_tri", "dscr", "status",
           "creation_date", "last_updated", "currency_code")


def _ready(duckdb: Any, file: str) -> Any:
    connection = duckdb.connect(file)
    try:
        connection.execute("SELECT 1 FROM projects LIMIT 1")
    except duckdb.Error:
        connection.execute(PROJECTS)
        connection.execute(PROJECTS_KEY)
    return connection


# -- bare ----------------------------------------------------------------------------------------------


def bare(file: str, port: int) -> None:
    import duckdb
    import orjson
    import pyarrow as pa
    from tornado.httpserver import HTTPServer
    from tornado.ioloop import IOLoop
    from tornado.web import Application, RequestHandler

    database = _ready(duckdb, file)
    pool = ThreadPoolExecutor(4)
    own = threading.local()
    writing = threading.Lock()

    def cursor() -> Any:
        if not hasattr(own, "cursor"):
            own.cursor = database.cursor()
        return own.cursor

    async def threaded(work: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(pool, work, *args)

    def by_key(key: int) -> dict[str, Any] | None:
        found = cursor().execute("SELECT * FROM projects WHERE id = ?", [key]).fetchone()
        return None if found is None else dict(zip(COLUMNS, found, strict=True))

    def insert(row: dict[str, Any]) -> None:
        with writing:
            cursor().execute(f"INSERT INTO projects VALUES ({', '.join('?' * len(COLUMNS))})",
                             [row.get(one) for one in COLUMNS])

    class One(RequestHandler):
        async def get(self, key: str) -> None:
            row = await threaded(by_key, int(key))
            self.set_header("Content-Type", "application/json")
            self.finish(json.dumps(row, default=str))

    class All(RequestHandler):
        async def post(self) -> None:
            row = json.loads(self.request.body)
            await threaded(insert, row)
            self.set_status(201)
            self.finish(json.dumps(row))

    class Stream(RequestHandler):
        async def _send(self, pieces: Iterator[bytes]) -> None:
            while (piece := await threaded(next, pieces, b"")):
                self.write(piece)
                await self.flush()
            self.finish()

    class Ndjson(Stream):
        """Rows as Python objects, each through orjson."""

        async def get(self) -> None:
            def pieces() -> Iterator[bytes]:
                mine = database.cursor().execute(STREAM)
                names = [one[0] for one in mine.description]
                while rows := mine.fetchmany(20_000):
                    yield b"".join(orjson.dumps(dict(zip(names, row, strict=True)),
                                                option=orjson.OPT_APPEND_NEWLINE, default=str) for row in rows)

            await self._send(pieces())

    class Arrow(Stream):
        async def get(self) -> None:
            def pieces() -> Iterator[bytes]:
                reader = database.cursor().execute(STREAM).to_arrow_reader(122_880)
                sink = io.BytesIO()
                with pa.ipc.new_stream(sink, reader.schema) as writer:
                    for batch in reader:
                        writer.write_batch(batch)
                        yield sink.getvalue()
                        sink.seek(0)
                        sink.truncate()
                yield sink.getvalue()

            await self._send(pieces())

    from graphql import (
        GraphQLArgument,
        GraphQLField,
        GraphQLInt,
        GraphQLObjectType,
        GraphQLSchema,
        GraphQLString,
        graphql,
    )

    project = GraphQLObjectType("Project", {one: GraphQLField(GraphQLString) for one in COLUMNS})

    async def resolve(_root: Any, _info: Any, id: int) -> Any:
        return await threaded(by_key, id)

    schema = GraphQLSchema(GraphQLObjectType("Query", {"projects_by_pk": GraphQLField(
        project, args={"id": GraphQLArgument(GraphQLInt)}, resolve=resolve)}))

    class GraphQL(RequestHandler):
        """Parsed, validated and executed for each request, as the library's own `graphql()` does."""

        async def post(self) -> None:
            body = json.loads(self.request.body)
            found = await graphql(schema, body["query"], variable_values=body.get("variables"))
            self.set_header("Content-Type", "application/json")
            self.finish(json.dumps({"data": found.data} if not found.errors else {"errors": [str(e) for e in found.errors]}))

    async def main() -> None:
        routes = [(r"/projects/(\d+)", One), (r"/projects", All), ("/ndjson", Ndjson), ("/arrow", Arrow),
                  ("/graphql", GraphQL)]
        HTTPServer(Application(routes)).listen(port, "127.0.0.1")  # type: ignore[arg-type]
        await asyncio.Event().wait()

    IOLoop.configure(None)
    asyncio.run(main())


# -- the original's way --------------------------------------------------------------------------------


class Pool:
    """Connections kept for reuse; when none is free another one is opened: only the idle ones are limited."""

    def __init__(self, open: Callable[[], Any], idle: int = 5) -> None:
        self._open, self._idle, self._free = open, idle, []  # type: ignore[var-annotated]

    @contextmanager
    def connection(self) -> Iterator[Any]:
        one = self._free.pop() if self._free else self._open()
        try:
            yield one
        finally:
            if len(self._free) < self._idle:
                self._free.append(one)
            else:
                one.close()


def spawn(file: str, port: int) -> None:
    from datetime import date, datetime
    from decimal import Decimal

    import duckdb
    import uvicorn
    from fastapi import FastAPI, HTTPException
    from fastapi.middleware.cors import CORSMiddleware
    from fastapi.middleware.trustedhost import TrustedHostMiddleware
    from pydantic import BaseModel

    database = _ready(duckdb, file)
    pool = Pool(database.cursor)

    class ProjectCreate(BaseModel):
        project_name: str
        description: str | None = None
        total_amount: float
        maturity_years: int
        expected_tri: float
        dscr: float
        status: str = "PROPOSED"
        currency_code: str = "USD"

    class Project(ProjectCreate):
        id: int
        total_amount: Decimal  # type: ignore[assignment]
        expected_tri: Decimal  # type: ignore[assignment]
        dscr: Decimal  # type: ignore[assignment]
        creation_date: date
        last_updated: datetime

    app = FastAPI()
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1"])
    app.add_middleware(CORSMiddleware, allow_origins=["http://localhost"])

    @app.get("/projects/{key}", response_model=Project)
    async def one(key: int) -> Any:
        with pool.connection() as connection:
            found = connection.execute("SELECT * FROM projects WHERE id = ?", [key]).fetchone()
        if found is None:
            raise HTTPException(404, "Project not found")
        return dict(zip(COLUMNS, found, strict=True))

    async def create(project: Any) -> Any:
        key = uuid.uuid4().int % 2**31
        with pool.connection() as connection:
            connection.execute(
                f"INSERT INTO projects VALUES ({', '.join('?' * len(COLUMNS))})",
                [key, project.project_name, project.description, project.total_amount, project.maturity_years,
                 project.expected_tri, project.dscr, project.status, date.today(), datetime.now(), project.currency_code])
        return {"message": "Project created", "project_id": key}

    create.__annotations__["project"] = ProjectCreate  # a name of this function, which its text could not say
    app.post("/projects")(create)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    {"bare": bare, "spawn": spawn}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
