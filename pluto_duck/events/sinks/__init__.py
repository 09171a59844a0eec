"""Where changes are delivered: each module is one Sink, entered by its entry point."""
