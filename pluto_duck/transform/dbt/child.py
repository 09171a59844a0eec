"""dbt's own process: `python -m pluto_duck.transform.dbt.child`, started by `running.py` and by nothing else.

It reads what to do as one JSON line, tells what happens as JSON lines, and ends when its stdin ends.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

ANSWERS = ("PrintEvent", "ListCmdOut", "ShowNode", "CompiledNode")
"""What `ls`, `show` and `compile` answer, and what a project itself prints."""
PATIENCE_S = 10.0
"""For dbt to end by itself when it was told to."""
_GARBAGE = 20_000
"""What dbt makes of a project stays until it ends; to look for garbage in that as often as Python does takes a tenth of
dbt's time, and finds next to nothing."""


def main() -> int:
    gc.set_threshold(_GARBAGE, 20, 100)
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    # What dbt and python models print must not come between our lines.
    os.dup2(2, 1)
    lock = threading.Lock()

    def tell(kind: str, **content: Any) -> None:
        with lock:
            try:
                out.write(json.dumps({"kind": kind, **content}, default=str) + "\n")
            except BrokenPipeError:
                pass

    def watch() -> None:
        sys.stdin.read()
        threading.Timer(PATIENCE_S, os._exit, (130,)).start()
        os.kill(os.getpid(), signal.SIGINT)

    try:
        from dbt.cli.main import dbtRunner
    except ImportError as error:
        tell("missing", message=str(error))
        return 2
    line = sys.stdin.readline()
    if not line:
        return 0
    wanted = json.loads(line)
    threading.Thread(target=watch, daemon=True).start()
    if wanted["database"]:
        from pluto_duck.transform.dbt.environment import install

        install(Path(wanted["workspace"]), Path(wanted["database"]), check=bool(wanted.get("check")))

    totals = [0]

    def heard(event: Any) -> None:
        name, data = event.info.name, event.data
        if name == "LogStartLine":
            totals[0] = data.total
        if name in ANSWERS:
            tell("answer", text=event.info.msg)
        elif name == "NodeStart":
            tell("start", node=data.node_info.unique_id, name=data.node_info.node_name,
                 type=data.node_info.resource_type, materialized=data.node_info.materialized,
                 path=data.node_info.node_path, total=totals[0])
        elif name == "NodeFinished":
            tell("end", node=data.node_info.unique_id, name=data.node_info.node_name,
                 type=data.node_info.resource_type, status=data.run_result.status,
                 elapsed_s=data.run_result.execution_time, message=data.run_result.message,
                 relation=data.node_info.node_relation.relation_name, total=totals[0])
        elif name == "LogStartLine" or event.info.level in ("debug", "test"):
            pass
        elif event.info.msg.strip():
            tell("log", level=event.info.level, text=event.info.msg)

    result = dbtRunner(callbacks=[heard]).invoke(wanted["args"])
    nodes = [_node(one) for one in getattr(result.result, "results", None) or [] if hasattr(one, "node")]
    tell("done", success=result.success, nodes=nodes,
         problem=str(result.exception) if result.exception is not None else "")
    return 0


def _node(result: Any) -> dict[str, Any]:
    node = result.node
    return {"node": node.unique_id, "name": node.name, "type": str(node.resource_type),
            "status": str(result.status), "elapsed_s": result.execution_time, "message": result.message or "",
            "relation": getattr(node, "relation_name", None) or "", "path": node.original_file_path,
            "materialized": getattr(node.config, "materialized", "") if hasattr(node, "config") else "",
            "compiled": getattr(node, "compiled_code", None) or "", "failures": result.failures}


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # threads of dbt's that hang must not keep it
