"""Controls: one promise each, as a pure function with its metadata as data."""
