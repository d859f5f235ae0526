"""What producers and administrators do: stored data, offerings, publications."""
