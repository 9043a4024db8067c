"""
The sections ``storage.cache`` and ``redis``, and what they were once.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from txregistry.configuration import Configuration, Loaded, effective, parse
from txregistry.configuration.network import TCPAddress

Complaints = Callable[..., list[str]]
Parse = Callable[..., Loaded]

WITH_REDIS = "version: 0.1\nstorage: {inmemory: {}, cache: {blobdescriptor: redis}}\nredis: "


def configuration(text: str) -> Configuration:
    """
    What a document says, without a warning.
    """
    found = parse(text, {})
    assert found.warnings == ()
    return found.configuration


def told(text: str) -> list[str]:
    """
    The warnings that a document is worth.
    """
    return [str(warning) for warning in parse(text, {}, "c").warnings]


class CacheTests:
    """
    ``storage.cache``.
    """

    def test_none(self, loaded: Parse) -> None:
        """
        Without the section there is no cache.
        """
        assert loaded().configuration.storage.cache.blobdescriptor == ""

    @pytest.mark.parametrize(("written", "size"), [("5", 5), ("0", 0), ("-1", 0)])
    def test_size(self, written: str, size: int) -> None:
        """
        A size of 0 or less is one and the same.
        """
        cache = f"{{blobdescriptor: inmemory, blobdescriptorsize: {written}}}"
        read = configuration(f"version: 0.1\nstorage: {{inmemory: {{}}, cache: {cache}}}")
        assert read.storage.cache.blobdescriptorsize == size

    def test_default_size(self) -> None:
        """
        Ten thousand are remembered by default.
        """
        text = "version: 0.1\nstorage: {inmemory: {}, cache: {blobdescriptor: InMemory}}"
        cache = configuration(text).storage.cache
        assert (cache.blobdescriptor, cache.blobdescriptorsize) == ("inmemory", 10_000)

    def test_unknown(self) -> None:
        """
        Another name is a warning, and no cache.
        """
        found = parse("version: 0.1\nstorage: {inmemory: {}, cache: {blobdescriptor: disk}}", {})
        assert found.configuration.storage.cache.blobdescriptor == ""
        (warning,) = found.warnings
        assert warning.key == "storage.cache.blobdescriptor"
        assert "there is no cache" in warning.text

    def test_size_is_a_number(self, problems: Complaints) -> None:
        """
        A size that is no integer is an error.
        """
        cache = "{blobdescriptor: inmemory, blobdescriptorsize: many}"
        (line,) = problems(f"version: 0.1\nstorage: {{inmemory: {{}}, cache: {cache}}}")
        assert line.startswith("config.yml:2: storage.cache.blobdescriptorsize: must be an integer")

    def test_redis_without_address(self, problems: Complaints) -> None:
        """
        A Redis that nobody says where to find is an error.
        """
        (line,) = problems("version: 0.1\nstorage: {inmemory: {}, cache: {blobdescriptor: redis}}")
        assert line == (
            "config.yml:2: storage.cache.blobdescriptor: redis has no address: name it in"
            " redis.addrs"
        )

    def test_by_environment(self, loaded: Parse) -> None:
        """
        It can all be said by variables.
        """
        environ = {
            "REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR": "redis",
            "REGISTRY_REDIS_ADDRS": "[redis:6379]",
            "REGISTRY_REDIS_PASSWORD": "123",
            "REGISTRY_REDIS_TLS_ROOTCAS_0": "/ca.pem",
        }
        read = loaded("", environ).configuration
        assert read.storage.cache.blobdescriptor == "redis"
        assert read.redis.addrs == (TCPAddress("redis", 6379),)
        assert read.redis.password == "123"
        assert read.redis.tls.rootcas == ("/ca.pem",)


class RedisTests:
    """
    ``redis``.
    """

    def test_defaults(self) -> None:
        """
        An address is enough.
        """
        redis = configuration(WITH_REDIS + "{addrs: [':6379']}").redis
        assert redis.addrs == (TCPAddress("localhost", 6379),)
        assert (redis.db, redis.dialtimeout, redis.readtimeout, redis.poolsize) == (0, 5, 0.5, 4)
        assert not redis.tls.enabled

    @pytest.mark.parametrize(
        ("written", "seconds"), [("2s", 2.0), ("0", 0.5), ("0s", 0.5), ("50ms", 0.05)]
    )
    def test_time_limit(self, written: str, seconds: float) -> None:
        """
        There is always a time limit.
        """
        text = WITH_REDIS + f"{{addrs: ['a:1'], readtimeout: {written}}}"
        assert configuration(text).redis.readtimeout == seconds

    @pytest.mark.parametrize("written", ["-1", "-2", "-1s"])
    def test_no_time_limit(self, written: str) -> None:
        """
        To want none is answered by a warning and the default.
        """
        text = WITH_REDIS + f"{{addrs: ['a:1'], readtimeout: {written}}}"
        (line,) = told(text)
        assert line == "c:3: redis.readtimeout: there is always a limit: the default holds"
        assert parse(text, {}).configuration.redis.readtimeout == 0.5

    @pytest.mark.parametrize(("written", "size"), [("0", 4), ("-1", 4), ("9", 9), ("900", 64)])
    def test_pool(self, written: str, size: int) -> None:
        """
        A pool has a size of sense.
        """
        text = WITH_REDIS + f"{{addrs: ['a:1'], poolsize: {written}}}"
        assert configuration(text).redis.poolsize == size

    def test_sentinels(self) -> None:
        """
        With a master's name the addresses are those of its sentinels.
        """
        redis = configuration(WITH_REDIS + "{addrs: ['a:1', 'b:2'], mastername: m}").redis
        assert (len(redis.addrs), redis.mastername) == (2, "m")

    @pytest.mark.parametrize(
        ("section", "line"),
        [
            (
                "{addrs: ['a:1', 'b:2']}",
                (
                    "config.yml:3: redis.addrs: several are a Redis Cluster, which is not"
                    " supported: name one server, or, with mastername, the sentinels"
                ),
            ),
            (
                "{addrs: ['a:1'], mastername: m, tls: {rootcas: [/a]}}",
                (
                    "config.yml:3: redis.tls: is not supported with sentinels, which mastername"
                    " asks for"
                ),
            ),
            (
                "{addrs: [a]}",
                (
                    'config.yml:3: redis.addrs[0]: must be host:port, such as ":5000" or'
                    ' "127.0.0.1:5000"; the port is missing'
                ),
            ),
            (
                "{addrs: ['a:0']}",
                "config.yml:3: redis.addrs[0]: the port must be a number from 1 to 65535",
            ),
        ],
    )
    def test_errors(self, problems: Complaints, section: str, line: str) -> None:
        """
        What can't be is an error with a reason.
        """
        assert line in problems(WITH_REDIS + section)

    @pytest.mark.parametrize(
        ("section", "text"),
        [
            ("{addrs: ['a:1'], maxretries: 3}", "redis.maxretries: has no effect here: nothing"),
            ("{addrs: ['a:1'], pooltimeout: 3s}", "redis.pooltimeout: has no effect here: nobody"),
            ("{addrs: ['a:1'], tls: {key: /k}}", "redis.tls: without certificate and key, both"),
            ("{addrs: ['a:1'], tls: {certificate: /k}}", "redis.tls: without certificate and key"),
        ],
    )
    def test_warnings(self, section: str, text: str) -> None:
        """
        What has no effect is a warning.
        """
        (line,) = told(WITH_REDIS + section)
        assert text in line

    def test_size_has_no_effect(self) -> None:
        """
        How much Redis keeps is not said here.
        """
        cache = "{blobdescriptor: redis, blobdescriptorsize: 5}"
        redis = "redis: {addrs: ['a:1']}"
        (line,) = told(f"version: 0.1\nstorage: {{inmemory: {{}}, cache: {cache}}}\n{redis}")
        assert line.startswith("c:2: storage.cache.blobdescriptorsize: has no effect with redis")

    def test_unused(self) -> None:
        """
        A Redis that nothing uses is pointed out.
        """
        (line,) = told("version: 0.1\nstorage: inmemory\nredis: {addrs: ['a:1']}")
        assert line.startswith("c:3: redis: nothing uses it")

    def test_secrets_are_not_shown(self) -> None:
        """
        No password is in the effective configuration, or in what objects say of themselves.
        """
        section = "{addrs: ['a:1'], mastername: m, password: hunter2, sentinelpassword: hunter2}"
        read = configuration(WITH_REDIS + section)
        assert read.redis.password == "hunter2"
        assert "hunter2" not in repr(read)
        assert "hunter2" not in effective(read)


class PastTests:
    """
    What version 2 understood.
    """

    def test_layerinfo(self) -> None:
        """
        ``layerinfo`` is ``blobdescriptor``.
        """
        text = "version: 0.1\nstorage: {inmemory: {}, cache: {layerinfo: inmemory}}"
        (line,) = told(text)
        assert line == "c:2: storage.cache.layerinfo: is deprecated; say blobdescriptor"
        assert parse(text, {}).configuration.storage.cache.blobdescriptor == "inmemory"

    def test_layerinfo_besides(self) -> None:
        """
        Where both are said, the new name counts.
        """
        cache = "{layerinfo: redis, blobdescriptor: inmemory}"
        found = parse(f"version: 0.1\nstorage: {{inmemory: {{}}, cache: {cache}}}", {})
        assert found.configuration.storage.cache.blobdescriptor == "inmemory"

    @pytest.mark.parametrize("storage", ["inmemory", "{inmemory: {}}", "{inmemory: {}, cache: {}}"])
    def test_address_alone(self, storage: str) -> None:
        """
        The former address of Redis switches the cache on by itself.
        """
        text = f"version: 0.1\nstorage: {storage}\nredis: {{addr: 'a:1'}}"
        (line,) = told(text)
        assert line.startswith("c:3: redis.addr: is deprecated; say redis.addrs.  It switches")
        read = parse(text, {}).configuration
        assert read.storage.driver == "inmemory"
        assert read.storage.cache.blobdescriptor == "redis"
        assert read.redis.addrs == (TCPAddress("a", 1),)

    def test_address_besides_cache(self) -> None:
        """
        Where a cache is named, the former address is an address only.
        """
        found = parse(WITH_REDIS + "{addr: 'a:1'}", {})
        (warning,) = found.warnings
        assert warning.text == "is deprecated; say redis.addrs"
        assert found.configuration.redis.addrs == (TCPAddress("a", 1),)

    def test_address_besides_addresses(self) -> None:
        """
        Where both are said, the new name counts.
        """
        found = parse(WITH_REDIS + "{addr: 'a:1', addrs: ['b:2']}", {})
        (warning,) = found.warnings
        assert "ignored" in warning.text
        assert found.configuration.redis.addrs == (TCPAddress("b", 2),)

    @pytest.mark.parametrize(
        ("section", "size"),
        [
            ("{addrs: ['a:1'], pool: {maxidle: 16, maxactive: 64, idletimeout: 300s}}", 64),
            ("{addrs: ['a:1'], pool: {maxactive: 0}}", 4),
            ("{addrs: ['a:1'], pool: {maxidle: 16}}", 4),
            ("{addrs: ['a:1'], poolsize: 7, pool: {maxactive: 64}}", 7),
        ],
    )
    def test_pool(self, section: str, size: int) -> None:
        """
        Of the former pool its size is used.
        """
        found = parse(WITH_REDIS + section, {})
        (warning,) = found.warnings
        assert (warning.key, warning.text) == ("redis.pool", "is deprecated; say redis.poolsize")
        assert found.configuration.redis.poolsize == size
