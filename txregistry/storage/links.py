"""
Link files: each holds a digest, and grants or names something by being where it is.
"""

from __future__ import annotations

from attrs import frozen

from txregistry.deferreds import deferred
from txregistry.errors import CorruptLink, DigestInvalid, PathNotFound
from txregistry.interfaces import Change, IStorageDriver, Put
from txregistry.model.digest import Digest


def link(path: str, target: Digest) -> Change:
    """:return: the change that writes a link."""
    return Put(path, str(target).encode("ascii"))


@frozen
class Links:
    """
    Reads and writes them.
    """

    _driver: IStorageDriver

    @deferred
    async def read(self, path: str) -> Digest:
        """
        :raises PathNotFound: if there is no such link.
        :raises CorruptLink: if it holds no digest.  It is not taken for absent: that would
            hide from everybody that the tree is damaged.
        """
        content = await self._driver.get_content(path)
        try:
            return Digest.parse(content.decode("ascii"))
        except (UnicodeDecodeError, DigestInvalid):
            raise CorruptLink(path) from None

    @deferred
    async def write(self, path: str, target: Digest) -> None:
        """
        Write a link, even over the same: that it can be seen doesn't mean that it would
        survive a power cut, since another request may be about to sync it.
        """
        await self._driver.put_content(path, str(target).encode("ascii"))

    @deferred
    async def exists(self, path: str) -> bool:
        """:return: whether the link is there, whatever it holds."""
        try:
            await self._driver.stat(path)
        except PathNotFound:
            return False
        return True
