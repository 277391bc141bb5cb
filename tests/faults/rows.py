"""The rows of docs/faults.md as marks of tests."""

import pytest


def row(name):
    """Mark a test as one of the row of this name; the name is part of the test's id."""
    return pytest.mark.parametrize("row", [name], indirect=True)
