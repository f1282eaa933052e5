"""The kitchen that runs in a visitor's own browser: the recipes of `onnx_models`, cooked without a server."""
