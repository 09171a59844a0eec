"""Pulling data in: from a source, through a connector, into tables, all or nothing."""

from pluto_duck.ingest.load import LoadedTable, LoadReport, ingest

__all__ = ["LoadReport", "LoadedTable", "ingest"]
