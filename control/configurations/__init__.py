"""Configurations: how stored data are shown, under which name."""
