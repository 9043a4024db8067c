"""
An exchange that tests change as they like.
"""

from __future__ import annotations

from typing import Any

import attrs

from txregistry.interfaces import Exchange

PULL = Exchange(
    request_id="7c8f1a52-9b5e-4a8e-8f6a-0d9d1f5b7e11",
    address="203.0.113.9",
    actor="",
    method="GET",
    uri="/v2/a/manifests/latest",
    protocol="HTTP/1.1",
    host="registry.example:5000",
    referer="",
    user_agent="docker/27.0",
    content_type="application/json",
    route="manifest",
    variables={"name": "a", "reference": "latest"},
    status=200,
    written=1234,
    seconds=0.0123456,
    errors=(),
)


def exchange(**changes: Any) -> Exchange:
    """
    A pull, but for some facts.
    """
    return attrs.evolve(PULL, **changes)
