"""GET /api/v1/changes: the changes of tracked tables, as events while one listens or as JSON in lots."""
