"""
The section ``notifications``: who is told of what happens, and where that is kept until then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

from attrs import evolve, frozen

from txregistry.configuration.caching import Timeout
from txregistry.configuration.kinds import (
    Boolean,
    Choice,
    Duration,
    Integer,
    Invalid,
    LeafKind,
    ListOf,
    Size,
    Text,
    text_of,
)
from txregistry.configuration.network import HeaderFields
from txregistry.configuration.report import Place
from txregistry.configuration.schema import Checked, Section, key, section
from txregistry.configuration.shape import Structure
from txregistry.configuration.tree import Node

ACTIONS = ("pull", "push", "mount", "delete")

MOST_AT_ONCE = 10_000
"""How many events a message may hold."""


@frozen
class EndpointURL(LeafKind):
    """
    Where events are posted to.  What is wrong with it is said without it, since it may hold a
    password.
    """

    def read(self, node: Node, place: Place) -> str:
        text = text_of(node)
        if not text.isascii() or not text.isprintable() or " " in text:
            raise Invalid("must hold no spaces, no control characters and nothing beyond ASCII")
        try:
            parts = urlsplit(text)
            usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        except ValueError:
            usable = False
        if text and not usable:
            raise Invalid("must be a URL, such as https://listener.example.com/events")
        return text


@frozen
class Action(LeafKind):
    """
    What an event says was done.  As in distribution, one that there isn't is no mistake.
    """

    def read(self, node: Node, place: Place) -> str:
        word = text_of(node)
        if word not in ACTIONS:
            place.warning(f"there is no such action; there are {', '.join(ACTIONS)}")
        return word


@frozen(kw_only=True)
class Ignored:
    """
    ``ignore`` of an endpoint: which events it is not told of.

    :param mediatypes: those of a target with one of these.
    :param actions: those of one of these.
    """

    mediatypes: tuple[str, ...] = key(ListOf(Text()), ())
    actions: tuple[str, ...] = key(ListOf(Action()), ())


@frozen(kw_only=True)
class EndpointTLS(Checked):
    """
    ``tls`` of an endpoint, whose certificate is always verified.

    :param certificate: a file with ours.
    :param rootcas: files with those who may have signed that of the endpoint; none for those that
        the operating system trusts.
    :param key: a file with the key of our certificate.
    """

    certificate: str = key(Text(), "")
    rootcas: tuple[str, ...] = key(ListOf(Text(filled=True)), ())
    key: str = key(Text(), "")  # the last, since it hides what declares keys

    def contradictions(self) -> list[tuple[str, str]]:
        if bool(self.certificate) == bool(self.key):
            return []
        return [("key" if self.certificate else "certificate", "is missing: each needs the other")]


@frozen(kw_only=True)
class Endpoint(Checked):
    """
    One element of ``notifications.endpoints``.

    :param name: what it is called in logs and metrics; what waits for it is kept under this name.
    :param disabled: whether it is left out.
    :param url: where events are posted to.
    :param headers: fields of every request.
    :param timeout: seconds that a request may take.
    :param threshold: failures in a row after which it is let alone for ``backoff``.
    :param backoff: in seconds.
    :param ignore: which events it is not told of.
    :param ignoredmediatypes: the same as ``ignore.mediatypes``, as it was written once.
    :param version: of the envelope of format ``docker``.  A key of ours, as are all that follow.
    :param format: how events are written.
    :param mode: whether a CloudEvent is the body or stands in headers.
    :param batch: the most events in one message.
    :param secret: the key that messages are signed with; none for no signature.
    :param tls: whom to trust, and who we are.
    """

    name: str = key(Text(), "")
    disabled: bool = key(Boolean(), default=False)
    url: str = key(EndpointURL(), "", show=False)
    headers: Mapping[str, tuple[str, ...]] = key(HeaderFields(), MappingProxyType({}), show=False)
    timeout: float = key(Timeout(default=1.0), 1.0)
    threshold: int = key(Integer(zero=10, negative=10), 10)
    backoff: float = key(Timeout(default=1.0), 1.0)
    ignore: Ignored = section(Ignored)
    ignoredmediatypes: tuple[str, ...] = key(ListOf(Text()), ())
    version: str = key(Choice(("v2", "2.8", "v1")), "v2")
    format: str = key(Choice(("docker", "cloudevents")), "docker")
    mode: str = key(Choice(("structured", "binary")), "structured")
    batch: int = key(Integer(least=1, most=MOST_AT_ONCE), 1)
    secret: str = key(Text(), "", show=False)
    tls: EndpointTLS = section(EndpointTLS)

    @property
    def ignored_media_types(self) -> frozenset[str]:
        """
        Both lists of them.
        """
        return frozenset((*self.ignore.mediatypes, *self.ignoredmediatypes))

    def contradictions(self) -> list[tuple[str, str]]:
        if self.disabled:
            return []
        found = [(name, "is missing") for name in ("name", "url") if not getattr(self, name)]
        if self.format == "cloudevents" and self.version != "v2":
            found.append(("version", "is one of the format docker, and this is cloudevents"))
        if self.format == "docker" and self.mode != "structured":
            found.append(("mode", "is for the format cloudevents"))
        if self.mode == "binary" and self.batch != 1:
            found.append(("batch", "must be 1 in mode binary, whose messages hold one event"))
        return found


@frozen(kw_only=True)
class Events:
    """
    ``notifications.events``.

    :param includereferences: whether the event of a manifest tells what the manifest names.
    """

    includereferences: bool = key(Boolean(), default=False)


@frozen(kw_only=True)
class Outbox:
    """
    ``notifications.outbox``: where events are kept until they are delivered.  A section of ours.

    :param path: a directory on a local disk, for one registry; empty for one that suits the
        storage.
    :param maxsize: bytes of disk that events may take.
    :param maxage: seconds that an event is kept, delivered or not.
    """

    path: str = key(Text(), "")
    maxsize: int = key(Size(least=1024 * 1024), 256 * 1024 * 1024)
    maxage: float = key(Duration(positive=True), 168 * 3600.0)


@frozen(kw_only=True)
class Notifications(Checked):
    """
    ``notifications``.
    """

    events: Events = section(Events)
    endpoints: tuple[Endpoint, ...] = key(ListOf(Section(Endpoint)), ())
    outbox: Outbox = section(Outbox)

    @property
    def enabled(self) -> tuple[Endpoint, ...]:
        """
        The endpoints that are told.
        """
        return tuple(endpoint for endpoint in self.endpoints if not endpoint.disabled)

    def contradictions(self) -> list[tuple[str, str]]:
        names = Counter(endpoint.name for endpoint in self.enabled if endpoint.name)
        twice = [name for name, number in names.items() if number > 1]
        return [("endpoints", f"two of them are called {name!r}") for name in twice]


@frozen
class NotificationsKind(Section[Notifications]):
    """
    The kind of ``notifications``, of which environment variables call one part by another name.
    """

    cls: type[Notifications] = Notifications

    @property
    def shape(self) -> Structure:
        whole = super().shape
        assert isinstance(whole, Structure)  # noqa: S101 - a section's shape always is
        return evolve(whole, internal={"EVENTCONFIG": "events"})
