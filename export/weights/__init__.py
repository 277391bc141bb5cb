"""Readers for checkpoints in foreign formats; each takes tensors only and runs no code."""
