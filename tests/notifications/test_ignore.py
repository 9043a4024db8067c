"""
What an endpoint doesn't want to be told.
"""

from __future__ import annotations

import pytest
from attrs import evolve

from txregistry.model.event import Event, EventAction, Kind, Target
from txregistry.notifications.ignore import Ignored

LAYER = "application/vnd.oci.image.layer.v1.tar"
BLOB = Target("a", Kind.BLOB, media_type="application/octet-stream", layer_type=LAYER)
PULL = Event("pull", 1, EventAction.PULL, BLOB)
PUSH = Event("push", 2, EventAction.PUSH, Target("a", media_type="x/y"))
DELETE = Event("delete", 3, EventAction.DELETE, Target("a", Kind.TAG, tag="t"))
ALL = [PULL, PUSH, DELETE]


class IgnoredTests:
    """
    What an endpoint doesn't want to know.
    """

    @pytest.mark.parametrize(
        ("ignored", "left"),
        [
            (Ignored(), ["pull", "push", "delete"]),
            (Ignored(actions=frozenset({"pull", "delete"})), ["push"]),
            (Ignored(media_types=frozenset({"x/y"})), ["pull", "delete"]),
            (Ignored(media_types=frozenset({"application/octet-stream"})), ["push", "delete"]),
            (Ignored(media_types=frozenset({LAYER})), ["push", "delete"]),
            (Ignored(frozenset({"x/y"}), frozenset({"pull", "delete"})), []),
        ],
    )
    def test_ignores(self, ignored: Ignored, left: list[str]) -> None:
        """
        What has an action or a type of the lists is ignored, and the rest isn't.
        """
        assert [event.id for event in ALL if event not in ignored] == left

    def test_unknown_type(self) -> None:
        """
        That the type of a blob isn't known is no type that could be ignored.
        """
        event = evolve(PULL, target=evolve(BLOB, layer_type=""))
        assert event not in Ignored(media_types=frozenset({LAYER, ""}))
