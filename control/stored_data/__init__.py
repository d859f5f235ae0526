"""Stored data: what the platform keeps of a delivery, ready to be served."""
