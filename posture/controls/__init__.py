"""Controls: one promise each, as a pure function with its metadata as data."""

from posture.controls.registry import registry

# every area is read here, so that a function without metadata, or metadata without a function, is an error at import
registry()
