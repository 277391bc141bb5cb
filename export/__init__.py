"""Ahead-of-time work: checkpoints to networks, networks to gradient graphs."""
