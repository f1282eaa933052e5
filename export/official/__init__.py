"""From an official StyleGAN checkpoint to ONNX: the file is read as data, and nothing in it is ever run."""
