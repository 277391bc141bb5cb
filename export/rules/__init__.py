"""The gradient rules, one per (op, argument); importing this package registers them all."""

from . import arithmetic, convolution, linear, pooling, reduction, shaping

__all__ = ["arithmetic", "convolution", "linear", "pooling", "reduction", "shaping"]
