"""The simulated side of AWS."""
