"""The rows of tables as OpenAPI has them."""

from __future__ import annotations

from typing import Any

from pluto_duck.api.openapi_parts import PROBLEM, WORKSPACE, Json, answer, one, path, query

_NAME = path("name", "table or schema.table")
_KEY = path("key", "The primary key as text; of several columns with commas between, a comma within one as %2C.")
_BINARY = {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}
_SELECT = query("select", "Columns, with commas between; all without.")


def header(name: str, note: str, **more: Any) -> Json:
    return {"name": name, "in": "header", "description": note, "schema": {"type": "string", **more}}


_IF_MATCH = header("If-Match", "The ETag of the row as it must still be (412); the setting rest.if_match can demand it "
                               "(428).")
_PREFER = header("Prefer", "return=minimal: without the row in the answer.")
_TAG: Json = {"ETag": {"description": "Of the whole row, as the client sees it.", "schema": {"type": "string"}}}
_ROW: Json = {"schema": {"$ref": "#/components/schemas/Row"}}


def _written(note: str, **headers: Any) -> Json:
    return {"description": note, "content": {"application/json": _ROW}, "headers": {**_TAG, **headers}}


_ONCE = header("Idempotency-Key", "The same request with the same key runs once, and is answered as the first time.",
               minLength=1, maxLength=255)
_PLACE: Json = {"Location": {"description": "Where the row is.", "schema": {"type": "string"}}}
_BODY: Json = {"required": True, "content": {"application/json": _ROW}}

ROWS_PATHS: dict[str, Json] = {
    "/tables/{name}/rows": {
        "get": {
            "summary": "Rows that conditions keep",
            "description": "Any other parameter is a condition on the column of its name: amount=gte.10. Operators: "
                           "eq, neq, gt, gte, lt, lte, like, ilike, in, is, isdistinct, contains, startswith and "
                           "endswith, with not. before any of them.",
            "parameters": [
                _NAME, WORKSPACE, _SELECT,
                query("order", "Columns with .desc or not: amount.desc,id. NULLs come last."),
                query("limit", "Of a page.", "integer", minimum=1, maximum=10_000, default=100),
                query("offset", "Rows to skip.", "integer", minimum=0, default=0),
                query("cursor", "As Link rel=next has it."),
                query("and", "(a.gt.1,or(b.eq.2,c.is.null))"), query("or", "(a.gt.1,b.eq.2)")],
            "responses": {"200": {
                "description": "A page of rows, in the form that Accept asks for.",
                "headers": {"Link": {"description": 'rel="next": the next page.', "schema": {"type": "string"}}},
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Rows"}},
                            "application/x-ndjson": {"schema": {"type": "string"}},
                            "text/csv": {"schema": {"type": "string"}},
                            "application/vnd.apache.arrow.stream": _BINARY}}, **PROBLEM}},
        "post": {
            "summary": "Make one row, or a list of rows, all or none",
            "parameters": [_NAME, WORKSPACE, _PREFER,
                           _ONCE,
                           query("on_conflict", "Where the primary key is there already.",
                                 enum=["error", "ignore", "update"], default="error")],
            "requestBody": {"required": True, "content": {"application/json": {"schema": {"oneOf": [
                {"$ref": "#/components/schemas/Row"},
                {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Row"}}]}}}},
            "responses": {"200": answer("None of them was new."), "201": _written("Made.", **_PLACE),
                          "204": answer("Nothing to make, or nothing to show of it."), **PROBLEM}}},
    "/tables/{name}/rows/{key}": {
        "get": {"summary": "One row",
                "parameters": [_NAME, _KEY, WORKSPACE, _SELECT,
                               header("If-None-Match", "The ETag of what the client has.")],
                "responses": {"200": _written("The row."), "304": answer("It is what If-None-Match names."),
                              **PROBLEM}},
        "put": {"summary": "Make or replace a row",
                "parameters": [_NAME, _KEY, WORKSPACE, _PREFER, _ONCE, _IF_MATCH,
                               header("If-None-Match", "*: only make it.")],
                "requestBody": _BODY,
                "responses": {"200": _written("Replaced."), "201": _written("Made.", **_PLACE),
                              "204": answer("Replaced; nothing to show of it."), **PROBLEM}},
        "patch": {"summary": "Change some columns (JSON merge patch)",
                  "parameters": [_NAME, _KEY, WORKSPACE, _PREFER, _ONCE, _IF_MATCH],
                  "requestBody": {"required": True, "content": {"application/merge-patch+json": _ROW,
                                                                "application/json": _ROW}},
                  "responses": {"200": _written("Changed."), "204": answer("Changed; nothing to show of it."),
                                **PROBLEM}},
        "delete": {"summary": "Take a row away", "parameters": [_NAME, _KEY, WORKSPACE, _ONCE, _IF_MATCH],
                   "responses": {"204": answer("It is gone."), **PROBLEM}}},
}

ROWS_SCHEMAS: dict[str, Json] = {
    "Row": one("object", "Column by column. Decimals and whole numbers beyond 2^53 - 1 are strings; so are dates, "
                         "times (ISO 8601) and blobs (base64).", example={"carrier": "OO"}),
    "Rows": one("object", properties={
        "workspace": one("string"), "table": one("string"),
        "version": one("integer", "Of the table: goes up with every committed write."),
        "rows": one("array", items={"$ref": "#/components/schemas/Row"}),
        "links": one("object", additionalProperties=one("string")),
        "affected": one("integer", "Of a write: rows made or changed.")}),
}
