"""GET /api/v1/openapi.json: this door described for programs (OpenAPI 3.1)."""

from __future__ import annotations

from typing import Any

from pluto_duck import __version__
from pluto_duck.api.handler import PlutoHandler, guarded

Json = dict[str, Any]


def _one(kind: str, note: str = "", **more: Any) -> Json:
    return {"type": kind, **({"description": note} if note else {}), **more}


def _query(name: str, note: str, kind: str = "string", **more: Any) -> Json:
    return {"name": name, "in": "query", "description": note, "schema": {"type": kind, **more}}


def _path(name: str, note: str) -> Json:
    return {"name": name, "in": "path", "required": True, "description": note, "schema": {"type": "string"}}


def _answer(note: str, schema: str = "", *, kind: str = "application/json", **more: Any) -> Json:
    body = {"content": {kind: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}} if schema else {}
    return {"description": note, **body, **more}


_PROBLEM = {"default": _answer("What went wrong, as RFC 9457 has it.", "Problem", kind="application/problem+json")}
_WORKSPACE = _query("workspace", "One of /workspaces; the server's default one when left out.")
_RUN_ID = _path("run_id", "As the 202 gave it.")
_LOCATION: Json = {"headers": {"Location": {"description": "Where the run is.", "schema": {"type": "string"}}}}
_BINARY = {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}

PATHS: dict[str, Json] = {
    "/query": {
        "post": {
            "summary": "Start a run", "parameters": [_WORKSPACE],
            "requestBody": {"required": True, "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/Query"}}}},
            "responses": {"202": _answer("It has been queued.", "Started", **_LOCATION), **_PROBLEM},
        },
        "get": {
            "summary": "List runs, newest first",
            "parameters": [_WORKSPACE, _query("limit", "Of a page.", "integer", minimum=1, maximum=500, default=50),
                           _query("cursor", "As links.next has it.", "integer"),
                           _query("status", "Only those in this state.", enum=[
                               "queued", "running", "succeeded", "failed", "cancelled", "timed_out"])],
            "responses": {"200": _answer("A page of runs.", "Runs"), **_PROBLEM},
        },
    },
    "/query/{run_id}": {
        "get": {
            "summary": "The run in the form that Accept asks for",
            "description": "Hanging up on the last stream of events or rows cancels a run that still goes, unless "
                           "it was started with detach.",
            "parameters": [
                _RUN_ID, _WORKSPACE,
                _query("wait", "JSON: seconds to wait for its end.", "number", minimum=0, maximum=60, default=0),
                _query("offset", "JSON: rows to skip.", "integer", minimum=0, default=0),
                _query("limit", "JSON: rows of a page.", "integer", minimum=0, maximum=10_000, default=1_000),
                _query("after", "Events: as Last-Event-ID, for clients that can't send headers."),
                {"name": "Last-Event-ID", "in": "header", "schema": {"type": "string"},
                 "description": "Events: the id of the last event that was got."}],
            "responses": {
                "200": {"description": "State and a page of rows; all events; or all rows as a file.", "content": {
                    "application/json": {"schema": {"$ref": "#/components/schemas/Run"}},
                    "text/event-stream": {"schema": {"$ref": "#/components/schemas/Event"}},
                    "text/csv": {"schema": {"type": "string"}},
                    "application/vnd.apache.parquet": _BINARY, "application/vnd.apache.arrow.stream": _BINARY}},
                "204": _answer("Rows were asked for and there are none to come; or events, and all were got."),
                **_PROBLEM},
        },
        "delete": {
            "summary": "Cancel", "parameters": [_RUN_ID, _WORKSPACE],
            "responses": {"200": _answer("It had ended, or had not begun.", "Run"),
                          "202": _answer("It is stopping.", "Run"), **_PROBLEM},
        },
    },
    "/tables": {"get": {"summary": "Tables and views", "parameters": [_WORKSPACE],
                        "responses": {"200": _answer("By schema and name.", "Tables"), **_PROBLEM}}},
    "/tables/{name}": {"get": {
        "summary": "Columns and keys of a table", "parameters": [_path("name", "table or schema.table"), _WORKSPACE],
        "responses": {"200": _answer("The table.", "Table"), **_PROBLEM}}},
    "/workspaces": {"get": {"summary": "The workspaces that requests may name", "responses": {
        "200": _answer("The first is the default.", "Workspaces"), **_PROBLEM}}},
    "/health": {"get": {"summary": "Is it there", "responses": {"200": _answer("Yes.", "Health"), **_PROBLEM}}},
    "/openapi.json": {"get": {"summary": "This description", "responses": {"200": {"description": "OpenAPI 3.1."}}}},
}

_COLUMNS = _one("array", items=_one("object", properties={"name": _one("string"), "type": _one("string", "DuckDB's.")}))
_LINKS = _one("object", additionalProperties=_one("string"))
_ERROR = {"type": ["object", "null"], "properties": {
    "code": _one("string"), "message": _one("string"), "hint": _one("string"), "facts": _one("object")}}
_STATUS = _one("string", enum=["queued", "running", "succeeded", "failed", "cancelled", "timed_out"])
_SUMMARY: Json = {
    "run_id": _one("string"), "kind": _one("string", enum=["sql", "question"]), "text": _one("string"),
    "status": _STATUS, "created_at": _one("string", format="date-time"),
    "started_at": {"type": ["string", "null"], "format": "date-time"},
    "finished_at": {"type": ["string", "null"], "format": "date-time"},
    "elapsed_s": _one("number"), "row_count": _one("integer", "Rows kept so far."), "error": _ERROR,
    "truncated": _one("boolean", "There were more rows than max_rows."),
    "affected_rows": _one("integer"), "statement": _one("string"), "answer": _one("object", "To a question."),
}

SCHEMAS: dict[str, Json] = {
    "Query": _one("object", "Exactly one of sql and question.", additionalProperties=False, properties={
        "sql": _one("string"), "question": _one("string"),
        "params": {"type": ["object", "array"], "description": "Values for $name, or for $1 and ?."},
        "workspace": _one("string"), "max_rows": _one("integer", "At most the setting query.max_rows.", minimum=0),
        "timeout_s": _one("number", "At most the setting query.timeout_s.", exclusiveMinimum=0),
        "detach": _one("boolean", "The run goes on when nobody follows it any more.", default=False),
        "conversation": _one("string", "With question: the one it goes on with, as an answer named it.")}),
    "Started": _one("object", properties={
        "run_id": _one("string"), "status": _STATUS, "workspace": _one("string"), "links": _LINKS}),
    "Run": _one("object", properties={
        **_SUMMARY, "workspace": _one("string"), "columns": _COLUMNS | {"type": ["array", "null"]},
        "offset": _one("integer"), "limit": _one("integer"), "links": _LINKS,
        "rows": {"type": ["array", "null"], "items": _one("array"), "description":
                 "A list for each row, in column order. Whole numbers beyond 2^53 - 1 and decimals are strings; "
                 "dates and times ISO 8601, timestamps with time zone in UTC; NaN and infinities strings; blobs "
                 "base64; maps lists of [key, value]."}}),
    "Runs": _one("object", properties={
        "workspace": _one("string"), "links": _LINKS,
        "runs": _one("array", items=_one("object", properties=_SUMMARY))}),
    "Event": _one("object", "The data of one server-sent event.", properties={
        "run_id": _one("string"), "seq": _one("integer"), "at": _one("string", format="date-time"),
        "type": _one("string", enum=["reasoning", "tool", "message", "rows", "progress", "log", "run"]),
        "subtype": _one("string", enum=["start", "chunk", "end", "final", "error"]), "content": _one("object")}),
    "Tables": _one("object", properties={"workspace": _one("string"), "tables": _one("array", items=_one("object"))}),
    "Table": _one("object", properties={
        "workspace": _one("string"), "name": _one("string"), "schema": _one("string"),
        "kind": _one("string", enum=["table", "view"]), "columns": _COLUMNS, "version": _one("integer"),
        "row_estimate": {"type": ["integer", "null"]}, "comment": _one("string"),
        "primary_key": _one("array", items=_one("string")), "unique": _one("array"), "foreign_keys": _one("array")}),
    "Workspaces": _one("object", properties={"workspaces": _one("array", items=_one("object", properties={
        "name": _one("string"), "folder": _one("string"), "default": _one("boolean")}))}),
    "Health": _one("object", properties={"status": _one("string"), "version": _one("string")}),
    "Problem": _one("object", properties={
        "type": _one("string"), "title": _one("string"), "status": _one("integer"), "detail": _one("string"),
        "instance": _one("string"), "request_id": _one("string", "Stands in the server's log."),
        "code": _one("string"), "hint": _one("string", "What to do next."), "facts": _one("object")}),
}


class OpenApiHandler(PlutoHandler):
    @guarded
    async def get(self) -> None:
        self.send({
            "openapi": "3.1.0", "info": {"title": "pluto-duck", "version": __version__},
            "servers": [{"url": self.base_url.rstrip("/") + "/api/v1"}], "paths": PATHS,
            "components": {"schemas": SCHEMAS, "securitySchemes": {"token": {
                "type": "apiKey", "in": "header", "name": "Authorization",
                "description": "token <the server's token>"}}},
            "security": [{"token": []}]})
