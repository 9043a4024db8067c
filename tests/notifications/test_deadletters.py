"""
Dead letters of events in either form.
"""

from __future__ import annotations

from pathlib import Path

from tests.model.test_event import plain_fields
from txregistry.model.digest import Digest
from txregistry.model.event import Event, EventAction, Origin, Target, decode, encode, encode_plain
from txregistry.notifications.deadletters import DeadLetters
from txregistry.notifications.directory import OutboxDirectory
from txregistry.notifications.entries import Excess

TARGET = Target("a/b", digest=Digest.of(b"x"), media_type="m", size=1)


class DeadLetterFormTests:
    """
    What people see of an event that nobody got.
    """

    def test_forms(self, tmp_path: Path) -> None:
        """
        In whichever form an event was kept, its letter names its members, and the same event goes
        back into the outbox.
        """
        request = Origin("12345678-1234-4234-a234-123456789abc", "192.0.2.1:1", "h", "PUT", "ä")
        named = Event("id", 10**18, EventAction.PUSH, TARGET, request, "ann")
        unnamed = Event("", 10**18, EventAction.PUSH, TARGET, request, "ann")
        payloads = [encode(named), encode_plain(*plain_fields(unnamed))]
        letters = DeadLetters(OutboxDirectory(str(tmp_path)))
        letters.add([Excess(1, 2.0, payload, ("a",), "maxage") for payload in payloads])
        found = list(letters)
        assert [each.event["target"]["repository"] for each in found] == ["a/b", "a/b"]
        again = [decode(each.entry(3.0).payload) for each in found]
        assert again == [decode(payload) for payload in payloads]
