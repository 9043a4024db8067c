"""
The ``rewrite`` middleware: the URLs that a driver gives out are changed, for instance to another
host name.  A driver that gives out none is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred
from twisted.plugin import IPlugin
from zope.interface import implementer

from txregistry.deferreds import deferred
from txregistry.drivers.wrapper import DriverWrapper
from txregistry.errors import ConfigurationError, Problem
from txregistry.interfaces import Change, IStorageDriver, IStorageMiddlewareFactory


class RewriteDriver(DriverWrapper):
    """
    A driver with other URLs.

    :param driver: the driver itself.
    :param scheme: to put in place of the URL's; ``""`` leaves it.
    :param host: with its port, to put in place of the URL's; ``""`` leaves it.
    :param trim_path_prefix: to remove from the URL's path.
    """

    def __init__(
        self,
        driver: IStorageDriver,
        scheme: str = "",
        host: str = "",
        trim_path_prefix: str = "",
    ) -> None:
        super().__init__(driver)
        self._scheme = scheme
        self._host = host
        self._trim_path_prefix = trim_path_prefix

    def change(self, *steps: Sequence[Change]) -> Deferred[None]:
        return self.driver.change(*steps)

    @deferred
    async def redirect_url(self, method: str, path: str) -> str | None:
        given = await self.driver.redirect_url(method, path)
        if not given:
            return None
        url = urlsplit(given)
        return url._replace(
            scheme=self._scheme or url.scheme,
            netloc=self._host or url.netloc,
            path=url.path.removeprefix(self._trim_path_prefix),
        ).geturl()


@implementer(IPlugin, IStorageMiddlewareFactory)
class RewriteFactory:
    """
    Makes it of ``scheme``, ``host`` and ``trimpathprefix``.
    """

    name = "rewrite"

    def create(
        self, reactor: Any, driver: IStorageDriver, options: Mapping[str, Any]
    ) -> IStorageDriver:
        return RewriteDriver(
            driver,
            _text(options, "scheme"),
            _text(options, "host"),
            _text(options, "trimpathprefix"),
        )


def _text(options: Mapping[str, Any], key: str) -> str:
    value = options.get(key) or ""
    if not isinstance(value, str):
        text = f"rewrite: {key} {value!r} is no text"
        raise ConfigurationError([Problem(key="middleware.storage", text=text)])
    return value


#: What the table of middleware names.
factory = RewriteFactory()
