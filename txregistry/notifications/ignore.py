"""
What an endpoint doesn't want to be told.
"""

from __future__ import annotations

from attrs import frozen

from txregistry.model.event import Event


@frozen
class Ignored:
    """
    Which events.

    :param media_types: those of a target with one of these types, be it the one that the event
        tells, or the one that manifests give a blob, where that is known.
    :param actions: those of one of these actions.
    """

    media_types: frozenset[str] = frozenset()
    actions: frozenset[str] = frozenset()

    def __contains__(self, event: Event) -> bool:
        """Whether an event is one of them."""
        target = event.target
        return (
            event.action in self.actions
            or target.media_type in self.media_types
            or (target.layer_type != "" and target.layer_type in self.media_types)
        )
