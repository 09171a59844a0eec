"""Every long job is a run: states, an event log anybody may follow, cancel, a deadline, kept rows."""

from pluto_duck.runs.context import RunContext
from pluto_duck.runs.model import Column, Run, RunEvent, Status
from pluto_duck.runs.queue import Share
from pluto_duck.runs.rowsfile import RowsReader
from pluto_duck.runs.runner import Runs, Work

__all__ = ["Column", "RowsReader", "Run", "RunContext", "RunEvent", "Runs", "Share", "Status", "Work"]
