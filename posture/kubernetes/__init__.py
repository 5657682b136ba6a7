"""What the API server of a cluster answers, read alike by its room and its controls."""
