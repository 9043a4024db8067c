"""
What all repositories of a registry share.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from attrs import frozen

from txregistry.deferreds import Threads
from txregistry.interfaces import ILocks, IStorageDriver
from txregistry.places import Places
from txregistry.storage.contents import Contents
from txregistry.storage.facts import FactsCache
from txregistry.storage.holders import Holders
from txregistry.storage.links import Links
from txregistry.storage.validation import Validation


@frozen
class Parts:
    """
    Made once for a registry, in :mod:`txregistry.storage.registry`.

    :param driver: where everything is.
    :param threads: where what takes a while is done.
    :param hashing: those in which much is hashed.
    :param locks: what keeps apart changes of the same thing.
    :param now: tells the time of day, in UTC.
    :param validation: what a pushed manifest must fulfil.
    :param boot: is another one after the machine has started again.
    :param used_ids: those of uploads of which there is something in storage, or was.
    """

    driver: IStorageDriver
    threads: Threads
    hashing: Threads
    locks: ILocks
    now: Callable[[], datetime]
    validation: Validation
    boot: bytes
    used_ids: Places
    links: Links
    contents: Contents
    holders: Holders
    facts: FactsCache
