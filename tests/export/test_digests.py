"""What a file is known by."""

import pytest

from impasto.export.digests import sha256_of


def test_digest_is_that_of_the_standard(tmp_path):
    """FIPS 180-2, appendix B.1 and B.3."""
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert sha256_of(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    path.write_bytes(b"a" * 1_000_000)
    assert sha256_of(str(path)) == (
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
    )


def test_file_that_is_gone_is_told(tmp_path):
    with pytest.raises(FileNotFoundError):
        sha256_of(tmp_path / "gone")
