"""The lessons: one file a model family, one visible training loop (PyTorch)."""
