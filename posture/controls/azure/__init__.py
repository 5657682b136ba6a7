"""Controls on Azure."""
