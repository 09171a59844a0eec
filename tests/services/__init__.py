"""Real servers for tests: each file starts one kind, on a port and in a folder of its own."""
