"""
The configuration: every key that this version reads, as frozen sections.

A section's attributes are named as its keys are.  Durations are seconds, sizes are bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from attrs import frozen

from txregistry.configuration.access import KINDS_WITHOUT_USERS, Auth, AuthKind
from txregistry.configuration.caching import Redis
from txregistry.configuration.http import HTTP
from txregistry.configuration.kinds import (
    Boolean,
    Choice,
    Integer,
    Invalid,
    LeafKind,
    ListOf,
    Options,
    Pattern,
    Text,
    integer_of,
    text_of,
)
from txregistry.configuration.notifications import Notifications, NotificationsKind
from txregistry.configuration.policies import Policies, PoliciesKind
from txregistry.configuration.ratelimit import RateLimit
from txregistry.configuration.report import Place
from txregistry.configuration.schema import Checked, Section, key, required, section
from txregistry.configuration.storage import Storage, StorageKind
from txregistry.configuration.tokenserver import TokenServer
from txregistry.configuration.tree import Node

VERSION = "0.1"

AUTO = 0
"""The number of workers that means one for each core that the process may use."""

MOST_WORKERS = 256


@frozen
class Version(LeafKind):
    """
    The version of the configuration's format.
    """

    def read(self, node: Node, place: Place) -> str:
        text = text_of(node)
        if text != VERSION:
            raise Invalid(f'unsupported version: "{text}"; this is {VERSION}')
        return text

    def dump(self, value: str) -> float:
        return float(value)


@frozen
class MaxTags(Integer):
    """
    ``tags.maxtags``, which says in distribution's words what is wrong.
    """

    def checked(self, number: int) -> int:
        if number < 0:
            raise Invalid("maxtags limit must be a non-negative integer value")
        return super().checked(number)


@frozen
class Workers(LeafKind):
    """
    ``workers``: how many processes serve, or ``auto``.
    """

    def read(self, node: Node, place: Place) -> int:
        if text_of(node) == "auto":
            return AUTO
        try:
            number = integer_of(node)
        except Invalid:
            raise Invalid("must be a number, or auto") from None
        return Integer(least=1, most=MOST_WORKERS).checked(number)

    def dump(self, value: int) -> int | str:
        return "auto" if value == AUTO else value


@frozen(kw_only=True)
class AccessLog:
    """
    ``log.accesslog``: a line for each request, on standard output.

    :param disabled: whether there is none.
    """

    disabled: bool = key(Boolean(), default=False)


@frozen(kw_only=True)
class AuditLog:
    """
    ``log.audit``: a line for each request that was decided, in a file.  A section of ours.

    :param path: of the file; empty for none.
    """

    path: str = key(Text(), "")


@frozen(kw_only=True)
class Log:
    """
    ``log``: what is told to the operator, on standard error.

    :param level: the least severe that is told.
    :param formatter: how a line looks.
    :param fields: what every line says besides.
    :param accesslog: the log of requests.
    :param audit: the log of who was let do what.
    :param reportcaller: whether a line tells where in the code it comes from.
    """

    level: str = key(Choice(("error", "warn", "info", "debug")), "info")
    formatter: str = key(Choice(("text", "json", "logstash")), "text")
    fields: Mapping[str, Any] = key(Options(), MappingProxyType({}), show=False)
    accesslog: AccessLog = section(AccessLog)
    audit: AuditLog = section(AuditLog)
    reportcaller: bool = key(Boolean(), default=False)


@frozen(kw_only=True)
class Middleware(Checked):
    """
    One element of ``middleware.registry``, ``.repository`` or ``.storage``.

    :param name: which it is.
    :param disabled: whether it is left out.
    :param options: what its factory is given.
    """

    name: str = key(Text(), "")
    disabled: bool = key(Boolean(), default=False)
    options: Mapping[str, Any] = key(Options(), MappingProxyType({}), show=False)

    def contradictions(self) -> list[tuple[str, str]]:
        return [] if self.name else [("name", "is missing")]


@frozen(kw_only=True)
class Middlewares:
    """
    ``middleware``: what wraps the registry, its repositories and its storage, the first the
    innermost.
    """

    registry: tuple[Middleware, ...] = key(ListOf(Section(Middleware)), ())
    repository: tuple[Middleware, ...] = key(ListOf(Section(Middleware)), ())
    storage: tuple[Middleware, ...] = key(ListOf(Section(Middleware)), ())


@frozen(kw_only=True)
class Catalog:
    """
    ``catalog``.

    :param maxentries: the most repositories on a page.
    """

    maxentries: int = key(Integer(least=1, zero=1000, negative=1000), 1000)


@frozen(kw_only=True)
class Tags:
    """
    ``tags``.

    :param maxtags: the most tags on a page.
    """

    maxtags: int = key(MaxTags(zero=1000), 1000)


@frozen(kw_only=True)
class Referrers:
    """
    ``referrers``.  A section of ours.

    :param maxentries: the most descriptors on a page.
    """

    maxentries: int = key(Integer(least=1, zero=1000, negative=1000), 1000)


@frozen(kw_only=True)
class URLRules:
    """
    ``validation.manifests.urls``: which URLs layers may have.

    A URL passes if one of the allowed patterns is found in it and none of the denied ones.
    Without any pattern none passes; with denied ones only, all others do.
    """

    allow: tuple[re.Pattern[str], ...] = key(ListOf(Pattern()), ())
    deny: tuple[re.Pattern[str], ...] = key(ListOf(Pattern()), ())


@frozen(kw_only=True)
class Platform(Checked):
    """
    One element of ``validation.manifests.indexes.platformlist``.
    """

    architecture: str = key(Text(), "")
    os: str = key(Text(), "")

    def contradictions(self) -> list[tuple[str, str]]:
        missing = [name for name in ("architecture", "os") if not getattr(self, name)]
        return [(name, "is missing") for name in missing]


@frozen(kw_only=True)
class IndexRules:
    """
    ``validation.manifests.indexes``: which children of an index must exist.

    :param platforms: ``all``, ``none``, or ``list``: those of ``platformlist``.
    """

    platforms: str = key(Choice(("all", "none", "list")), "all")
    platformlist: tuple[Platform, ...] = key(ListOf(Section(Platform)), ())


@frozen(kw_only=True)
class ManifestRules:
    """
    ``validation.manifests``.

    :param blobs: ``all`` or ``none``: whether the blobs of a manifest must exist.  A key of ours.
    """

    blobs: str = key(Choice(("all", "none")), "all")
    urls: URLRules = section(URLRules)
    indexes: IndexRules = section(IndexRules)


@frozen(kw_only=True)
class Validation:
    """
    ``validation``: what is looked into when a manifest is pushed.

    :param disabled: switches the checks of URLs and of indexes off.
    """

    disabled: bool = key(Boolean(), default=False)
    manifests: ManifestRules = section(ManifestRules)


@frozen(kw_only=True)
class RepositoryPolicy:
    """
    ``policy.repository``.

    :param classes: the classes of manifests that may be pushed; none restricts nothing.
    """

    classes: tuple[str, ...] = key(ListOf(Choice(("image", "plugin"))), ())


@frozen(kw_only=True)
class Policy:
    """
    ``policy``.
    """

    repository: RepositoryPolicy = section(RepositoryPolicy)


@frozen(kw_only=True)
class Configuration(Checked):
    """
    The whole configuration.

    :param version: the version of the format.
    :param policies: who may do what; None where only ``auth`` decides.  A section of ours.
    :param tokenserver: where the registry issues tokens itself.  A section of ours.
    :param workers: processes that serve, or :data:`AUTO`.  A key of ours.
    """

    version: str = key(Version(), VERSION)
    log: Log = section(Log)
    storage: Storage = required(StorageKind())
    middleware: Middlewares = section(Middlewares)
    auth: Auth = key(AuthKind(), Auth())
    policies: Policies | None = key(PoliciesKind(), None)
    tokenserver: TokenServer = section(TokenServer)
    ratelimit: RateLimit = section(RateLimit)
    http: HTTP = section(HTTP)
    catalog: Catalog = section(Catalog)
    tags: Tags = section(Tags)
    referrers: Referrers = section(Referrers)
    validation: Validation = section(Validation)
    policy: Policy = section(Policy)
    redis: Redis = section(Redis)
    notifications: Notifications = key(NotificationsKind(), Notifications())
    workers: int = key(Workers(), 1)

    def contradictions(self) -> list[tuple[str, str]]:
        found = []
        if self.storage.driver == "inmemory" and self.workers != 1:
            found.append(
                ("workers", "must be 1 with storage.inmemory, which processes can't share")
            )
        if self.tokenserver.enabled and self.auth.kind in KINDS_WITHOUT_USERS:
            found.append(("tokenserver", "needs somebody to give tokens to: choose auth.htpasswd"))
        return found
