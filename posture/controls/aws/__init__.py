"""Controls on AWS."""
