"""The shipped files and a tiny reader on numpy and onnxruntime alone."""
