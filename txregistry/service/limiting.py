"""
From the section ``ratelimit`` to who counts what everybody asks for.
"""

from __future__ import annotations

import time

from txregistry.configuration import RateLimit
from txregistry.configuration.ratelimit import Rate as RateSection
from txregistry.places import private_places
from txregistry.service.context import WorkerContext
from txregistry.web.meters import SHAPE, Meters
from txregistry.web.rates import Rate, Rates


def build_rates(section: RateLimit, context: WorkerContext | None) -> Rates | None:
    """
    :param context: the place of this process among several, which count together.
    :return: who counts, if anything is limited.
    """
    if not section.limits:
        return None
    # The reactor's clock is that of the day, which may be set back.
    places = private_places(SHAPE) if context is None else context.places("meters", SHAPE)
    return Rates(
        Meters(places, time.monotonic),
        address=_rate(section.address),
        user=_rate(section.user),
        exempt_networks=section.exempt.addresses,
        exempt_users=section.exempt.users,
    )


def _rate(section: RateSection) -> Rate:
    return Rate(
        requests=section.requests,
        burst=section.at_once,
        bytes=section.bytes,
        bytes_burst=section.bytes_at_once,
    )
