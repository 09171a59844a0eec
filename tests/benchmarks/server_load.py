"""Requests as fast as answers come, over connections that stay: by wrk where it is installed, else by our own client.

`python -m tests.benchmarks.server_load` is that client, in a process of its own so that it shares no loop with anybody.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Ask:
    """One kind of request. `#` stands for a number: `random` below the limit, else counting up from it."""

    port: int
    path: str
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    below: int = 100_000
    count_from: int = 0
    keys: Sequence[str] = ()
    """Bearer tokens, one a connection in turn."""

    @property
    def method(self) -> str:
        return "POST" if self.body else "GET"


@dataclass(frozen=True)
class Load:
    per_s: float
    p50_ms: float
    p99_ms: float
    failed: int
    """Answers that were not 2xx, and sockets that broke."""


def client() -> str:
    return "wrk" if shutil.which("wrk") else "an asyncio client"


def load(ask: Ask, *, seconds: float = 3, connections: int = 8) -> Load:
    if shutil.which("wrk"):
        return _wrk(ask, seconds, connections)
    done = subprocess.run([sys.executable, "-m", "tests.benchmarks.server_load", json.dumps(asdict(ask)), str(seconds),
                           str(connections)], capture_output=True, text=True, check=True)
    return Load(**json.loads(done.stdout))


_LUA = """
local n, mine = 0, 0
local keys = { %(keys)s }
function setup(thread) end
function init(args) math.randomseed(%(seed)d) n = %(count_from)d end
function request()
  n = n + 1
  local id = %(count_from)d > 0 and n or math.random(%(below)d) - 1
  local h = { %(headers)s }
  if #keys > 0 then h["Authorization"] = "Bearer " .. keys[n %% #keys + 1] end
  local body = %(body)s
  return wrk.format("%(method)s", (string.gsub("%(path)s", "#", tostring(id))), h,
                    body and (string.gsub(body, "#", tostring(id))) or nil)
end
function done(s, l, r)
  local e = s.errors
  io.write(string.format("RESULT %%f %%f %%f %%d", s.requests / s.duration * 1e6, l:percentile(50) / 1000,
           l:percentile(99) / 1000, e.connect + e.read + e.write + e.status + e.timeout))
end
"""


def _wrk(ask: Ask, seconds: float, connections: int) -> Load:
    text = _LUA % {
        "keys": ", ".join(f'"{one}"' for one in ask.keys), "seed": random.randrange(10**6), "below": ask.below,
        "count_from": ask.count_from, "headers": ", ".join(f'["{k}"]="{v}"' for k, v in ask.headers.items()),
        "body": f"[==[{ask.body}]==]" if ask.body else "nil", "method": ask.method, "path": ask.path}
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "ask.lua"
        script.write_text(text, encoding="utf-8")
        done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout=20s", "-s", str(script),
                               f"http://127.0.0.1:{ask.port}"], capture_output=True, text=True, check=True)
    found = re.search(r"RESULT (\S+) (\S+) (\S+) (\d+)", done.stdout)
    assert found is not None, done.stdout + done.stderr
    return Load(float(found[1]), float(found[2]), float(found[3]), int(found[4]))


async def _asyncio(ask: Ask, seconds: float, connections: int) -> Load:
    times: list[float] = []
    failed, counter, end = 0, ask.count_from, time.perf_counter() + seconds

    async def one(number: int) -> None:
        nonlocal failed, counter
        reader, writer = await asyncio.open_connection("127.0.0.1", ask.port)
        headers = dict(ask.headers)
        if ask.keys:
            headers["Authorization"] = f"Bearer {ask.keys[number % len(ask.keys)]}"
        while time.perf_counter() < end:
            counter += 1
            id = str(counter if ask.count_from else random.randrange(ask.below))
            body = ask.body.replace("#", id).encode()
            head = [f"{ask.method} {ask.path.replace('#', id)} HTTP/1.1", f"Host: 127.0.0.1:{ask.port}",
                    *(f"{k}: {v}" for k, v in headers.items()), *([f"Content-Length: {len(body)}"] if body else [])]
            began = time.perf_counter()
            writer.write("\r\n".join([*head, "", ""]).encode() + body)
            top = await reader.readuntil(b"\r\n\r\n")
            size = re.search(rb"(?i)content-length: *(\d+)", top)
            await reader.readexactly(int(size[1]) if size else 0)
            times.append(time.perf_counter() - began)
            failed += top[9:10] != b"2"
        writer.close()

    await asyncio.gather(*(one(number) for number in range(connections)))
    times.sort()
    return Load(len(times) / seconds, times[len(times) // 2] * 1000, times[int(len(times) * 0.99)] * 1000, failed)


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(_asyncio(Ask(**json.loads(sys.argv[1])), float(sys.argv[2]), int(sys.argv[3]))))))
