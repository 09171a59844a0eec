"""The description of this door as HTML: addresses by their noun, what goes in and comes out, a curl for each."""

from __future__ import annotations

import json
import re
import shlex
from html import escape
from itertools import groupby
from typing import Any
from urllib.parse import quote

from pluto_duck.api.docs_style import STYLE
from pluto_duck.api.openapi_parts import Json

_METHODS = ("get", "post", "put", "patch", "delete")
_EXAMPLES = {"run_id": "$RUN", "n": "7", "name": "flights", "table": "flights", "sql": "select 42",
             "question": "how many flights?", "query": "{ __typename }"}


def page(document: Json, origin: str) -> str:
    """`origin` is the scheme and host that the reader came by, for what they copy."""
    base = document["servers"][0]["url"]
    operations = [(path, method, said) for path, methods in document["paths"].items()
                  for method, said in methods.items() if method in _METHODS]
    nouns = [(noun, list(some)) for noun, some in groupby(sorted(operations, key=lambda one: _noun(one[0])),
                                                          key=lambda one: _noun(one[0]))]
    info = document["info"]
    title = escape(f"{info['title']} {info['version']}")
    listed = "".join(f"<h3>{escape(noun)}</h3><ul>" + "".join(
        f'<li><a href="#{_anchor(method, path)}"><b class="{method}">{method.upper()}</b>{escape(path)}</a></li>'
        for path, method, _ in some) + "</ul>" for noun, some in nouns)
    told = "".join(f'<section><h2 id="{escape(noun)}">{escape(noun)}</h2>' + "".join(
        _operation(document, origin + base, *one) for one in some) + "</section>" for noun, some in nouns)
    schemas = "".join(f'<details id="schema-{escape(name)}"><summary><code>{escape(name)}</code></summary><div>'
                      f"{_members(schema)}</div></details>" for name, schema in schemas_of(document).items())
    return (f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
            f'content="width=device-width, initial-scale=1"><title>{title}</title>'
            f'<style>{STYLE}</style></head><body><div class="all"><nav aria-label="Addresses">{listed}'
            f'<h3><a href="#schemas">schemas</a></h3></nav><main><h1>{escape(info["title"])} '
            f'<span class="soft">{escape(info["version"])}</span></h1>'
            f'<p>Addresses below <code>{escape(origin + base)}</code>, for programs: '
            f'<a href="{escape(base)}/openapi.json">openapi.json</a> (OpenAPI {escape(document["openapi"])}).</p>'
            f'{_security(document, origin + base)}{told}<section><h2 id="schemas">Schemas</h2>{schemas}</section>'
            "</main></div></body></html>")


def schemas_of(document: Json) -> dict[str, Json]:
    return dict(document["components"]["schemas"])


def _noun(path: str) -> str:
    return path.strip("/").split("/")[0].removesuffix(".json")


def _anchor(method: str, path: str) -> str:
    return method + re.sub(r"[^a-z0-9]+", "-", path.lower()).rstrip("-")


def _security(document: Json, base: str) -> str:
    rows = "".join(f"<tr><td><code>{escape(name)}</code></td><td>{escape(said.get('description', ''))}</td></tr>"
                   for name, said in document["components"]["securitySchemes"].items())
    return (f'<section><h2 id="who-asks">Who asks</h2><table>{rows}</table>'
            f"<pre>export KEY=pdk_...\ncurl -s -H \"Authorization: Bearer $KEY\" {escape(base)}/tables</pre></section>")


def _operation(document: Json, base: str, path: str, method: str, said: Json) -> str:
    parts = [f"<p>{escape(said['description'])}</p>"] if "description" in said else []
    parts.append(f"<pre>{escape(curl(document, base, path, method, said))}</pre>")
    if said.get("parameters"):
        parts.append("<h3>Parameters</h3><table>" + "".join(_parameter(one) for one in said["parameters"]) + "</table>")
    if "requestBody" in said:
        parts.append("<h3>Body</h3><table>" + _content(said["requestBody"]) + "</table>")
    parts.append("<h3>Answers</h3><table>" + "".join(
        f"<tr><td><code>{escape(status)}</code></td><td>{escape(one.get('description', ''))}{_headers(one)}"
        f"<table>{_content(one)}</table></td></tr>" for status, one in said["responses"].items()) + "</table>")
    return (f'<details id="{_anchor(method, path)}"><summary><b class="{method}">{method.upper()}</b>'
            f'<code>{escape(path)}</code><span class="soft">{escape(said.get("summary", ""))}</span></summary>'
            f'<div>{"".join(parts)}</div></details>')


def _parameter(one: Json) -> str:
    return (f"<tr><td><code>{escape(one['name'])}</code> <span class=\"soft\">{escape(one['in'])}</span></td>"
            f"<td>{_type(one['schema'])} {escape(one.get('description', ''))}</td></tr>")


def _headers(answer: Json) -> str:
    found = answer.get("headers")
    return f' <span class="soft">Headers: {escape(", ".join(found))}</span>' if found else ""


def _content(of: Json) -> str:
    return "".join(f"<tr><td><code>{escape(kind)}</code></td><td>{_type(one.get('schema', {}))}</td></tr>"
                   for kind, one in of.get("content", {}).items())


def _type(schema: Json) -> str:
    """One schema in a line; others are links."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rsplit("/", 1)[1]
        return f'<a href="#schema-{escape(name)}">{escape(name)}</a>'
    if "enum" in schema:
        return " ".join(f"<code>{escape(json.dumps(one))}</code>" for one in schema["enum"])
    kinds = schema.get("type", "anything")
    text = escape(kinds if isinstance(kinds, str) else " or ".join(kinds))
    if schema.get("items"):
        text += f" of {_type(schema['items'])}"
    bounds = [f"{word} {schema[key]}" for key, word in (("minimum", "from"), ("exclusiveMinimum", "above"),
              ("maximum", "to"), ("default", "default"), ("format", "as")) if key in schema]
    return f'<span class="soft">{" ".join([text, *map(escape, bounds)])}</span>'


def _members(schema: Json) -> str:
    note = f"<p>{escape(schema['description'])}</p>" if "description" in schema else ""
    return note + "<table>" + "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{_type(one)} {escape(one.get('description', ''))}</td></tr>"
        for name, one in schema.get("properties", {}).items()) + "</table>"


def curl(document: Json, base: str, path: str, method: str, said: Json) -> str:
    """What one could type for it, with what must be there and little else."""
    address = base + re.sub(r"\{(\w+)\}", lambda found: _EXAMPLES.get(str(found[1]), "ID"), path)
    asked = [one for one in said.get("parameters", ()) if one["in"] == "query" and one.get("required")]
    wanted = "&".join(f"{one['name']}={quote(str(sample(document, one['schema'], one['name'])))}" for one in asked)
    words = ["curl -s", *([] if method == "get" else [f"-X {method.upper()}"])]
    if said.get("security") != []:
        words.append('-H "Authorization: Bearer $KEY"')
    for kind, body in said.get("requestBody", {}).get("content", {}).items():
        example = body.get("example", sample(document, body.get("schema", {}), ""))
        words += [f'-H "Content-Type: {kind}"', "-d " + shlex.quote(json.dumps(example))]
        break
    whole = address + (f"?{wanted}" if wanted else "")
    return " ".join([*words, f'"{whole}"' if re.search(r"[$?&]", whole) else whole])


def sample(document: Json, schema: Json, name: str) -> Any:
    """A value that fits."""
    if "$ref" in schema:
        return sample(document, schemas_of(document)[str(schema["$ref"]).rsplit("/", 1)[1]], name)
    if "example" in schema:
        return schema["example"]
    for choice in ("oneOf", "anyOf"):
        if schema.get(choice):
            first = schema[choice][0]
            members = {**schema.get("properties", {}), **{k: v for k, v in first.get("properties", {}).items() if v}}
            rest = {k: v for k, v in schema.items() if k != choice}
            return sample(document, rest | first | ({"properties": members} if members else {}), name)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {one: sample(document, schema["properties"][one], one) for one in schema.get("required", ())
                if one in schema.get("properties", {})}
    if kind == "array":
        return [sample(document, schema["items"], name)] if schema.get("minItems") and "items" in schema else []
    if kind in ("integer", "number"):
        return schema.get("default", schema.get("minimum", 1))
    return {"boolean": False}.get(str(kind), _EXAMPLES.get(name, name or "..."))
