"""Offerings: a configuration put on an endpoint."""
