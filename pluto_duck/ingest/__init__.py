"""Pulling data in: from a source, through a connector, into tables, each of them whole or not at all."""

from pluto_duck.ingest.load import ingest
from pluto_duck.ingest.options import LoadOptions, Progress
from pluto_duck.ingest.preview import LoadPlan, plan_load
from pluto_duck.ingest.report import FailedTable, LoadedTable, LoadReport

__all__ = ["FailedTable", "LoadOptions", "LoadPlan", "LoadReport", "LoadedTable", "Progress", "ingest", "plan_load"]
