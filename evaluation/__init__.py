"""The numbers of what ships, measured on the ONNX files through onnxruntime."""
