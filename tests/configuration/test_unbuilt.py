"""
Keys of distribution that this version doesn't read, and those of its past.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from txregistry.configuration import Loaded

Complaints = Callable[..., list[str]]
Parse = Callable[..., Loaded]


class WarningTests:
    """
    What is left out.
    """

    @pytest.mark.parametrize(
        ("more", "key"),
        [
            ("redis: {maxretries: 3}", "redis.maxretries"),
            ("redis: {writetimeout: 3s}", "redis.writetimeout"),
            ("redis: {protocol: 3}", "redis.protocol"),
            ("health: {storagedriver: {enabled: true}}", "health"),
            ("health: {file: [{file: /a}], http: [{uri: a}], tcp: [{addr: a}]}", "health"),
            ("http: {debug: {addr: ':5001', prometheus: {enabled: true}}}", "http.debug"),
            ("http: {http2: {disabled: false}}", "http.http2"),
            ("http: {h2c: {enabled: true}}", "http.h2c"),
            ("http: {tls: {minimumtls: tls1.0}}", "http.tls"),
            ("log: {hooks: [{type: mail, levels: [panic], options: {to: [a]}}]}", "log.hooks"),
            ("proxy: {ttl: 1h}", "proxy"),
            ("reporting: {bugsnag: {apikey: hunter2}}", "reporting"),
            ("reporting: {newrelic: {licensekey: hunter2}}", "reporting"),
            ("compatibility: {schema1: {enabled: true}}", "compatibility"),
            ("compatibility: {schema1: {signingkeyfile: /a, trustkey: b}}", "compatibility"),
            ("validation: {enabled: true}", "validation.enabled"),
            ("loglevel: debug", "loglevel"),
            ("middleware: {storage: [{name: alicdn, options: {a: b}}]}", "middleware.storage[0]"),
        ],
    )
    def test_warned(self, loaded: Parse, more: str, key: str) -> None:
        """
        What only speeds up, reports, or is of the past, is one warning that names it.
        """
        (warning,) = loaded(more).warnings
        assert (warning.key, warning.line, warning.unknown) == (key, 3, False)
        assert "hunter2" not in str(warning)

    @pytest.mark.parametrize(
        "more",
        [
            "http: {tls:}",
            "http: {tls: {}}",
            "http: {http2: {disabled: true}}",
            "http: {h2c: {enabled: false}}",
            "notifications: {endpoints: []}",
            "notifications: {events: {includereferences: true}}",
            "notifications: {endpoints: [{name: a, url: 'http://a', disabled: true}]}",
            "redis: {}",
            "health:",
        ],
    )
    def test_nothing_to_say(self, loaded: Parse, more: str) -> None:
        """
        What is switched off, or empty, is not worth a word.
        """
        assert loaded(more).warnings == ()


class RefusalTests:
    """
    What forbids to start.
    """

    @pytest.mark.parametrize(
        ("more", "key"),
        [
            ("http: {tls: {certificate: /a, key: /b}}", "http.tls"),
            ("http: {tls: {key: /b}}", "http.tls"),
            ("http: {tls: {clientcas: [/a]}}", "http.tls"),
            ("http: {tls: {clientauth: verify-client-cert-if-given}}", "http.tls"),
            ("http: {tls: {letsencrypt: {cachefile: /a}}}", "http.tls"),
            ("http: {tls: true}", "http.tls"),
            ("proxy: {remoteurl: 'https://u:hunter2@a', password: hunter2}", "proxy"),
            ("proxy: https://u:hunter2@a", "proxy"),
        ],
    )
    def test_refused(self, complaints: Complaints, more: str, key: str) -> None:
        """
        What would be unsafe to leave out is an error that names it, and shows no secret.
        """
        (line,) = complaints(more)
        assert line.startswith(f"config.yml:3: {key}: ")
        assert "hunter2" not in line

    def test_by_environment(self, complaints: Complaints) -> None:
        """
        A refusal names the variable that asked for it.
        """
        (line,) = complaints("", {"REGISTRY_PROXY_REMOTEURL": "https://registry-1.docker.io"})
        assert line.startswith("REGISTRY_PROXY_REMOTEURL: proxy: pulling through")

    def test_switched_off_by_environment(self, loaded: Parse) -> None:
        """
        A section of the file can be emptied by a variable.
        """
        more = "proxy: {remoteurl: 'https://a'}"
        assert loaded(more, {"REGISTRY_PROXY": "{}"}).warnings == ()


class DeprecatedTests:
    """
    What 2.x had.
    """

    def test_log_level(self, loaded: Parse) -> None:
        """
        The old log level is used where there is no new one.
        """
        assert loaded("loglevel: debug").configuration.log.level == "debug"
        assert loaded("loglevel: debug\nlog:").configuration.log.level == "debug"
        found = loaded("loglevel: debug\nlog: {level: error, formatter: json}")
        assert found.configuration.log.level == "error"

    def test_bad_old_log_level(self, complaints: Complaints) -> None:
        """
        It is checked as the new one is.
        """
        assert "config.yml:3: log.level: must be one of error, warn, info, debug" in complaints(
            "loglevel: loud"
        )

    def test_former_middleware(self, loaded: Parse) -> None:
        """
        Former middleware is left out, the rest stays.
        """
        found = loaded("middleware: {storage: [{name: a}, {name: alicdn}, {name: b}]}")
        names = [middleware.name for middleware in found.configuration.middleware.storage]
        assert names == ["a", "b"]
