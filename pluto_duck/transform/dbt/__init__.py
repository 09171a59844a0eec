"""dbt in the workspace: in a process of its own, through a Session like everybody else.

Every statement of dbt passes the host, so other work goes on beside it, versions move and changes are kept, and a
killed dbt harms nobody. dbt itself is imported in that process alone.
"""

from pluto_duck.transform.dbt.model import DbtNode, DbtOptions, DbtReport
from pluto_duck.transform.dbt.running import run_dbt

__all__ = ["DbtNode", "DbtOptions", "DbtReport", "run_dbt"]
