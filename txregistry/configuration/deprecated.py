"""
Keys of distribution 2.x that have another name now, or no meaning any more: each is accepted,
with a warning that says what to do.
"""

from __future__ import annotations

from txregistry.configuration.report import Place
from txregistry.configuration.shape import ANYTHING, LEAF, Shape, mapped, names
from txregistry.configuration.tree import Node, Scalar, Sequence, Table, find, is_empty, is_null

#: Where old keys may stand, and what may stand below them.
SHAPES: dict[str, Shape] = {
    "loglevel": LEAF,
    "reporting": names("", bugsnag=mapped(ANYTHING), newrelic=mapped(ANYTHING)),
    "compatibility": names("", schema1=names("signingkeyfile trustkey enabled")),
    "validation.enabled": LEAF,
}
#: What is said of those that have no meaning any more.
_MEANINGLESS = {
    "reporting": "has gone from distribution 3 and is ignored; the log says what it reported",
    "compatibility": (
        "has gone from distribution 3 and is ignored: manifests of schema 1 are served where they"
        " are stored, and not accepted"
    ),
    "validation.enabled": "is deprecated and ignored; say validation.disabled to switch it off",
}
#: Middleware whose absence costs speed only.
_FORMER_MIDDLEWARE = "alicdn"


def migrate(tree: Table, place: Place) -> Table:
    """
    Warn of old keys.

    :return: the tree in the words of today.
    """
    for key, text in _MEANINGLESS.items():
        node = find(tree, key)
        if not is_empty(node):
            place.child(key, node).warning(text)
    return _without_former_middleware(_with_log_level(tree, place), place)


def _with_log_level(tree: Table, place: Place) -> Table:
    old = tree.entries.get("loglevel")
    if old is None or is_null(old):
        return tree
    place.child("loglevel", old).warning("is deprecated; say log.level")
    log = tree.entries.get("log")
    if log is None or is_null(log):
        log = Table({}, old.origin)
    if not isinstance(log, Table) or not is_empty(log.entries.get("level")):
        return tree
    return tree.with_entry("log", log.with_entry("level", old))


def _without_former_middleware(tree: Table, place: Place) -> Table:
    middleware = tree.entries.get("middleware")
    storage = find(middleware, "storage")
    if not isinstance(middleware, Table) or not isinstance(storage, Sequence):
        return tree
    kept = []
    for index, item in enumerate(storage.items):
        if _is_former(item):
            below = place.child("middleware.storage").item(index, item)
            below.warning(
                f"{_FORMER_MIDDLEWARE} has gone from distribution 3 and is ignored: blobs are"
                " served without it"
            )
        else:
            kept.append(item)
    left = Sequence(tuple(kept), storage.origin)
    return tree.with_entry("middleware", middleware.with_entry("storage", left))


def _is_former(item: Node) -> bool:
    name = find(item, "name")
    return isinstance(name, Scalar) and name.value == _FORMER_MIDDLEWARE
