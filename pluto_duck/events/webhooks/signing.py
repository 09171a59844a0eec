"""Signatures of Standard Webhooks: HMAC-SHA256 over id, time and body, one for each secret that is still good.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence

PREFIX = "whsec_"


def secret_text(key: bytes) -> str:
    """As it is told to whoever will verify."""
    return PREFIX + base64.b64encode(key).decode()


def sign(keys: Sequence[bytes], message: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`; the newest key comes first."""
    content = f"{message}.{timestamp}.".encode() + body
    return " ".join("v1," + base64.b64encode(hmac.digest(key, content, "sha256")).decode() for key in keys)


def headers(keys: Sequence[bytes], message: str, timestamp: int, body: bytes) -> dict[str, str]:
    return {"webhook-id": message, "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(keys, message, timestamp, body)}
