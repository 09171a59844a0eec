"""The HTTP door: /api/v1 inside any Jupyter Server."""
