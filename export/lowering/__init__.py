"""Lowerings: how semantic ops become standard ONNX ops on a given kind of device."""
