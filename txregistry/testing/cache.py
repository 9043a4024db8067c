"""
What every cache of blob descriptors must do.

A suite for another cache is a subclass of :class:`DescriptorCacheContract`, with a fixture that
gives two that share everything::

    class MyCacheTests(DescriptorCacheContract):
        @pytest.fixture
        def sharing(self) -> Sharing:
            ...
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from zope.interface import implementer
from zope.interface.verify import verifyObject

from txregistry.interfaces import IBlobDescriptorCache, IMetrics, Stored, Ticket
from txregistry.model.descriptor import OCTET_STREAM, Descriptor
from txregistry.model.digest import Digest
from txregistry.model.name import RepositoryName
from txregistry.testing.drivers import coroutine_tests

Sharing = tuple[IBlobDescriptorCache, IBlobDescriptorCache]

HERE: Final = RepositoryName("library/thing")
THERE: Final = RepositoryName("library/other")
DIGEST: Final = Digest.of(b"a blob")
OTHER: Final = Digest.of(b"another blob")
STORED: Final = Stored(Descriptor(OCTET_STREAM, DIGEST, 6), DIGEST)
OTHER_STORED: Final = Stored(Descriptor(OCTET_STREAM, OTHER, 12), OTHER)


@implementer(IMetrics)
class CountingMetrics:
    """
    Metrics that remember what was counted.

    :ivar counts: how often, by name.
    :ivar observed: what was timed: name and labels.
    """

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.observed: list[tuple[str, Mapping[str, str]]] = []

    def count(self, name: str, labels: Mapping[str, str], by: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + by

    def level(self, name: str, labels: Mapping[str, str], value: float) -> None:
        self.counts[name] = int(value)

    def observe(self, name: str, labels: Mapping[str, str], seconds: float) -> None:
        self.observed.append((name, labels))

    def of_cache(self, what: str) -> int:
        """:return: how many ``requests``, ``hits`` or ``errors`` caches had."""
        return self.counts.get(f"registry_storage_cache_{what}_total", 0)


async def put(cache: IBlobDescriptorCache, name: RepositoryName, stored: Stored) -> None:
    """Look something up, ask storage, and put what it says."""
    ticket = await cache.look_up(name, stored.descriptor.digest)
    assert isinstance(ticket, Ticket)
    await cache.put(name, stored, ticket)


async def has(cache: IBlobDescriptorCache, name: RepositoryName, digest: Digest) -> bool:
    """:return: whether something is found."""
    return isinstance(await cache.look_up(name, digest), Stored)


@coroutine_tests
class DescriptorCacheContract:
    """
    Two caches, as two processes have them that share one.
    """

    def test_interface(self, sharing: Sharing) -> None:
        """It says that it is one, and has what one has."""
        verifyObject(IBlobDescriptorCache, sharing[0])

    async def test_miss(self, sharing: Sharing) -> None:
        """What was never put is not found."""
        assert isinstance(await sharing[0].look_up(HERE, DIGEST), Ticket)

    async def test_hit(self, sharing: Sharing) -> None:
        """What was put is found as it was put."""
        await put(sharing[0], HERE, STORED)
        assert await sharing[0].look_up(HERE, DIGEST) == STORED

    async def test_again(self, sharing: Sharing) -> None:
        """It is found again and again."""
        await put(sharing[0], HERE, STORED)
        await put(sharing[0], HERE, OTHER_STORED)
        for _ in range(3):
            assert await sharing[0].look_up(HERE, DIGEST) == STORED
            assert await sharing[0].look_up(HERE, OTHER) == OTHER_STORED

    async def test_other_target(self, sharing: Sharing) -> None:
        """Where the bytes are stored under another digest, that is found too."""
        asked = Digest.of(b"a blob", "sha512")
        stored = Stored(Descriptor("application/x; a=b", asked, 2**40), DIGEST)
        await put(sharing[0], HERE, stored)
        assert await sharing[0].look_up(HERE, asked) == stored

    async def test_pushed(self, sharing: Sharing) -> None:
        """What is pushed is put with a ticket that was had before."""
        ticket = await sharing[0].ticket(HERE)
        await sharing[0].put(HERE, STORED, ticket)
        assert await sharing[0].look_up(HERE, DIGEST) == STORED

    async def test_own_repository(self, sharing: Sharing) -> None:
        """What one repository has, another has not for that."""
        await put(sharing[0], HERE, STORED)
        assert not await has(sharing[0], THERE, DIGEST)
        assert not await has(sharing[1], THERE, DIGEST)

    async def test_cleared(self, sharing: Sharing) -> None:
        """What is cleared is found by nobody."""
        for cache in sharing:
            if not await has(cache, HERE, DIGEST):
                await put(cache, HERE, STORED)
        await sharing[0].clear(HERE, DIGEST)
        for cache in sharing:
            assert not await has(cache, HERE, DIGEST)

    async def test_cleared_here_only(self, sharing: Sharing) -> None:
        """A blob that another repository has too is still found there."""
        await put(sharing[0], HERE, STORED)
        await put(sharing[0], THERE, STORED)
        await sharing[0].clear(HERE, DIGEST)
        await put(sharing[0], HERE, OTHER_STORED)
        if not await has(sharing[0], THERE, DIGEST):
            await put(sharing[0], THERE, STORED)  # a cache may lose things
        assert not await has(sharing[0], HERE, DIGEST)
        assert await has(sharing[0], THERE, DIGEST)

    async def test_not_revived(self, sharing: Sharing) -> None:
        """What was cleared doesn't come back when another repository's blob is put."""
        await put(sharing[0], HERE, STORED)
        await sharing[0].clear(HERE, DIGEST)
        await put(sharing[1], THERE, STORED)
        for cache in sharing:
            assert not await has(cache, HERE, DIGEST)

    async def test_late(self, sharing: Sharing) -> None:
        """What storage said before a delete is not believed after it, whoever comes with it."""
        for asking in sharing:
            for deleting in sharing:
                ticket = await asking.look_up(HERE, DIGEST)
                assert isinstance(ticket, Ticket)
                await deleting.clear(HERE, DIGEST)
                await asking.put(HERE, STORED, ticket)
                for cache in sharing:
                    assert not await has(cache, HERE, DIGEST)

    async def test_late_push(self, sharing: Sharing) -> None:
        """Nor what was pushed before it."""
        ticket = await sharing[0].ticket(HERE)
        await sharing[1].clear(HERE, DIGEST)
        await sharing[0].put(HERE, STORED, ticket)
        for cache in sharing:
            assert not await has(cache, HERE, DIGEST)

    async def test_put_again(self, sharing: Sharing) -> None:
        """What is pushed after a delete is found at once."""
        await put(sharing[0], HERE, STORED)
        await sharing[1].clear(HERE, DIGEST)
        ticket = await sharing[0].ticket(HERE)
        await sharing[0].put(HERE, STORED, ticket)
        assert await sharing[0].look_up(HERE, DIGEST) == STORED

    async def test_clear_what_is_not_there(self, sharing: Sharing) -> None:
        """What is not there can be cleared."""
        await sharing[0].clear(HERE, DIGEST)
        assert not await has(sharing[0], HERE, DIGEST)
