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
    "storage.cache.layerinfo": LEAF,
    "redis.addr": LEAF,
    "redis.pool": names("maxidle maxactive idletimeout"),
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
    tree = _with_log_level(tree, place)
    tree = _with_blob_descriptors(tree, place)
    tree = _with_redis_address(tree, place)
    tree = _with_pool_size(tree, place)
    return _without_former_middleware(tree, place)


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


def _with_blob_descriptors(tree: Table, place: Place) -> Table:
    """
    ``storage.cache.layerinfo`` is the former name of ``blobdescriptor``.
    """
    cache = find(tree, "storage.cache")
    old = find(cache, "layerinfo")
    if old is None or not isinstance(cache, Table):
        return tree
    if not is_empty(old):
        place.child("storage.cache.layerinfo", old).warning("is deprecated; say blobdescriptor")
    kept = cache.without("layerinfo")
    if is_empty(kept.entries.get("blobdescriptor")):
        kept = kept.with_entry("blobdescriptor", old)
    return _with(tree, "storage.cache", kept)


def _with_redis_address(tree: Table, place: Place) -> Table:
    """
    ``redis.addr`` was ``redis.addrs``, and with it there was a cache, unless another was named.
    """
    old = find(tree, "redis.addr")
    if old is None or is_empty(old):
        return tree
    here = place.child("redis.addr", old)
    if not is_empty(find(tree, "redis.addrs")):
        here.warning("is deprecated and ignored, since there is redis.addrs")
        return tree
    tree = _with(tree, "redis.addrs", Sequence((old,), old.origin))
    if not is_empty(find(tree, "storage.cache")):
        here.warning("is deprecated; say redis.addrs")
        return tree
    here.warning(
        "is deprecated; say redis.addrs.  It switches the cache on, as in distribution 2: say"
        " storage.cache.blobdescriptor, too"
    )
    name = Scalar("redis", "redis", old.origin)
    return _with(tree, "storage.cache.blobdescriptor", name)


def _with_pool_size(tree: Table, place: Place) -> Table:
    """
    ``redis.pool.maxactive`` was ``redis.poolsize``.
    """
    old = find(tree, "redis.pool")
    if old is None or is_empty(old):
        return tree
    place.child("redis.pool", old).warning("is deprecated; say redis.poolsize")
    size = find(old, "maxactive")
    if size is None or is_empty(size) or not is_empty(find(tree, "redis.poolsize")):
        return tree
    return _with(tree, "redis.poolsize", size)


def _with(tree: Table, key: str, node: Node) -> Table:
    """
    :param key: where a node is to stand, with dots between the names.
    :return: the tree with it, unless something that is no mapping stands in the way.
    """
    name, _, rest = key.partition(".")
    if not rest:
        return tree.with_entry(name, node)
    below = tree.entries.get(name)
    if below is None or is_null(below):
        below = Table({}, node.origin)
    elif isinstance(below, Scalar) and name == "storage":
        # Only a driver's name.
        below = Table({below.text: Table({}, below.origin)}, below.origin)
    if not isinstance(below, Table):
        return tree
    return tree.with_entry(name, _with(below, rest, node))


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
