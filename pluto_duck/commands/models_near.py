"""Language models that run on this machine: the ports where their servers stand by custom, loopback alone."""

from __future__ import annotations

import json
from dataclasses import dataclass

PORTS = ((11434, "Ollama"), (8080, "llama.cpp or MLX-LM"), (1234, "LM Studio"), (8000, "vLLM"))
TIMEOUT_S = 0.5
MAX_BYTES = 100_000
SHOWN = 5


@dataclass(frozen=True)
class Near:
    url: str
    """What agent.base_url takes."""
    program: str
    """Which server stands at that port by custom; a guess."""
    models: tuple[str, ...]


def look() -> list[Near]:
    """Asks each port for its models; takes no proxy, follows nowhere, sends nothing but the question."""
    return [found for port, program in PORTS if (found := _ask(port, program)) is not None]


def _ask(port: int, program: str) -> Near | None:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/v1/models", headers={"Accept": "application/json"})
        reply = connection.getresponse()
        told = json.loads(reply.read(MAX_BYTES)) if reply.status == 200 else None
        ids = tuple(str(one["id"])[:80] for one in told["data"]) if isinstance(told, dict) else ()
    except (OSError, ValueError, http.client.HTTPException, LookupError, TypeError):
        return None
    finally:
        connection.close()
    return Near(f"http://127.0.0.1:{port}/v1", program, ids) if isinstance(told, dict) else None


def lines() -> list[tuple[str, str]]:
    """For `doctor`."""
    found = look()
    if not found:
        return [("local models", "none found at " + ", ".join(str(port) for port, _ in PORTS))]
    return [(f"local model ({one.program})", f"{one.url}: {', '.join(one.models[:SHOWN]) or 'no model loaded'}"
             + (f" and {len(one.models) - SHOWN} more" if len(one.models) > SHOWN else "")) for one in found]
