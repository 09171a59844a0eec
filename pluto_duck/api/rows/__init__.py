"""The rows of tables as resources: listed by conditions, found by their keys, made, changed and taken away."""
