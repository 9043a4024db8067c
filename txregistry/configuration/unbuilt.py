"""
The parts of distribution's configuration that this version knows, and doesn't read.

What only speeds up or reports is left out with a warning, so that the configuration of an
official image starts.  What would be unsafe to leave out is an error: a registry that was to speak
TLS must not serve without.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from attrs import frozen

from txregistry.configuration.report import Place
from txregistry.configuration.shape import LEAF, Listed, Shape, Structure, mapped, names
from txregistry.configuration.tree import Node, Scalar, Table, find, is_empty

#: Says what is wrong with a part that is there, or nothing.
Judgement: TypeAlias = Callable[[Node], str | None]


@frozen
class Unbuilt:
    """
    A part that isn't read.

    :param key: where it stands.
    :param shape: what may stand in it.
    :param warn: what is only to be said of it.
    :param refuse: what forbids to start with it.
    """

    key: str
    shape: Shape
    warn: Judgement | None
    refuse: Judgement | None = None

    def judge(self, tree: Node, place: Place) -> None:
        """
        Report what is to be said if the part is there.
        """
        node = find(tree, self.key)
        if node is None or is_empty(node):
            return
        here = place.child(self.key, node)
        if self.refuse and (refusal := self.refuse(node)):
            here.error(refusal)
        elif self.warn and (warning := self.warn(node)):
            here.warning(warning)


def _says(text: str) -> Judgement:
    return lambda _node: text


def _unless_true(name: str, text: str) -> Judgement:
    return lambda node: None if _is_true(node, name) else text


def _if_true(name: str, text: str) -> Judgement:
    return lambda node: text if _is_true(node, name) else None


def _if_any(keys: str, text: str) -> Judgement:
    def judge(node: Node) -> str | None:
        # What is no mapping says something that isn't understood: that is no reason to go on.
        if not isinstance(node, Table):
            return text
        return text if any(not is_empty(node.entries.get(key)) for key in keys.split()) else None

    return judge


def _is_true(node: Node, name: str) -> bool:
    switch = find(node, name)
    return isinstance(switch, Scalar) and switch.value is True


#: Settings of the client of Redis that distribution uses.  Ours does without.
_REDIS_CLIENT = {
    "the client has no such setting": (
        "clientname protocol contexttimeoutenabled disableidentity identitysuffix unstableresp3"
    ),
    "nothing is asked twice; the storage is asked instead": (
        "maxretries minretrybackoff maxretrybackoff"
    ),
    "readtimeout counts from when something is asked, writing included": "writetimeout",
    "there are as many connections as poolsize says, and all stay open": (
        "poolfifo minidleconns maxidleconns maxactiveconns connmaxidletime connmaxlifetime"
    ),
    "nobody waits for a connection": "pooltimeout",
    "it is about clusters, which are not supported": (
        "maxredirects readonly routebylatency routerandomly"
    ),
}
_TLS = names(
    "certificate key clientauth minimumtls",
    clientcas=Listed(LEAF),
    ciphersuites=Listed(LEAF),
    letsencrypt=names("cachefile email directoryurl", hosts=Listed(LEAF)),
)
_HEALTH = Structure(
    {
        "storagedriver": names("enabled interval threshold"),
        "file": Listed(names("file interval threshold")),
        "http": Listed(
            names("uri statuscode timeout interval threshold", headers=mapped(Listed(LEAF)))
        ),
        "tcp": Listed(names("addr timeout interval threshold")),
    },
    internal={"FILECHECKERS": "file", "HTTPCHECKERS": "http", "TCPCHECKERS": "tcp"},
)
_HOOKS = Listed(
    Structure(
        {
            **names("disabled type").names,
            "levels": Listed(LEAF),
            "options": names(
                "from", to=Listed(LEAF), smtp=names("addr username password insecure")
            ),
        },
        internal={"MAILOPTIONS": "options"},
    )
)
_PROXY = names("remoteurl username password ttl cachewritetimeout", exec=names("command lifetime"))

_LATER = "not part of this version, ignored:"

UNBUILT = (
    *(
        Unbuilt(f"redis.{name}", LEAF, _says(f"has no effect here: {why}"))
        for why, words in _REDIS_CLIENT.items()
        for name in words.split()
    ),
    Unbuilt("health", _HEALTH, _says(f"{_LATER} no checks run")),
    Unbuilt(
        "http.debug",
        names("addr", prometheus=names("enabled path")),
        _says(f"{_LATER} no debug server listens, and there are no metrics"),
    ),
    Unbuilt(
        "http.http2",
        names("disabled"),
        _unless_true("disabled", f"{_LATER} the registry speaks HTTP/1.1"),
    ),
    Unbuilt(
        "http.h2c",
        names("enabled"),
        _if_true("enabled", f"{_LATER} the registry speaks HTTP/1.1"),
    ),
    Unbuilt("log.hooks", _HOOKS, _says(f"{_LATER} nobody is mailed")),
    Unbuilt(
        "http.tls",
        _TLS,
        _says("without a certificate it has no effect"),
        _if_any(
            "certificate key clientcas clientauth letsencrypt",
            "TLS is not part of this version; without it the registry would serve in the clear"
            " (a proxy before it can speak TLS)",
        ),
    ),
    Unbuilt(
        "proxy",
        _PROXY,
        _says("without a remoteurl it has no effect"),
        _if_any(
            "remoteurl",
            "pulling through from another registry is not part of this version; without it the"
            " registry would be empty, and open to pushes",
        ),
    ),
)


def judge_unbuilt(tree: Node, place: Place) -> None:
    """
    Report every part of the tree that this version doesn't read.
    """
    for part in UNBUILT:
        part.judge(tree, place)
