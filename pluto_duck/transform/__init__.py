"""Models: what was ingested becomes tables that people trust."""
