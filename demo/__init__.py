"""The page a person plays in."""
