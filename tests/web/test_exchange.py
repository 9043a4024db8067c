"""
Who is told that a request has been served.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from txregistry.web.exchange import RunningExchange
from txregistry.web.request import RegistryRequest


def exchange(*, finished: bool) -> RunningExchange:
    """
    An exchange whose answer has gone out, or has not.
    """
    request = SimpleNamespace(finished=int(finished), isSecure=lambda: True)
    return RunningExchange(cast(RegistryRequest, request), 0.0)


class ServedTests:
    """
    ``when_served``.
    """

    @pytest.mark.parametrize(
        ("status", "finished", "served"),
        [
            (200, True, True),
            (206, True, True),
            (307, True, True),
            (304, True, False),
            (404, True, False),
            (416, True, False),
            (500, True, False),
            (200, False, False),
        ],
    )
    def test_served(self, status: int, finished: bool, served: bool) -> None:
        """
        It is told of an answer that serves, and went out; each is told once.
        """
        running = exchange(finished=finished)
        told: list[int] = []
        running.when_served(lambda: told.append(1))
        running.when_served(lambda: told.append(2))
        running.status = status
        running.tell_served()
        assert told == ([1, 2] if served else [])
        running.tell_served()
        assert len(told) <= 2
