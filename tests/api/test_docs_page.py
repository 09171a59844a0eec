"""The description as a page: whole, true, and shut to everything from outside."""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
from html import unescape
from typing import Any
from urllib.parse import parse_qsl

from pluto_duck.api.docs_page import curl, page
from pluto_duck.api.openapi import PATHS, document

OPERATIONS = [(path, method) for path, methods in PATHS.items() for method in methods]


async def test_it_shows_every_address_and_schema_and_every_link_leads_somewhere(client: Any, jp_base_url: str) -> None:
    answer = await client("docs")
    assert answer.code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    text = answer.body.decode()
    for path, method in OPERATIONS:
        assert f'<b class="{method}">{method.upper()}</b><code>{path}</code>' in text
    anchors = re.findall(r'id="([^"]+)"', text)
    assert len(anchors) == len(set(anchors))
    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(anchors)
    assert set(re.findall(r'href="([^#"][^"]*)"', text)) == {f"{jp_base_url}api/v1/openapi.json"}
    assert set(document("/")["components"]["schemas"]) <= {one.removeprefix("schema-") for one in anchors}


async def test_its_policy_lets_nothing_in_but_its_own_style(client: Any) -> None:
    answer = await client("docs")
    text = answer.body.decode()
    assert not re.search(r'<script|<link|<img|src=|@import|url\(|\son\w+="|style="', text)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert answer.headers.get_list("Content-Security-Policy") == [
        f"default-src 'none'; style-src 'sha256-{allowed}'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"]


async def test_what_a_host_header_says_is_text(client: Any) -> None:
    found = page(document('/"><script>/'), 'http://"><script>')
    assert "<script>" not in found


async def test_each_curl_is_a_good_request(client: Any) -> None:
    found = document("/")
    shown = unescape(page(found, "http://here"))
    await client.sql("create table flights (id text primary key default 'new', carrier text)")
    for path, method in OPERATIONS:
        line = curl(found, "http://here/api/v1", path, method, PATHS[path][method])
        assert line in shown
        words = shlex.split(line.replace("$RUN", "ID"))
        body = words[words.index("-d") + 1] if "-d" in words else None
        kinds = [one for one in words if one.startswith("Content-Type: ")]
        address = next(one for one in words if one.startswith("http://here/api/v1")).removeprefix("http://here/api/v1/")
        where, _, query = address.partition("?")
        if path in ("/watch", "/panel"):
            continue  # they answer for as long as one listens
        answer = await client(*where.split("/"), method=method.upper(), body=body,
                              headers=dict([kinds[0].split(": ")]) if kinds else {}, **dict(parse_qsl(query)))
        if path == "/checks/run":
            assert b"checks.yaml" in answer.body  # there is none
            continue
        assert answer.code in (200, 201, 202, 204, 404), (line, answer.body)
