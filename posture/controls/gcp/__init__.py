"""Controls on Google Cloud."""
