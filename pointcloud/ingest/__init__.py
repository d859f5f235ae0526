"""The job program that takes producers' LAS and LAZ files."""
