"""
Header fields that every answer has, or some.
"""

from __future__ import annotations

import pytest

from tests.wire.contents import ABSENT, Image
from tests.wire.harness import Served

IMAGE = Image.of("x")

MINE = [("X-Content-Type-Options", "nosniff"), ("X-Mine", "a"), ("X-Mine", "b")]

ROUTED = [
    ("GET", "v2/", 200),
    ("PUT", "v2/", 405),
    ("OPTIONS", "v2/", 204),
    ("GET", "v2/_catalog", 200),
    ("GET", "v2/_catalog?n=x", 400),
    ("GET", "v2/a/manifests/t", 200),
    ("GET", "v2/a/manifests/nothing", 404),
    ("GET", "v2/UPPER/manifests/t", 400),
    ("GET", f"v2/a/blobs/{ABSENT}", 404),
    ("POST", "v2/a/blobs/uploads/", 202),
    ("DELETE", "v2/a/manifests/t", 202),
]

UNROUTED = [("GET", "/", 200), ("GET", "/nonsense", 404), ("PUT", "/v2/a", 404)]


class OperatorTests:
    """
    Fields that the operator wants.
    """

    @pytest.fixture
    def mine(self) -> Served:
        """
        A registry whose operator wants some.
        """
        served = Served(headers=MINE)
        IMAGE.push(served, "a", "t")
        return served

    @pytest.mark.parametrize(("method", "target", "status"), ROUTED)
    def test_routed(self, mine: Served, method: str, target: str, status: int) -> None:
        """
        Every answer of a route has them, errors too, each as often as configured.
        """
        answer = mine.ask(method, target)
        assert answer.status == status
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer.all("X-Mine") == ["a", "b"]

    @pytest.mark.parametrize(("method", "target", "status"), UNROUTED)
    def test_unrouted(self, mine: Served, method: str, target: str, status: int) -> None:
        """
        Others have not.
        """
        answer = mine.ask(method, target)
        assert answer.status == status
        assert answer.all("X-Mine") == []


class VersionTests:
    """
    ``Docker-Distribution-Api-Version``.
    """

    @pytest.mark.parametrize(("method", "target", "status"), ROUTED + UNROUTED)
    def test_everywhere(self, served: Served, method: str, target: str, status: int) -> None:
        """
        Every answer has it.
        """
        IMAGE.push(served, "a", "t")
        answer = served.ask(method, target)
        assert answer.status == status
        assert answer["Docker-Distribution-Api-Version"] == "registry/2.0"


class NoiseTests:
    """
    Fields that tell too much, or the wrong thing.
    """

    @pytest.mark.parametrize(("method", "target", "status"), ROUTED + UNROUTED)
    def test_none(self, served: Served, method: str, target: str, status: int) -> None:
        """
        Nobody is told what serves here, which session this is, or another charset.
        """
        IMAGE.push(served, "a", "t")
        answer = served.ask(method, target)
        assert answer["Server"] is None
        assert answer["Set-Cookie"] is None
        assert "charset" not in (answer["Content-Type"] or "")

    def test_length_of_nothing(self, served: Served) -> None:
        """
        An answer without content has none of its fields.
        """
        answer = served.ask("POST", "v2/a/blobs/uploads/", body=b"")
        assert answer["Content-Type"] is None
        assert answer["Content-Length"] == "0"
