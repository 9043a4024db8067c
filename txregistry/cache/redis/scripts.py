"""
What Redis does at once, in its own language.

The keys are those of ``distribution``, so that both can share a Redis:

``repository::<name>::blobs``
    a set: the digests of the blobs that a repository has.
``repository::<name>::blobs::<digest>``
    a hash: ``mediatype``, and ``txregistry``, the stamp, which is ours.
``blobs::<digest>``
    a hash: ``digest``, ``size``, ``mediatype`` of a blob, whoever has it.

And those that are ours only:

``txregistry::generation``
    what every stamp begins with.  When it changes, nothing that was stamped before is believed:
    that is how everything is cleared, and how what a restarted Redis reads from its disk, which
    may be older than a delete, is known.
``txregistry::epoch::<name>``
    the epoch of a repository (see :mod:`txregistry.cache.epochs`), forgotten after a while
    without use.

``distribution`` needs nothing but its own keys, and when it deletes a blob it removes them.  We
need them all, and the stamp: what ``distribution`` puts there is not believed before storage has
been asked once, since nothing keeps it from putting it there after a delete.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from attrs import field, frozen

from txregistry.model.digest import Digest
from txregistry.model.name import RepositoryName

GENERATION: Final = "txregistry::generation"

EPOCH_SECONDS: Final = 24 * 3600
"""How long an epoch is remembered that nobody asks for; then all that is on its way is refused."""


@frozen
class Script:
    """
    A script, and the hash by which Redis knows it when it has seen it.
    """

    name: str
    text: str = field(repr=False)
    sha1: str = field(init=False)

    @sha1.default
    def _hash(self) -> str:
        return hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


def keys_of(name: RepositoryName, digest: Digest | None = None) -> Sequence[str]:
    """
    :return: the keys of the scripts below: what concerns all, then the repository, then the blob.
    """
    common = [GENERATION, f"txregistry::epoch::{name}"]
    if digest is None:
        return common
    members = f"repository::{name}::blobs"
    return [*common, members, f"{members}::{digest}", f"blobs::{digest}"]


_COMMON = """
local function known(key, fresh)
  local now = redis.call('GET', key)
  if not now then
    now = fresh
    redis.call('SET', key, fresh)
  end
  return now
end
local function ticket(generation)
  local epoch = known(KEYS[2], ARGV[2])
  redis.call('EXPIRE', KEYS[2], {seconds})
  return 'ticket ' .. generation .. ' ' .. epoch
end
""".replace("{seconds}", str(EPOCH_SECONDS))

#: Arguments: what generation and epoch are to be if there are none.
TICKET = Script("Ticket", _COMMON + "return ticket(known(KEYS[1], ARGV[1]))")

#: Arguments: as for a ticket, and the digest.
LOOK_UP = Script(
    "Stat",
    _COMMON
    + """
local generation = known(KEYS[1], ARGV[1])
if redis.call('SISMEMBER', KEYS[3], ARGV[3]) == 1 then
  local own = redis.call('HMGET', KEYS[4], 'txregistry', 'mediatype')
  local all = redis.call('HMGET', KEYS[5], 'digest', 'size')
  if own[1] and own[2] and all[1] and all[2]
    and string.sub(own[1], 1, string.len(generation) + 1) == generation .. ' '
  then
    return 'stored ' .. own[1] .. ' ' .. own[2]
  end
end
return ticket(generation)
""",
)

#: Arguments: generation and epoch of the ticket, digest, target, size, media type.
PUT = Script(
    "SetDescriptor",
    """
if redis.call('GET', KEYS[1]) ~= ARGV[1] or redis.call('GET', KEYS[2]) ~= ARGV[2] then
  return 'refused'
end
redis.call('HMSET', KEYS[5], 'digest', ARGV[4], 'size', ARGV[5])
redis.call('HSETNX', KEYS[5], 'mediatype', ARGV[6])
redis.call('HMSET', KEYS[4], 'mediatype', ARGV[6],
  'txregistry', ARGV[1] .. ' ' .. ARGV[4] .. ' ' .. ARGV[5])
redis.call('SADD', KEYS[3], ARGV[3])
return 'put'
""",
)

#: Arguments: the digest.  An epoch that isn't there is over: the next ticket begins another.  All
#: that is done here Redis does even when its memory is full.  What is no set or no hash, though
#: it should be, goes.
CLEAR = Script(
    "Clear",
    """
redis.call('DEL', KEYS[2], KEYS[4])
if type(redis.pcall('SREM', KEYS[3], ARGV[1])) == 'table' then
  redis.call('DEL', KEYS[3])
end
if type(redis.pcall('HDEL', KEYS[5], 'digest', 'size', 'mediatype')) == 'table' then
  redis.call('DEL', KEYS[5])
end
return 'cleared'
""",
)

#: No arguments.
CLEAR_ALL = Script("ClearAll", "redis.call('DEL', KEYS[1]) return 'cleared'")

#: Arguments: what the generations of this run of Redis begin with.
GREET = Script(
    "Greet",
    """
local generation = redis.pcall('GET', KEYS[1])
if type(generation) ~= 'string' or string.sub(generation, 1, string.len(ARGV[1])) ~= ARGV[1] then
  redis.call('DEL', KEYS[1])
end
return 'greeted'
""",
)
