"""Signatures are those of the reference implementation, and the receivers of the docs accept exactly them."""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from pluto_duck.events.webhooks.signing import headers, secret_text, sign

PAGE = (Path(__file__).parents[3] / "docs" / "changes.md").read_text(encoding="utf-8")
KEY, OLD = bytes(range(32)), bytes(range(32, 64))
BODY = '{"type": "x", "data": {"name": "Müller"}}'.encode()


def block(language: str) -> str:
    return next(one for one in re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL) if "verified" in one)


def test_a_signature_is_that_of_the_reference_implementation() -> None:
    theirs = Verifier(secret_text(KEY)).sign("msg_1", dt.datetime.fromtimestamp(1_700_000_000, dt.UTC), BODY.decode())
    assert sign([KEY], "msg_1", 1_700_000_000, BODY) == theirs
    assert secret_text(KEY).startswith("whsec_")


def cases() -> list[tuple[dict[str, str], bytes, bool]]:
    now = int(time.time())
    good = headers([OLD, KEY], "msg_1", now, BODY)
    return [(good, BODY, True), (headers([KEY], "msg_1", now, BODY), BODY, True), (good, BODY + b" ", False),
            ({**good, "webhook-id": "msg_2"}, BODY, False), (headers([OLD], "msg_1", now, BODY), BODY, False),
            (headers([KEY], "msg_1", now - 3_000, BODY), BODY, False), ({**good, "webhook-signature": "v1,"}, BODY, False)]


def test_the_receiver_in_python_accepts_what_it_should() -> None:
    inside: dict[str, Any] = {}
    exec(block("python"), inside)
    assert [inside["verified"](secret_text(KEY), sent, body) for sent, body, _ in cases()] == [good for *_, good in cases()]


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_receiver_in_node_accepts_what_it_should() -> None:
    asked = [[secret_text(KEY), sent, body.decode()] for sent, body, _ in cases()]
    script = block("js") + (f"const asked = {json.dumps(asked)};\nconsole.log(JSON.stringify(asked.map("
                            "([secret, headers, body]) => verified(secret, headers, Buffer.from(body)))));")
    done = subprocess.run(["node", "-e", script], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout) == [good for *_, good in cases()]
