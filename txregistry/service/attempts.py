"""
Who is slowed down that guesses passwords, by all processes together.
"""

from __future__ import annotations

import time
from typing import Any

from txregistry.auth.attempts import MEMORY_OF_PROXIES, SHAPE_OF_PROXIES, Attempts, Memory
from txregistry.auth.failures import SHAPE, Failures
from txregistry.auth.regulars import SHAPE as SHAPE_OF_REGULARS
from txregistry.auth.regulars import Regulars
from txregistry.places import Places, Shape, private_places, shared_places
from txregistry.service.context import WorkerContext


def build_attempts(reactor: Any, context: WorkerContext | None) -> Attempts:
    """
    :param context: the place of this process among several.
    :return: who counts attempts.
    """
    # The reactor's clock is that of the day, which may be set back.
    seconds = time.monotonic
    memory = Memory(
        Failures(_places(SHAPE, context, "failures"), seconds),
        Failures(_places(SHAPE_OF_PROXIES, context, "proxies"), seconds, MEMORY_OF_PROXIES),
        Failures(_places(SHAPE, context, "pending"), seconds),
        Regulars(_places(SHAPE_OF_REGULARS, context, "regulars"), seconds),
    )
    return Attempts(reactor, memory, seconds)


def _places(shape: Shape, context: WorkerContext | None, name: str) -> Places:
    if context is None:
        return private_places(shape)
    return shared_places(shape, context.attempts_path(name))
