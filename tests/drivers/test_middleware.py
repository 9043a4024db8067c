"""
The middleware that changes where clients get their content.
"""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed
from zope.interface.verify import verifyObject

from txregistry.drivers import redirect, rewrite
from txregistry.drivers.inmemory import MemoryDriver
from txregistry.drivers.wrapper import DriverWrapper
from txregistry.errors import ConfigurationError
from txregistry.interfaces import IStorageDriver, IStorageMiddlewareFactory

PATH = "/docker/registry/v2/blobs/sha256/00/00ff/data"


class Elsewhere(DriverWrapper):
    """
    A driver that sends clients to a bucket.
    """

    def redirect_url(self, method: str, path: str) -> Deferred[str | None]:
        return succeed(f"https://bucket.example:9000/prefix{path}?method={method}&a=%2F#x")


def redirecting(**options: Any) -> IStorageDriver:
    """The ``redirect`` middleware around a driver that has no URLs."""
    return redirect.factory.create(reactor, MemoryDriver(), options)


def rewriting(**options: Any) -> IStorageDriver:
    """The ``rewrite`` middleware around a driver that has URLs."""
    return rewrite.factory.create(reactor, Elsewhere(MemoryDriver()), options)


class RedirectTests:
    """
    The ``redirect`` middleware.
    """

    def test_provides(self) -> None:
        """It wraps storage drivers, and the result is one."""
        assert verifyObject(IStorageMiddlewareFactory, redirect.factory)
        assert verifyObject(IStorageDriver, redirecting(baseurl="http://a.example"))

    @pytest.mark.parametrize(
        ("base", "url"),
        [
            ("https://cdn.example", f"https://cdn.example{PATH}"),
            ("https://cdn.example/", f"https://cdn.example{PATH}"),
            ("http://cdn.example:8080/a/b", f"http://cdn.example:8080/a/b{PATH}"),
            ("http://cdn.example/a/?b=c", f"http://cdn.example/a{PATH}"),
        ],
    )
    async def test_url(self, base: str, url: str) -> None:
        """Whatever the method, the URL is the base and the path."""
        driver = redirecting(baseurl=base)
        assert await driver.redirect_url("GET", PATH) == url
        assert await driver.redirect_url("HEAD", PATH) == url

    @pytest.mark.parametrize(
        "base", ["", None, "cdn.example", "//cdn.example", "http://", "http://[x"]
    )
    def test_bad_base(self, base: object) -> None:
        """A base that isn't there, or has no scheme or host, is refused."""
        with pytest.raises(ConfigurationError, match=r"^middleware.storage: redirect: baseurl"):
            redirecting(baseurl=base)


class RewriteTests:
    """
    The ``rewrite`` middleware.
    """

    def test_provides(self) -> None:
        """It wraps storage drivers, and the result is one."""
        assert verifyObject(IStorageMiddlewareFactory, rewrite.factory)
        assert verifyObject(IStorageDriver, rewriting())

    @pytest.mark.parametrize(
        ("options", "url"),
        [
            ({}, f"https://bucket.example:9000/prefix{PATH}"),
            ({"scheme": "http"}, f"http://bucket.example:9000/prefix{PATH}"),
            ({"host": "cdn.example"}, f"https://cdn.example/prefix{PATH}"),
            ({"trimpathprefix": "/prefix"}, f"https://bucket.example:9000{PATH}"),
            ({"trimpathprefix": "/other"}, f"https://bucket.example:9000/prefix{PATH}"),
            (
                {"scheme": "http", "host": "cdn.example:80", "trimpathprefix": "/prefix/docker"},
                f"http://cdn.example:80{PATH.removeprefix('/docker')}",
            ),
        ],
    )
    async def test_url(self, options: dict[str, str], url: str) -> None:
        """What is configured is changed; the rest, and the query, stay."""
        driver = rewriting(**options)
        assert await driver.redirect_url("GET", PATH) == f"{url}?method=GET&a=%2F#x"

    async def test_no_url(self) -> None:
        """Where the driver has no URL, none is made up."""
        driver = rewrite.factory.create(reactor, MemoryDriver(), {"host": "cdn.example"})
        assert await driver.redirect_url("GET", PATH) is None

    def test_bad_option(self) -> None:
        """An option that is no text is refused."""
        with pytest.raises(ConfigurationError, match=r"^middleware.storage: rewrite: host"):
            rewriting(host=["a"])
