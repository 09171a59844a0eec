"""`python -m tests.agent.business FOLDER`: the databases, the semantic files and the questions, ready for eval."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.agent.business import sales, subscriptions

HERE = Path(__file__).parent
BUILDERS = {"sales": sales.build, "subscriptions": subscriptions.build}


def prepare(folder: Path) -> None:
    """`db/<name>.duckdb`, `<name>.semantics.yaml`, each file of questions whole, and its part about each database
    alone (`<file>.<name>.jsonl`), since a run of eval takes one semantic file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, build in BUILDERS.items():
        build(folder / "db" / f"{name}.duckdb")
        file = f"{name}.semantics.yaml"
        (folder / file).write_text((HERE / file).read_text(encoding="utf-8"), encoding="utf-8")
    for questions in sorted(HERE.glob("*.jsonl")):
        lines = [line for line in questions.read_text(encoding="utf-8").splitlines() if line.strip()]
        (folder / questions.name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        for name in BUILDERS:
            own = "".join(f"{line}\n" for line in lines if json.loads(line).get("db") == name)
            (folder / f"{questions.stem}.{name}.jsonl").write_text(own, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.agent.business FOLDER")
    prepare(Path(sys.argv[1]))
