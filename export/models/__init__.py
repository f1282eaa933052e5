"""What a model is called, which graphs it ships and what its card says: one file a family."""
