"""
Who is slowed down that guesses passwords, by all processes together.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from txregistry.auth.attempts import Attempts
from txregistry.auth.memory import memory_in
from txregistry.places import Places, Shape, private_places
from txregistry.service.context import WorkerContext


def build_attempts(reactor: Any, context: WorkerContext | None) -> Attempts:
    """
    :param context: the place of this process among several.
    :return: who counts attempts.
    """
    # The reactor's clock is that of the day, which may be set back.
    seconds = time.monotonic
    return Attempts(reactor, memory_in(partial(_places, context), seconds), seconds)


def _places(context: WorkerContext | None, name: str, shape: Shape) -> Places:
    if context is None:
        return private_places(shape)
    return context.places(name, shape)
