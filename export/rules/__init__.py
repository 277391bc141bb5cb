"""The gradient rules, one per (op, argument)."""
