"""The description of lineage."""

from __future__ import annotations

from pluto_duck.api.openapi_parts import PROBLEM, WORKSPACE, Json, answer, one, query

PATHS: dict[str, Json] = {"/lineage": {"get": {
    "summary": "What a table or column is made of, and what is made of it",
    "parameters": [
        {**query("table", "table or schema.table.", pattern=r"\S"), "required": True},
        query("column", "Only what hangs together with this column."),
        query("direction", "up: what it is made of; down: what is made of it.", enum=["both", "up", "down"],
              default="both"),
        query("depth", "So many steps; 0: all.", "integer", minimum=0, maximum=100, default=0),
        query("impact", "1: instead what would break without it. The owner's.", "integer", minimum=0, maximum=1,
              default=0), WORKSPACE],
    "responses": {"200": answer("As much as the caller sees.", "Lineage"), **PROBLEM}}}}

_TEXTS = one("array", items=one("string"))

SCHEMAS: dict[str, Json] = {"Lineage": one("object", properties={
    "workspace": one("string"), "start": one("string", "The id of a node."),
    "column": {"type": ["string", "null"]}, "more": one("boolean", "There is more beyond the depth."),
    "nodes": one("array", items=one("object", properties={
        "id": one("string", "Of a table its key."), "kind": one("string", enum=[
            "table", "view", "missing", "source", "file", "dashboard", "question", "answer", "role", "sink",
            "webhook", "check", "metric", "term", "join", "schedule", "notebook"]),
        "name": one("string"), "columns": _TEXTS, "facts": one("object", "The owner's."),
        "note": one("string", "What is wrong with it, for the owner.")})),
    "links": one("array", items=one("object", properties={
        "above": one("string"), "below": one("string"), "by": one("string", enum=[
            "load", "view", "dbt", "statement", "question", "served", "check", "words", "schedule", "notebook"]),
        "whole": one("boolean", "Which columns become which is not known."),
        "columns": one("array", items=one("object", properties={
            "above": one("string"), "below": one("string"),
            "how": one("string", enum=["same", "computed", "aggregated"])})),
        "uses": one("array", "What rows are chosen by.", items=one("object", properties={
            "column": one("string"), "for": _TEXTS}))})),
    "effects": one("array", "Of impact.", items=one("object", properties={
        "id": one("string"), "kind": one("string"), "name": one("string"), "what": one("string", enum=[
            "refused", "breaks", "fails next", "may break", "loses", "stale"]),
        "columns": _TEXTS, "why": one("string")}))})}
