"""From checkpoints to ONNX files, cards and test vectors, parity proved."""
