"""
Changes in steps, for a driver that has no better way than to make one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from twisted.logger import Logger

from txregistry.deferreds import deferred
from txregistry.errors import DriverError, PathNotFound
from txregistry.interfaces import Change, Discard, IStorageDriver, Move, Put, Settle

_log = Logger()


@deferred
async def one_by_one(driver: IStorageDriver, steps: Sequence[Sequence[Change]]) -> None:
    """
    Do what :meth:`~txregistry.interfaces.IStorageDriver.change` has to, by a driver's other
    methods.
    """
    for step in steps:
        for change in step:
            await _make(driver, change)


async def _make(driver: IStorageDriver, change: Change) -> None:
    if isinstance(change, Put):
        await _put(driver, change)
    elif isinstance(change, Move):
        await driver.move(change.source, change.destination)
    elif isinstance(change, Discard):
        await _discard(driver, change.path)
    elif isinstance(change, Settle):
        await driver.settle(change.path)
    else:
        change.call()


async def _put(driver: IStorageDriver, change: Put) -> None:
    if change.once:
        with suppress(PathNotFound):
            if await driver.get_content(change.path) == change.content:
                await driver.settle(change.path)
                return
    await driver.put_content(change.path, change.content)


async def _discard(driver: IStorageDriver, path: str) -> None:
    try:
        await driver.delete(path, durable=False)
    except PathNotFound:
        pass
    except DriverError:
        _log.failure("{path}: could not be removed", path=path)
