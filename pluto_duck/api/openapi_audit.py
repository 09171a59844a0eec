"""What OpenAPI says of the record of who did what."""

from __future__ import annotations

from pluto_duck.api.openapi_parts import PROBLEM, WORKSPACE, Json, answer, one, query

_FILTERS = [
    query("who", "The name or id of a key, token or person."),
    query("table", "A table, or what else it was done to: run:ID, key:ID."), query("action", "May end in *."),
    query("decision", "What the rule said.", enum=["allow", "deny"]), query("via", "rest, graphql, cell, shell..."),
    query("since", "1h, 7d, or a date."), query("until", "As since."), query("run", "The id of a run."),
    query("trace", "Of the request.")]

PATHS: dict[str, Json] = {
    "/audit": {"get": {
        "summary": "Who did what", "description": "The owner's. Newest first; as NDJSON everything, oldest first.",
        "parameters": [WORKSPACE, *_FILTERS, query("limit", "Entries of a page.", "integer", default=100, minimum=1,
                                                   maximum=1000),
                       query("cursor", "Take links.next as it is.", "integer", minimum=1)],
        "responses": {"200": {"description": "A page, or all of them.", "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/Audit"}},
            "application/x-ndjson": {"schema": {"type": "string"}}}}, **PROBLEM}}},
    "/audit/head": {"get": {
        "summary": "Its signed end", "parameters": [WORKSPACE],
        "responses": {"200": answer("Keep it elsewhere; `verify` takes it.", "AuditHead"), **PROBLEM}}},
    "/audit/verify": {"post": {
        "summary": "Is it whole", "parameters": [WORKSPACE],
        "requestBody": {"required": False, "content": {"application/json": {"schema": {
            "type": "object", "additionalProperties": False,
            "properties": {"heads": one("array", items={"$ref": "#/components/schemas/AuditHead"})}}}}},
        "responses": {"200": answer("What was found.", "AuditVerdict"), **PROBLEM}}},
}

_FOUND = one("array", items=one("object", properties={"seq": one("integer"), "what": one("string")}))

SCHEMAS: dict[str, Json] = {
    "Audit": one("object", properties={
        "workspace": one("string"), "links": one("object"), "entries": one("array", items=one("object", properties={
            "seq": one("integer"), "at": one("string", format="date-time"), "who": one("object"), "via": one("string"),
            "action": one("string"), "on": one("array", items=one("string")),
            "decision": one("string", enum=["allow", "deny"]), "rule": one("string"), "status": one("string"),
            "run": one("string"), "sql": one("string", "A keyed hash."), "rows": one("integer"), "ms": one("number"),
            "address": one("string"), "agent": one("string"), "trace": one("string"), "detail": one("object"),
            "prev": one("string"), "mac": one("string")}))}),
    "AuditHead": one("object", properties={
        "chain": one("string"), "seq": one("integer"), "mac": one("string"), "key": one("string"),
        "signature": one("string")}),
    "AuditVerdict": one("object", properties={
        "workspace": one("string"), "whole": one("boolean"), "rows": one("integer"),
        "pruned": one("integer", "The last row that was pruned; 0 for none."), "head": {"type": ["object", "null"]},
        "problems": _FOUND, "more": one("integer", "Problems beyond those."), "notes": _FOUND}),
}
