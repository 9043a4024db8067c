"""
Who is slowed down that guesses passwords, by all processes together.
"""

from __future__ import annotations

import time
from typing import Any

from txregistry.auth.attempts import Attempts
from txregistry.auth.failures import private_failures, shared_failures
from txregistry.service.context import WorkerContext


def build_attempts(reactor: Any, context: WorkerContext | None) -> Attempts:
    """
    :param context: the place of this process among several.
    :return: who counts attempts.
    """
    # The reactor's clock is that of the day, which may be set back.
    failures = (
        private_failures(time.monotonic)
        if context is None
        else shared_failures(context.failures_path, time.monotonic)
    )
    return Attempts(reactor, failures, time.monotonic)
