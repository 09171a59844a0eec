"""`python -m tests.agent.business FOLDER`: the databases, the semantic files and the questions, ready for eval."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tests.agent.business import sales, subscriptions

HERE = Path(__file__).parent
BUILDERS = {"sales": sales.build, "subscriptions": subscriptions.build}


def prepare(folder: Path) -> None:
    """`db/<name>.duckdb`, and beside it `<name>.semantics.yaml` and each file of questions."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, build in BUILDERS.items():
        build(folder / "db" / f"{name}.duckdb")
        shutil.copyfile(HERE / f"{name}.semantics.yaml", folder / f"{name}.semantics.yaml")
    for questions in sorted(HERE.glob("*.jsonl")):
        shutil.copyfile(questions, folder / questions.name)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.agent.business FOLDER")
    prepare(Path(sys.argv[1]))
