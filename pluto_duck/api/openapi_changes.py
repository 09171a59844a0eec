"""The description of /changes."""

from __future__ import annotations

from pluto_duck.api.openapi_parts import PROBLEM, WORKSPACE, Json, answer, one, query

CHANGES_PATHS: dict[str, Json] = {"/changes": {"get": {
    "summary": "The changes of tracked tables, as events while one listens, or as JSON",
    "description": "Each is a CloudEvent 1.0 with a body as Debezium's (docs/changes.md). Roles read what their policy "
                   "shows of it.",
    "parameters": [
        WORKSPACE,
        query("tables", "table or schema.table, with commas between; all that are tracked when left out."),
        query("since", "The id of the last change that was got; 0 for all that is kept, now for what is to come.",
              default="now", pattern=r"^(\s*(now|[0-9]{1,18}(\.[0-9]{1,18})?)\s*)?$"),
        query("limit", "JSON: most changes of an answer.", "integer", minimum=1, maximum=10_000, default=1_000),
        query("wait", "JSON: seconds to wait for the first of them.", "number", minimum=0, maximum=60, default=0),
        query("snapshot", "Events: first the rows of tables as they are, as changes r.", "boolean", default=False),
        query("format", "Instead of Accept, for clients that can't send it.", enum=["json", "events"]),
        {"name": "Last-Event-ID", "in": "header", "schema": {"type": "string"},
         "description": "Events: the id of the last one that was got, instead of since."}],
    "responses": {"200": {"description": "Changes in their order. Events are change, schema, drop, resync; reset where "
                                         "what is missing can only be read anew; snapshot at its end; error.",
                          "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Changes"}},
                                      "text/event-stream": {"schema": {"$ref": "#/components/schemas/CloudEvent"}}}},
                  "410": answer("JSON: older changes are asked for than are kept; facts.head is the newest commit.",
                                "Problem", kind="application/problem+json"), **PROBLEM}}}}

CHANGES_SCHEMAS: dict[str, Json] = {
    "Changes": one("object", required=["workspace", "changes", "next", "head", "more"], properties={
        "workspace": one("string"),
        "changes": one("array", items={"$ref": "#/components/schemas/CloudEvent"}),
        "next": one("string", "For since."), "head": one("integer", "The newest commit with changes."),
        "more": one("boolean", "There are changes behind these, perhaps for others.")}),
    "CloudEvent": one("object", required=["specversion", "id", "source", "type", "data"], properties={
        "specversion": one("string", enum=["1.0"]), "id": one("string"), "source": one("string"),
        "type": one("string"), "subject": one("string", "The primary key as a JSON object."),
        "time": one("string", format="date-time"), "datacontenttype": one("string"), "dataschema": one("string"),
        "sequence": one("string"),
        "data": one("object", properties={
            "before": {"type": ["object", "null"]}, "after": {"type": ["object", "null"]},
            "op": one("string", enum=["c", "u", "d", "r", "t", "schema", "drop", "resync"]),
            "ts_ms": one("integer"), "source": one("object"), "transaction": {"type": ["object", "null"]}})}),
}
