"""The engine: pictures, targets, the objective and the optimisers, on ONNX Runtime."""
