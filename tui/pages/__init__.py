"""Pages about one thing: a resource or a source."""
