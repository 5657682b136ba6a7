"""Stored objects, where the operator asks for it: headers of a sample, and S3 Inventory reports. Never their content."""
