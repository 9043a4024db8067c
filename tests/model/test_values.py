"""
Descriptors and accesses.
"""

from __future__ import annotations

from txregistry.model.access import CATALOG, Access, Action, Credentials, records
from txregistry.model.descriptor import Descriptor, ReferrerDescriptor
from txregistry.model.digest import Digest

SUM = Digest.of(b"{}")


class ReferrerDescriptorTests:
    """
    Entries of referrers lists.
    """

    def test_all(self) -> None:
        """
        An entry has what the specification names.
        """
        entry = ReferrerDescriptor(Descriptor("a/b", SUM, 2), "c/d", {"e": "f"})
        assert entry.as_json() == {
            "mediaType": "a/b",
            "digest": str(SUM),
            "size": 2,
            "artifactType": "c/d",
            "annotations": {"e": "f"},
        }

    def test_less(self) -> None:
        """
        What there isn't isn't there.
        """
        entry = ReferrerDescriptor(Descriptor("a/b", SUM, 2))
        assert entry.as_json().keys() == {"mediaType", "digest", "size"}


class AccessTests:
    """
    What a request wants.
    """

    def test_records(self) -> None:
        """
        The detail of a refusal is distribution's.
        """
        wanted = [Access(Action.PULL, "a/b"), CATALOG]
        assert records(wanted) == [
            {"Type": "repository", "Class": "", "Name": "a/b", "Action": "pull"},
            {"Type": "registry", "Class": "", "Name": "catalog", "Action": "*"},
        ]

    def test_secret(self) -> None:
        """
        Credentials don't show in logs.
        """
        assert "secret" not in repr(Credentials("Basic secret", "::1"))
