"""A PostgreSQL database, followed: a copy of its tables, then every change of them, for as long as one likes.

    slot and publication -> a copy as of the slot's moment -> pgoutput -> Applier -> tables and `_pluto.follows`

The position commits with the rows it speaks of, and the source is told only then. So after whatever end, of this
process or the other, the same command goes on: nothing is left out and nothing comes twice.
"""

from pluto_duck.ingest.follow.following import Follower, FollowReport, Lag, Told

__all__ = ["FollowReport", "Follower", "Lag", "Told"]
