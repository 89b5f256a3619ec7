"""The messages of grpc.health.v1, as bytes."""

from __future__ import annotations

import pytest

from pidone.probes.grpc import ProbeError, field, message


def test_a_request_is_encoded_as_protobuf() -> None:
    assert message(b"") == b"\0\0\0\0\0"
    assert message(b"a") == b"\0\0\0\0\3\n\1a"
    assert message(b"a" * 300) == b"\0\0\0\1\x2f\n\xac\x02" + b"a" * 300


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 0), (b"\x08\x01", 1), (b"\x08\x02\x08\x01", 1), (b"\x08\x96\x01", 150),
        (b"\x12\3abc\x08\x01", 1), (b"\x19" + b"x" * 8 + b"\x08\x01", 1), (b"\x1d" + b"x" * 4 + b"\x08\x01", 1),
    ],
)  # fmt: skip
def test_unknown_fields_are_skipped(body: bytes, status: int) -> None:
    assert field(body) == status


@pytest.mark.parametrize("body", [b"\x08", b"\x08" + b"\x80" * 11, b"\x12\x7fabc", b"\x0b\x01", b"\x1d1"])
def test_a_body_that_is_not_a_message_is_an_error(body: bytes) -> None:
    with pytest.raises(ProbeError):
        field(body)
