"""
Listing in order, for drivers that know no quicker way than their ``list`` and ``stat``.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from txregistry.deferreds import deferred
from txregistry.errors import PathNotFound
from txregistry.interfaces import IStorageDriver


@deferred
async def children(
    driver: IStorageDriver,
    path: str,
    after: str = "",
    limit: int | None = None,
    having: str = "",
) -> Sequence[str]:
    """As :meth:`txregistry.interfaces.IStorageDriver.children`."""
    names = await _names(driver, path)
    names = names[bisect_right(names, after) :]
    if not having:
        return names[:limit]
    found: list[str] = []
    for name in names:
        if len(found) == limit:
            break
        if await _exists(driver, f"{path.rstrip('/')}/{name}/{having}"):
            found.append(name)
    return found


@deferred
async def children_of(
    driver: IStorageDriver, path: str, names: Sequence[str]
) -> Sequence[Sequence[str]]:
    """As :meth:`txregistry.interfaces.IStorageDriver.children_of`."""
    found: list[Sequence[str]] = []
    for name in names:
        try:
            found.append(await _names(driver, f"{path.rstrip('/')}/{name}"))
        except PathNotFound:
            found.append([])
    return found


async def _names(driver: IStorageDriver, path: str) -> Sequence[str]:
    return sorted(child.rpartition("/")[2] for child in await driver.list(path))


async def _exists(driver: IStorageDriver, path: str) -> bool:
    try:
        await driver.stat(path)
    except PathNotFound:
        return False
    return True
