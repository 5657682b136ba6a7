"""The simulated side of Azure."""
