"""Changes: the Journal of tracked tables, and what delivers it to others."""
