"""Models: what was ingested becomes tables that people trust."""

DBT_COMMANDS = ("build", "run", "test", "seed", "snapshot", "compile", "docs", "ls", "show", "parse", "deps", "clean",
                "source")
"""Of dbt, that `run-dbt` passes on."""
DBT_FROM_AFAR = tuple(one for one in DBT_COMMANDS if one not in ("deps", "clean"))
"""Over REST: neither what fetches packages from elsewhere nor what deletes folders."""
