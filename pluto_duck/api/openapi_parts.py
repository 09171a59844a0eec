"""Pieces of which the description of this door is made."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
LEAST_S = 0.01
"""A shorter timeout_s would end everything before it begins."""


def one(kind: str, note: str = "", **more: Any) -> Json:
    return {"type": kind, **({"description": note} if note else {}), **more}


def query(name: str, note: str, kind: str = "string", **more: Any) -> Json:
    return {"name": name, "in": "query", "description": note, "schema": {"type": kind, **more}}


def path(name: str, note: str) -> Json:
    return {"name": name, "in": "path", "required": True, "description": note, "schema": {"type": "string"}}


def answer(note: str, schema: str = "", *, kind: str = "application/json", **more: Any) -> Json:
    body = {"content": {kind: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}} if schema else {}
    return {"description": note, **body, **more}


PROBLEM = {"default": answer("What went wrong, as RFC 9457 has it.", "Problem", kind="application/problem+json")}
WORKSPACE = query("workspace", "One of /workspaces; the server's default one when left out.")
MIND = one("string", "Where no policy is in force: why a key or token sees nothing.")
LOCATION: Json = {"headers": {"Location": {"description": "Where the run is.", "schema": {"type": "string"}}}}
