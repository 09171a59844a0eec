"""What comes of loads and builds, told to others as OpenLineage events; off until it is configured."""

from pluto_duck.catalog.lineage.openlineage.datasets import Datasets
from pluto_duck.catalog.lineage.openlineage.event import Dataset, Job, Told, event
from pluto_duck.catalog.lineage.openlineage.sending import Emitter, emitter

__all__ = ["Dataset", "Datasets", "Emitter", "Job", "Told", "emitter", "event"]
