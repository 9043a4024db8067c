"""
Who is slowed down that guesses passwords, by all processes together.
"""

from __future__ import annotations

import time
from typing import Any

from txregistry.auth.attempts import Attempts
from txregistry.auth.failures import SHAPE, Failures
from txregistry.places import private_places, shared_places
from txregistry.service.context import WorkerContext


def build_attempts(reactor: Any, context: WorkerContext | None) -> Attempts:
    """
    :param context: the place of this process among several.
    :return: who counts attempts.
    """
    # The reactor's clock is that of the day, which may be set back.
    places = (
        private_places(SHAPE) if context is None else shared_places(SHAPE, context.failures_path)
    )
    return Attempts(reactor, Failures(places, time.monotonic), time.monotonic)
