"""Models: what was ingested becomes tables that people trust."""

DBT_COMMANDS = ("build", "run", "test", "seed", "snapshot", "compile", "docs", "ls", "show", "parse", "deps", "clean",
                "source")
"""Of dbt, that `run-dbt` passes on."""
