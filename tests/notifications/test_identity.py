"""
The identity of events.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from txregistry.model.event_id import event_id
from txregistry.notifications.listening.localtime import local_offset

moments = st.integers(0, 2**62)


class EventIdTests:
    """
    Ids.
    """

    @given(moments)
    def test_version(self, nanoseconds: int) -> None:
        """
        Each is a UUID of version 7 that tells the millisecond.
        """
        text = event_id(nanoseconds)
        read = uuid.UUID(text)
        assert str(read) == text
        assert (read.version, read.variant) == (7, uuid.RFC_4122)
        assert read.int >> 80 == nanoseconds // 1_000_000

    @given(moments, st.integers(500, 10**12))
    def test_order(self, nanoseconds: int, later: int) -> None:
        """
        A later one is greater, as bytes and as text.
        """
        assert event_id(nanoseconds) < event_id(nanoseconds + later)

    def test_of_a_request(self) -> None:
        """
        One that has the digits of a request is a UUID, too, and the same each time.
        """
        ids = {event_id(10**18, "01234567-89ab-4def-a123-456789abcdef") for _ in range(2)}
        (text,) = ids
        read = uuid.UUID(text)
        assert str(read) == text
        assert (read.version, read.variant) == (7, uuid.RFC_4122)

    def test_unlike(self) -> None:
        """
        Those of one moment are different.
        """
        assert len({event_id(7) for _ in range(10_000)}) == 10_000


class LocalOffsetTests:
    """
    The local time.
    """

    @given(moments)
    def test_offset(self, nanoseconds: int) -> None:
        """
        It is what the system's zone says of that moment.
        """
        local = datetime.fromtimestamp(nanoseconds // 1_000_000_000).astimezone()
        offset = local.utcoffset()
        assert offset is not None
        assert local_offset(nanoseconds) == offset.total_seconds()
