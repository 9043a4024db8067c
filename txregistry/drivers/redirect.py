"""
The ``redirect`` middleware: clients get all content from a server of your choice, for instance an
nginx or a cache that has the storage tree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred, succeed
from twisted.plugin import IPlugin
from zope.interface import implementer

from txregistry.drivers.wrapper import DriverWrapper
from txregistry.errors import ConfigurationError, Problem
from txregistry.interfaces import Change, IStorageDriver, IStorageMiddlewareFactory


class RedirectDriver(DriverWrapper):
    """
    A driver whose content is at a URL.

    :param driver: the driver itself.
    :param base_url: the URL of its root, without a slash at its end.
    """

    def __init__(self, driver: IStorageDriver, base_url: str) -> None:
        super().__init__(driver)
        self._base_url = base_url

    def change(self, *steps: Sequence[Change]) -> Deferred[None]:
        return self.driver.change(*steps)

    def redirect_url(self, method: str, path: str) -> Deferred[str | None]:
        return succeed(self._base_url + path)


@implementer(IPlugin, IStorageMiddlewareFactory)
class RedirectFactory:
    """
    Makes it of ``baseurl``.
    """

    name = "redirect"

    def create(
        self, reactor: Any, driver: IStorageDriver, options: Mapping[str, Any]
    ) -> IStorageDriver:
        return RedirectDriver(driver, _base_url(options.get("baseurl")))


def _base_url(value: object) -> str:
    if not value:
        raise _problem("is missing")
    try:
        url = urlsplit(str(value))
    except ValueError as error:
        raise _problem(f"{value!r} is no URL: {error}") from None
    if not url.scheme or not url.netloc:
        raise _problem(f"{value!r} needs a scheme and a host")
    return f"{url.scheme}://{url.netloc}{url.path.rstrip('/')}"


def _problem(text: str) -> ConfigurationError:
    return ConfigurationError([Problem(key="middleware.storage", text=f"redirect: baseurl {text}")])


#: What the table of middleware names.
factory = RedirectFactory()
