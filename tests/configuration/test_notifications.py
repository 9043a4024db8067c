"""
The section ``notifications``.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from txregistry.configuration import Loaded, Notifications, effective

Complaints = Callable[..., list[str]]
Parse = Callable[..., Loaded]

#: As distribution's documentation has it.
THEIRS = """
notifications:
  events:
    includereferences: true
  endpoints:
    - name: alistener
      disabled: false
      url: https://my.listener.com/event
      headers: {Authorization: [Bearer token]}
      timeout: 1s
      threshold: 10
      backoff: 1s
      ignoredmediatypes:
        - application/octet-stream
      ignore:
        mediatypes:
           - text/plain
        actions:
           - pull
"""


class SectionTests:
    """
    What it comes to.
    """

    def test_theirs(self, loaded: Parse) -> None:
        """
        All that distribution reads is read, without a word.
        """
        found = loaded(THEIRS)
        assert found.warnings == ()
        notifications = found.configuration.notifications
        (endpoint,) = notifications.enabled
        assert notifications.events.includereferences
        assert endpoint.url == "https://my.listener.com/event"
        assert endpoint.headers == {"Authorization": ("Bearer token",)}
        assert (endpoint.timeout, endpoint.threshold, endpoint.backoff) == (1.0, 10, 1.0)
        assert endpoint.ignored_media_types == {"application/octet-stream", "text/plain"}
        assert endpoint.ignore.actions == ("pull",)

    def test_defaults(self, loaded: Parse) -> None:
        """
        Without it nobody is told; figures of 0 are the defaults.
        """
        assert loaded().configuration.notifications == Notifications()
        more = "notifications: {endpoints: [{name: a, url: 'http://a', timeout: 0, threshold: -1}]}"
        (endpoint,) = loaded(more).configuration.notifications.enabled
        assert (endpoint.timeout, endpoint.threshold) == (1.0, 10)
        assert (endpoint.format, endpoint.version, endpoint.batch) == ("docker", "v2", 1)

    def test_environment(self, loaded: Parse) -> None:
        """
        Variables set all endpoints at once, or one key of one.
        """
        environ = {
            "REGISTRY_NOTIFICATIONS_ENDPOINTS": "[{name: a, url: 'http://a'}]",
            "REGISTRY_NOTIFICATIONS_ENDPOINTS_0_TIMEOUT": "7s",
            "REGISTRY_NOTIFICATIONS_EVENTCONFIG_INCLUDEREFERENCES": "true",
        }
        notifications = loaded("", environ).configuration.notifications
        assert notifications.events.includereferences
        assert [each.timeout for each in notifications.enabled] == [7.0]

    def test_disabled(self, loaded: Parse) -> None:
        """
        An endpoint that is disabled may be as it likes.
        """
        more = "notifications: {endpoints: [{disabled: true}, {name: a, url: 'http://a'}]}"
        (endpoint,) = loaded(more).configuration.notifications.enabled
        assert endpoint.name == "a"

    def test_secrets(self, loaded: Parse) -> None:
        """
        No header, secret or user of a URL is shown.
        """
        more = (
            "notifications: {endpoints: [{name: a, url: 'http://u:hunter2@a/?k=hunter2', "
            "headers: {X-A: [hunter2]}, secret: hunter2}]}"
        )
        found = loaded(more).configuration
        assert "hunter2" not in effective(found)
        assert "hunter2" not in repr(found)
        assert "X-A" in effective(found)


class MistakeTests:
    """
    What is wrong.
    """

    @pytest.mark.parametrize(
        ("endpoint", "key", "text"),
        [
            ("{url: 'http://a'}", "name", "is missing"),
            ("{name: a}", "url", "is missing"),
            ("{name: a, url: 'ftp://hunter2'}", "url", "must be a URL"),
            ("{name: a, url: 'http://hunter2:x/'}", "url", "must be a URL"),
            ("{name: a, url: 'http://a b'}", "url", "must hold no spaces"),
            ("{name: a, url: 'http://a', timeout: hunter2}", "timeout", "must be a duration"),
            ("{name: a, url: 'http://a', version: v3}", "version", "must be one of v2, 2.8, v1"),
            ("{name: a, url: 'http://a', format: x}", "format", "must be one of"),
            ("{name: a, url: 'http://a', mode: binary}", "mode", "is for the format cloudevents"),
            (
                "{name: a, url: 'http://a', format: cloudevents, mode: binary, batch: 2}",
                "batch",
                "must be 1",
            ),
            (
                "{name: a, url: 'http://a', format: cloudevents, version: v1}",
                "version",
                "is one of the format docker",
            ),
            ("{name: a, url: 'http://a', batch: 0}", "batch", "must be 1 or more"),
            ("{name: a, url: 'http://a', tls: {key: /k}}", "tls.certificate", "is missing"),
            ("{name: a, url: 'http://a', headers: {a b: [c]}}", "headers.a b", "is not a name"),
        ],
    )
    def test_mistake(self, complaints: Complaints, endpoint: str, key: str, text: str) -> None:
        """
        It is named with its key and line, and nothing secret is shown.
        """
        (line,) = complaints(f"notifications: {{endpoints: [{endpoint}]}}")
        assert line.startswith(f"config.yml:3: notifications.endpoints[0].{key}: {text}")
        assert "hunter2" not in line

    def test_same_name(self, complaints: Complaints) -> None:
        """
        Two endpoints of one name would share what waits for them.
        """
        each = "{name: a, url: 'http://a'}"
        (line,) = complaints(f"notifications: {{endpoints: [{each}, {each}]}}")
        assert line == "config.yml:3: notifications.endpoints: two of them are called 'a'"

    def test_no_such_action(self, loaded: Parse) -> None:
        """
        An action that there isn't is a warning.
        """
        more = "notifications: {endpoints: [{name: a, url: 'http://a', ignore: {actions: [x]}}]}"
        (warning,) = loaded(more).warnings
        assert "there is no such action" in str(warning)

    @pytest.mark.parametrize("outbox", ["{maxsize: 10}", "{maxage: 0s}", "{maxage: x}"])
    def test_outbox(self, complaints: Complaints, outbox: str) -> None:
        """
        An outbox has some room, and some time.
        """
        (line,) = complaints(f"notifications: {{outbox: {outbox}}}")
        assert "notifications.outbox." in line
