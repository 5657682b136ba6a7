"""The simulated side of Google Cloud."""
