"""Impasto: neural style transfer by optimisation (Gatys et al. 2015) on ONNX Runtime."""
