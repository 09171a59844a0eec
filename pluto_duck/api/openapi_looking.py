"""The description of what the sidebar looks at without a kernel."""

from __future__ import annotations

from pluto_duck.api.openapi_parts import LEAST_S, LOCATION, PROBLEM, WORKSPACE, Json, answer, one, path, query

_BINARY: Json = {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}


def _body(schema: str, *, required: bool = True) -> Json:
    return {"required": required,
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}


_CLIENT = query("client", "Which sidebar: 8 to 64 letters, digits, - or _ of its own choice.")
_FRAMES: Json = {"text/event-stream": {"schema": {"$ref": "#/components/schemas/Frame"}}}

LOOKING_PATHS: dict[str, Json] = {
    "/tables/{name}/profile": {"post": {
        "summary": "Start a run that tells what each column holds", "requestBody": _body("ProfileWanted"),
        "parameters": [path("name", "table or schema.table"), WORKSPACE],
        "responses": {"202": answer("It has been queued; its events `progress` have a `column` each.", "Started",
                                    **LOCATION), **PROBLEM}}},
    "/rows": {"post": {
        "summary": "A window of a table or of what a SELECT returns, sorted and filtered", "parameters": [WORKSPACE],
        "requestBody": _body("RowsWanted"),
        "responses": {"200": {"description": "The rows; hanging up stops it. As an Arrow stream the schema's metadata "
                                             "`pluto_duck` has the other members as JSON, and a field with the "
                                             "metadata `pluto_duck: json` holds JSON as text.",
                              "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Window"}},
                                          "application/vnd.apache.arrow.stream": _BINARY}}, **PROBLEM}}},
    "/status": {"get": {"summary": "Who answers, from which workspace, with which planners",
                        "parameters": [WORKSPACE],
                        "responses": {"200": answer("As it is now.", "Status"), **PROBLEM}}},
    "/watch": {"get": {
        "summary": "Events while one listens: which tables were written to, and who hosts them",
        "parameters": [WORKSPACE],
        "responses": {"200": {"description": "`type` is changed (`tables`: their keys) or status.",
                              "content": {"text/event-stream": {"schema": one("object")}}}, **PROBLEM}}},
    "/panel": {
        "post": {"summary": "A frame of the sidebar: the frames that answer it", "parameters": [_CLIENT, WORKSPACE],
                 "requestBody": _body("Frame"),
                 "responses": {"200": {"description": "Each as an event, the last with `end`; hanging up stops it.",
                                       "content": _FRAMES}, **PROBLEM}},
        "get": {"summary": "Frames that no sidebar asked for, while it listens", "parameters": [_CLIENT, WORKSPACE],
                "responses": {"200": {"description": "News.", "content": _FRAMES}, **PROBLEM}}},
}

_HOSTING = one("string", enum=["host", "guest"])

LOOKING_SCHEMAS: dict[str, Json] = {
    "ProfileWanted": one("object", additionalProperties=False, properties={
        "columns": one("array", "Only these.", items=one("string"))}),
    "RowsWanted": one("object", "Exactly one of table and sql.", additionalProperties=False, oneOf=[
        {"required": ["table"]}, {"required": ["sql"]}], example={
        "table": "main.flights", "limit": 3}, properties={
        "table": one("string", "The key of a table, as /tables?full=1 has it."),
        "sql": one("string", "A SELECT; it must pass the Gate.", pattern=r"\S"),
        "offset": one("integer", minimum=0, default=0),
        "limit": one("integer", minimum=1, maximum=5_000, default=200),
        "order": one("array", items=one("object", properties={
            "column": one("string"), "descending": one("boolean")})),
        "filters": one("array", "All of them must hold.", items=one("object", properties={
            "column": one("string"), "value": {}, "op": one("string", enum=[
                "=", "!=", "<", "<=", ">", ">=", "contains", "null", "not null"])})),
        "timeout_s": one("number", "At most the setting query.timeout_s.", minimum=LEAST_S)}),
    "Window": one("object", properties={
        "workspace": one("string"), "offset": one("integer"), "count": one("integer"), "rows": one("array"),
        "columns": one("array"), "more": one("boolean", "There are rows behind these."),
        "cut": one("integer", "Values that are cut after 1,000 characters."), "truncated": one("boolean")}),
    "Frame": one("object", "As docs/panel.md has it; buffers are base64 here.", properties={
        "v": one("integer"), "op": one("string"), "id": one("integer"), "re": one("integer"),
        "end": one("boolean")}),
    "Status": one("object", properties={
        "server": one("object", "Whose runs are at work and waiting, open streams, addresses shut for bad tries."),
        "changes": one("object", "Which tables are tracked, which sinks there are, what is followed and by whom."),
        "workspace": one("string"), "folder": one("string"), "version": one("string"), "hosting": _HOSTING,
        "planner": one("string"), "planners": one("array", items=one("string")), "share": one("string"),
        "asks": one("array", "Of each planner, what a question sends where.", items=one("object")),
        "cache": one("object", "How often API queries of the runs that are kept were computed before.", properties={
            "on": one("boolean"), "hits": one("integer"), "misses": one("integer"), "bypassed": one("integer"),
            "hit_ratio": {"type": ["number", "null"]}, "answers": one("integer"), "bytes": one("integer")})}),
}
