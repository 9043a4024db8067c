"""
What each key means: defaults, and values that are wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from txregistry.configuration import AUTO, Configuration, Loaded, effective, parse
from txregistry.configuration.network import ExternalURL

Complaints = Callable[..., list[str]]
Parse = Callable[..., Loaded]


def value_of(configuration: Configuration, key: str) -> Any:
    """
    :return: what a configuration has at a key.
    """
    value: Any = configuration
    for name in key.split("."):
        value = getattr(value, name)
    return value


class DefaultTests:
    """
    What holds where nothing is written.
    """

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("version", "0.1"),
            ("log.level", "info"),
            ("log.formatter", "text"),
            ("log.fields", {}),
            ("log.accesslog.disabled", False),
            ("log.reportcaller", False),
            ("storage.delete.enabled", False),
            ("storage.redirect.disable", False),
            ("storage.maintenance.uploadpurging.enabled", True),
            ("storage.maintenance.uploadpurging.age", 168 * 3600),
            ("storage.maintenance.uploadpurging.interval", 24 * 3600),
            ("storage.maintenance.uploadpurging.dryrun", False),
            ("storage.maintenance.readonly.enabled", False),
            ("storage.tag.concurrencylimit", 0),
            ("middleware.registry", ()),
            ("middleware.repository", ()),
            ("middleware.storage", ()),
            ("http.addr", ":5000"),
            ("http.net", "tcp"),
            ("http.host", None),
            ("http.prefix", "/"),
            ("http.secret", ""),
            ("http.relativeurls", False),
            ("http.draintimeout", 0),
            ("http.headers", {}),
            ("http.limits.head", 65536),
            ("http.limits.headers", 100),
            ("http.limits.manifest", 4 * 1024 * 1024),
            ("http.limits.tags", 100),
            ("http.limits.bodyidle", 60),
            ("http.limits.writeidle", 60),
            ("http.limits.idle", 60),
            ("http.limits.connections", 10_000),
            ("catalog.maxentries", 1000),
            ("tags.maxtags", 1000),
            ("referrers.maxentries", 1000),
            ("validation.disabled", False),
            ("validation.manifests.blobs", "all"),
            ("validation.manifests.urls.allow", ()),
            ("validation.manifests.urls.deny", ()),
            ("validation.manifests.indexes.platforms", "all"),
            ("validation.manifests.indexes.platformlist", ()),
            ("policy.repository.classes", ()),
            ("workers", 1),
        ],
    )
    def test_default(self, loaded: Parse, key: str, value: object) -> None:
        """
        A key that nobody wrote has its default, whether its section is missing or empty.
        """
        assert value_of(loaded().configuration, key) == value
        section = key.partition(".")[0]
        if section not in {"version", "storage"}:
            assert value_of(loaded(f"{section}:\n").configuration, key) == value

    def test_trusted_proxies(self, loaded: Parse) -> None:
        """
        This machine and private networks are trusted, the world is not.
        """
        networks = {str(network) for network in loaded().configuration.http.trustedproxies}
        assert {"127.0.0.0/8", "::1/128", "10.0.0.0/8", "fc00::/7", "fe80::/10"} <= networks
        assert not {"0.0.0.0/0", "::/0"} & networks


class ValueTests:
    """
    What is right.
    """

    @pytest.mark.parametrize(
        ("more", "key", "value"),
        [
            ("log: {level: WARN}", "log.level", "warn"),
            ("log: {formatter: logstash}", "log.formatter", "logstash"),
            (
                "log: {fields: {a: 1, b: [x], c: {d: true}}}",
                "log.fields",
                {"a": 1, "b": ["x"], "c": {"d": True}},
            ),
            ("log: {accesslog: {disabled: true}}", "log.accesslog.disabled", True),
            (
                "http: {host: 'https://reg.example.com'}",
                "http.host",
                ExternalURL("https", "reg.example.com"),
            ),
            ("http: {host: ''}", "http.host", None),
            ("http: {prefix: registry}", "http.prefix", "/registry/"),
            ("http: {secret: 0123}", "http.secret", "0123"),
            ("http: {draintimeout: 1m30s}", "http.draintimeout", 90),
            ("http: {draintimeout: 60000000000}", "http.draintimeout", 60),
            ("http: {headers: {X-A: [b, 1]}}", "http.headers", {"X-A": ("b", "1")}),
            ("http: {trustedproxies: []}", "http.trustedproxies", ()),
            ("http: {limits: {head: 16KiB}}", "http.limits.head", 16384),
            ("http: {limits: {head: 16384}}", "http.limits.head", 16384),
            ("http: {limits: {bodyidle: 500ms}}", "http.limits.bodyidle", 0.5),
            ("catalog: {maxentries: 0}", "catalog.maxentries", 1000),
            ("catalog: {maxentries: -3}", "catalog.maxentries", 1000),
            ("catalog: {maxentries: 7}", "catalog.maxentries", 7),
            ("tags: {maxtags: 0}", "tags.maxtags", 1000),
            ("tags: {maxtags: 7}", "tags.maxtags", 7),
            ("validation: {manifests: {blobs: none}}", "validation.manifests.blobs", "none"),
            ("policy: {repository: {classes: [image]}}", "policy.repository.classes", ("image",)),
            ("workers: 1", "workers", 1),
        ],
    )
    def test_value(self, loaded: Parse, more: str, key: str, value: object) -> None:
        """
        A value is read in its kind, without a complaint.
        """
        found = loaded(more)
        assert value_of(found.configuration, key) == value
        assert found.warnings == ()

    @pytest.mark.parametrize(("text", "value"), [("2", 2), ("256", 256), ("auto", AUTO)])
    def test_workers(self, text: str, value: int) -> None:
        """
        There may be several workers, or one for each core, where they can share the storage.
        """
        found = parse(f"version: 0.1\nstorage: filesystem\nworkers: {text}\n", {})
        assert found.configuration.workers == value
        assert found.warnings == ()
        assert f"workers: {text}" in effective(found.configuration)

    def test_patterns(self, loaded: Parse) -> None:
        """
        Patterns are compiled.
        """
        more = "validation: {manifests: {urls: {allow: ['^https://a/'], deny: ['x$']}}}"
        urls = loaded(more).configuration.validation.manifests.urls
        assert urls.allow[0].search("https://a/b")
        assert urls.deny[0].search("https://a/x")

    def test_platforms(self, loaded: Parse) -> None:
        """
        Platforms are pairs.
        """
        more = (
            "validation: {manifests: {indexes: {platforms: list,"
            " platformlist: [{architecture: amd64, os: linux}]}}}"
        )
        indexes = loaded(more).configuration.validation.manifests.indexes
        assert indexes.platforms == "list"
        assert [(p.architecture, p.os) for p in indexes.platformlist] == [("amd64", "linux")]

    def test_middleware(self, loaded: Parse) -> None:
        """
        Middleware keeps its order, its options and its switch.
        """
        more = (
            "middleware:\n  storage:\n  - name: one\n    options: {a: 1}\n"
            "  - {name: two, disabled: true}\n"
        )
        one, two = loaded(more).configuration.middleware.storage
        assert (one.name, one.disabled, one.options) == ("one", False, {"a": 1})
        assert (two.name, two.disabled, two.options) == ("two", True, {})


class ComplaintTests:
    """
    What is wrong, or odd.
    """

    @pytest.mark.parametrize(
        ("more", "complaint"),
        [
            ("log: {level: loud}", "log.level: must be one of error, warn, info, debug"),
            ("log: {formatter: xml}", "log.formatter: must be one of text, json, logstash"),
            ("log: {fields: [a]}", "log.fields: must be a mapping, not a list"),
            ("log: [a]", "log: must be a mapping, not a list"),
            (
                "log: {accesslog: {disabled: 'true'}}",
                "log.accesslog.disabled: must be true or false, not a string",
            ),
            ("log: {reportcaller: 1}", "log.reportcaller: must be true or false, not an integer"),
            ("http: {secret: [hunter2]}", "http.secret: must be a text, not a list"),
            (
                "http: {host: reg.example.com}",
                "http.host: must begin with http:// or https:// and a host",
            ),
            (
                "http: {draintimeout: soon}",
                "http.draintimeout: must be a duration, such as 10s, 1h30m or 100ms",
            ),
            (
                "http: {draintimeout: 1.5}",
                "http.draintimeout: must be a duration, such as 10s, 1h30m or 100ms",
            ),
            ("http: {draintimeout: -1s}", "http.draintimeout: must not be negative"),
            ("http: {limits: {bodyidle: 0s}}", "http.limits.bodyidle: must be more than 0s"),
            (
                "http: {limits: {head: big}}",
                "http.limits.head: must be a number of bytes, such as 65536, 64KiB or 4MiB",
            ),
            ("http: {limits: {head: 1KB}}", "http.limits.head: must be 1024 or more"),
            ("http: {limits: {connections: 0}}", "http.limits.connections: must be 1 or more"),
            ("http: {limits: {tags: 1.5}}", "http.limits.tags: must be an integer, not a number"),
            ("http: {limits: {tags: 99999999999}}", "http.limits.tags: must be 2147483647 or less"),
            ("catalog: {maxentries: many}", "catalog.maxentries: must be an integer, not a string"),
            (
                "catalog: {maxentries: true}",
                "catalog.maxentries: must be an integer, not a boolean",
            ),
            (
                "tags: {maxtags: -1}",
                "tags.maxtags: maxtags limit must be a non-negative integer value",
            ),
            (
                "validation: {manifests: {urls: {allow: ['(']}}}",
                (
                    "validation.manifests.urls.allow[0]: is not a regular"
                    " expression: missing ), unterminated subpattern"
                ),
            ),
            (
                "validation: {manifests: {urls: {deny: ['[[:alpha:]]']}}}",
                (
                    "validation.manifests.urls.deny[0]: is not a regular expression"
                    " that Python understands"
                ),
            ),
            (
                "validation: {manifests: {urls: {deny: ['a{999999999999}']}}}",
                (
                    "validation.manifests.urls.deny[0]: is not a regular expression"
                    " that Python understands"
                ),
            ),
            (
                "validation: {manifests: {indexes: {platforms: some}}}",
                "validation.manifests.indexes.platforms: must be one of all, none, list",
            ),
            (
                "validation: {manifests: {indexes: {platformlist: [{os: linux}]}}}",
                "validation.manifests.indexes.platformlist[0].architecture: is missing",
            ),
            (
                "policy: {repository: {classes: [disc]}}",
                "policy.repository.classes[0]: must be one of image, plugin",
            ),
            ("middleware: {storage: [{options: {}}]}", "middleware.storage[0].name: is missing"),
            (
                "middleware: {storage: [redirect]}",
                "middleware.storage[0]: must be a mapping, not a string",
            ),
            (
                "workers: 2",
                "workers: must be 1 with storage.inmemory, which processes can't share",
            ),
            ("workers: 0", "workers: must be 1 or more"),
            ("workers: 257", "workers: must be 256 or less"),
            ("workers: many", "workers: must be a number, or auto"),
        ],
    )
    def test_complaint(self, complaints: Complaints, more: str, complaint: str) -> None:
        """
        A wrong value is one line that names its key and its line.
        """
        assert complaints(more) == [f"config.yml:3: {complaint}"]

    def test_all_at_once(self, complaints: Complaints) -> None:
        """
        Every mistake is told, in the order of the lines.
        """
        more = "tags:\n  maxtags: -1\nlog:\n  level: x\nhttp:\n  addr: y\n  net: z\n"
        lines = [line.partition(": ")[0] for line in complaints(more)]
        assert lines == ["config.yml:4", "config.yml:6", "config.yml:8", "config.yml:9"]

    def test_nanoseconds_for_seconds(self, loaded: Parse) -> None:
        """
        A small integer for a duration, which counts nanoseconds, is pointed out.
        """
        (warning,) = loaded("http: {draintimeout: 60}").warnings
        assert "write 60s if you mean seconds" in warning.text

    @pytest.mark.parametrize(
        ("more", "warning"),
        [
            ("htp: {}", "htp: unknown key, ignored; did you mean http?"),
            ("Http: {}", "Http: unknown key, ignored; did you mean http?"),
            ("http: {adr: x}", "http.adr: unknown key, ignored; did you mean addr?"),
            (
                "log: {accesslog: {disable: true}}",
                "log.accesslog.disable: unknown key, ignored; did you mean disabled?",
            ),
            (
                "middleware: {storage: [{name: a, option: {}}]}",
                "middleware.storage[0].option: unknown key, ignored; did you mean options?",
            ),
            (
                "http: {tls: {certficate: x}}",
                "http.tls.certficate: unknown key, ignored; did you mean certificate?",
            ),
            ("redis: {adresses: []}", "redis.adresses: unknown key, ignored; did you mean addrs?"),
            ("zzz: {}", "zzz: unknown key, ignored"),
        ],
    )
    def test_unknown_keys(self, loaded: Parse, more: str, warning: str) -> None:
        """
        An unknown key is a warning with the nearest known one, at any depth.
        """
        unknown = [problem for problem in loaded(more).warnings if problem.unknown]
        assert [str(problem) for problem in unknown] == [f"config.yml:3: {warning}"]

    def test_control_characters(self, loaded: Parse) -> None:
        """
        A key can't forge a line of the log.
        """
        (warning,) = loaded('"a\\nb": 1').warnings
        assert str(warning) == "config.yml:3: a\\nb: unknown key, ignored"


class SecretTests:
    """
    What must not show.
    """

    def test_repr(self, loaded: Parse) -> None:
        """
        No secret shows where a configuration is printed by accident.
        """
        more = (
            "http: {secret: hunter2, headers: {Authorization: [hunter2]}}\n"
            "middleware: {storage: [{name: a, options: {privatekey: hunter2}}]}\n"
            "log: {fields: {password: hunter2}}\n"
        )
        assert "hunter2" not in repr(loaded(more, {"REGISTRY_STORAGE": "{a: {key: hunter2}}"}))

    def test_frozen(self, loaded: Parse) -> None:
        """
        Nobody changes a configuration.
        """
        configuration = loaded("log: {fields: {a: b}}").configuration
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            configuration.http.addr = ":1"  # type: ignore[misc] # that is the point
        with pytest.raises(TypeError):
            configuration.log.fields["a"] = "c"  # type: ignore[index] # so is this
