"""A simulated Kubernetes: API servers in memory, and the clusters of the simulated tenants."""
