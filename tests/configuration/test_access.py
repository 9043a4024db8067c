"""
The section ``auth``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml

from txregistry.configuration import NONE, Auth, Loaded, effective

Complaints = Callable[..., list[str]]
Parse = Callable[..., Loaded]

HTPASSWD = {"realm": "A registry", "path": "/etc/htpasswd"}


EMPTY = (
    "config.yml:3: auth: says nothing, so everybody may do everything: write none if that is meant",
)


class KindTests:
    """
    Which controller is chosen.
    """

    @pytest.mark.parametrize(
        ("more", "told"),
        [
            ("", ()),
            ("auth: none", ()),
            ("auth: {none: }", ()),
            ("auth: {none: {}}", ()),
            ("auth:", EMPTY),
            ("auth: {}", EMPTY),
        ],
    )
    def test_none(self, loaded: Parse, more: str, told: tuple[str, ...]) -> None:
        """
        Where nothing is said, or ``none``, there is none, as in distribution; who has forgotten to
        say which is told what that means.
        """
        assert loaded(more).configuration.auth == Auth(kind=NONE)
        assert tuple(map(str, loaded(more).warnings)) == told

    def test_ours(self, loaded: Parse) -> None:
        """
        A kind of ours has the options that are written below it.
        """
        auth = loaded("auth: {htpasswd: {realm: A registry, path: /etc/htpasswd}}")
        assert auth.configuration.auth == Auth(kind="htpasswd", options=HTPASSWD)
        auth = loaded("auth: {silly: {realm: a, service: 1}}")
        assert auth.configuration.auth.options == {"realm": "a", "service": "1"}

    def test_silly(self, loaded: Parse) -> None:
        """
        The kind that keeps nobody out is warned of.
        """
        (warning,) = loaded("auth: {silly: {realm: a, service: b}}").warnings
        assert str(warning).startswith("config.yml:3: auth.silly: lets everybody in ")

    def test_others(self, loaded: Parse) -> None:
        """
        The options of a plug-in's controller are its own affair.
        """
        found = loaded("auth: {mine: {any: {thing: [1, true]}}}")
        options: Mapping[str, Any] = found.configuration.auth.options
        assert (found.configuration.auth.kind, options) == ("mine", {"any": {"thing": [1, True]}})
        assert found.warnings == ()
        assert loaded("auth: mine").configuration.auth == Auth(kind="mine")


class EnvironmentTests:
    """
    The variables by which containers are configured.
    """

    def test_documented(self, loaded: Parse) -> None:
        """
        The three variables that distribution documents are enough.
        """
        variables = {
            "REGISTRY_AUTH": "htpasswd",
            "REGISTRY_AUTH_HTPASSWD_REALM": "A registry",
            "REGISTRY_AUTH_HTPASSWD_PATH": "/etc/htpasswd",
        }
        found = loaded("", variables)
        assert found.configuration.auth == Auth(kind="htpasswd", options=HTPASSWD)
        assert found.warnings == ()
        silly = "auth: {silly: {realm: a, service: b}}"
        assert loaded(silly, variables).configuration.auth.kind == "htpasswd"

    def test_without_the_first(self, loaded: Parse) -> None:
        """
        One that names an option names the kind, too.
        """
        variables = {f"REGISTRY_AUTH_HTPASSWD_{key.upper()}": HTPASSWD[key] for key in HTPASSWD}
        assert loaded("", variables).configuration.auth.options == HTPASSWD

    def test_off(self, loaded: Parse) -> None:
        """
        What the file asks for can be switched off.
        """
        more = "auth: {htpasswd: {realm: a, path: /a}}"
        assert loaded(more, {"REGISTRY_AUTH": "none"}).configuration.auth.kind == NONE

    def test_two_kinds(self, complaints: Complaints) -> None:
        """
        A second kind is not chosen by chance.
        """
        more = "auth: {silly: {realm: a, service: b}}"
        (line,) = complaints(more, {"REGISTRY_AUTH_HTPASSWD_REALM": "a"})
        assert line.endswith("must provide exactly one type. Provided: [htpasswd, silly]")


class ErrorTests:
    """
    What keeps the registry from starting.
    """

    @pytest.mark.parametrize(
        ("more", "missing"),
        [
            ("auth: htpasswd", ["htpasswd.path", "htpasswd.realm"]),
            ("auth: {htpasswd: }", ["htpasswd.path", "htpasswd.realm"]),
            ("auth: {htpasswd: {realm: a}}", ["htpasswd.path"]),
            ("auth: {htpasswd: {path: /a, realm: ''}}", ["htpasswd.realm"]),
            ("auth: {silly: {realm: a}}", ["silly.service"]),
        ],
    )
    def test_missing(self, complaints: Complaints, more: str, missing: list[str]) -> None:
        """
        An option that must be there is named.
        """
        found = [line for line in complaints(more) if "is for tests" not in line]
        assert sorted(found) == [f"config.yml:3: auth.{name}: is missing" for name in missing]

    @pytest.mark.parametrize(
        ("more", "key"),
        [
            ("auth: [htpasswd]", "auth"),
            ("auth: true", "auth"),
            ("auth: {none: {}, htpasswd: {realm: a, path: /a}}", "auth"),
            ("auth: {htpasswd: /etc/htpasswd}", "auth.htpasswd"),
            ("auth: {mine: [a]}", "auth.mine"),
        ],
    )
    def test_refused(self, complaints: Complaints, more: str, key: str) -> None:
        """
        What isn't understood is no open door.
        """
        (line,) = complaints(more)
        assert line.startswith(f"config.yml:3: {key}: must ")

    def test_slip(self, loaded: Parse) -> None:
        """
        A slip in an option is pointed out.
        """
        (warning,) = loaded("auth: {htpasswd: {realm: a, path: /a, paht: /b}}").warnings
        assert "did you mean path?" in str(warning)


class EffectiveTests:
    """
    How it is shown.
    """

    @pytest.mark.parametrize(
        "auth",
        ["none", {"htpasswd": HTPASSWD}, {"mine": {"realm": "a", "file": "/b", "on": True}}],
    )
    def test_round_trip(self, loaded: Parse, auth: object) -> None:
        """
        What is no secret can be read back.
        """
        more = yaml.safe_dump({"auth": auth})
        shown = yaml.safe_load(effective(loaded(more).configuration))
        assert shown["auth"] == auth

    def test_secrets(self, loaded: Parse) -> None:
        """
        What may be a secret of a plug-in is masked, and no repr tells it.
        """
        found = loaded("auth: {mine: {password: hunter2, token: {a: hunter2}}}").configuration
        assert "hunter2" not in effective(found)
        assert "hunter2" not in repr(found)
