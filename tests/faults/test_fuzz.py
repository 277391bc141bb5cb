"""A hundred damaged files of every kind; `make fuzz` reads two thousand of each."""

import pytest

from .fuzz import KINDS, fuzz


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_are_taken_or_refused_in_one_line(kind):
    said, findings = fuzz(kind, 0, 100)
    assert findings == []
    assert said.startswith("said ")
