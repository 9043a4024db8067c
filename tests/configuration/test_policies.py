"""
The sections ``policies``, ``ratelimit`` and ``log.audit``.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.auth.policies.test_globs import GLOBS
from txregistry.auth.certificates import SOURCES as CERTIFICATE_SOURCES
from txregistry.auth.policies.globs import parse_glob
from txregistry.configuration import Loaded, Policies, effective, parse
from txregistry.configuration.policies import SOURCES, Rule
from txregistry.errors import ConfigurationError

Complaints = Callable[..., list[str]]
Parse = Callable[..., Loaded]

WHOLE = """
policies:
  admins: root
  groups:
    ci: [builder, deployer]
    empty: []
  catalog: {authenticated: true, addresses: 10.0.0.0/8}
  certificates: {user: email}
  rules:
    - repositories: "**"
      anonymous: true
      allow: pull
    - repositories: [ci/**, "*/ci"]
      groups: [ci]
      allow: [Pull, push]
    - repositories: alice/**
      users: alice
      addresses: [10.0.0.0/8, 2001:db8::1]
      certificate: yes
      allow: []
"""


class PoliciesTests:
    """
    What is read.
    """

    def test_missing(self, loaded: Parse) -> None:
        """
        Without the section there are no policies, which is not the same as none that allows.
        """
        assert loaded("").configuration.policies is None
        assert loaded("policies: {}").configuration.policies == Policies()

    def test_nothing(self, complaints: Complaints) -> None:
        """
        A key with nothing behind it is no open door.
        """
        (complaint,) = complaints("policies:\n#  rules: []")
        assert complaint.startswith("config.yml:3: policies: says nothing")

    def test_whole(self, loaded: Parse) -> None:
        """
        Every key; one element can stand for a list of one.
        """
        policies = loaded(WHOLE.replace("yes", "true")).configuration.policies
        assert policies is not None
        assert policies.admins == ("root",)
        assert policies.groups == {"ci": ("builder", "deployer"), "empty": ()}
        assert policies.catalog.authenticated
        assert policies.certificates.user == "email"
        assert policies.rules == (
            Rule(repositories=("**",), anonymous=True, allow=("pull",)),
            Rule(repositories=("ci/**", "*/ci"), groups=("ci",), allow=("pull", "push")),
            Rule(
                repositories=("alice/**",),
                users=("alice",),
                addresses=(ip_network("10.0.0.0/8"), ip_network("2001:db8::1")),
                certificate=True,
                allow=(),
            ),
        )

    def test_dumped(self, loaded: Parse) -> None:
        """
        The effective configuration says the same again.
        """
        configuration = loaded(WHOLE.replace("yes", "true")).configuration
        text = effective(configuration)
        assert parse(text, {}).configuration.policies == configuration.policies
        assert "policies" not in yaml.safe_load(effective(loaded("").configuration))

    def test_environment(self, loaded: Parse) -> None:
        """
        The environment reaches into it.
        """
        environ = {
            "REGISTRY_POLICIES_ADMINS": "[root]",
            "REGISTRY_POLICIES_RULES_0_REPOSITORIES": '"**"',
            "REGISTRY_POLICIES_RULES_0_ANONYMOUS": "true",
            "REGISTRY_POLICIES_RULES_0_ALLOW": "pull",
        }
        policies = loaded("", environ).configuration.policies
        assert policies is not None
        assert policies.admins == ("root",)
        assert policies.rules[0].allow == ("pull",)

    def test_sources(self) -> None:
        """
        Certificates may be read in every way that there is.
        """
        assert SOURCES == CERTIFICATE_SOURCES

    @given(st.one_of(GLOBS, st.text(alphabet="aA*/.-_ \n?", max_size=8)))
    def test_patterns(self, text: str) -> None:
        """
        A pattern is refused if and only if there is none of that text.
        """
        document = {
            "version": 0.1,
            "storage": "inmemory",
            "policies": {"rules": [{"repositories": text, "anonymous": True, "allow": "pull"}]},
        }
        try:
            parse(yaml.safe_dump(document), {})
        except ConfigurationError:
            with pytest.raises(ValueError, match=r"."):
                parse_glob(text)
        else:
            parse_glob(text)


RULE = "policies:\n  groups: {{ci: [a]}}\n  rules:\n    - {}\n"


class MistakeTests:
    """
    What is wrong, and where.
    """

    @pytest.mark.parametrize(
        ("rule", "complaint"),
        [
            ("{}", "config.yml:6: policies.rules[0].repositories: names none"),
            ("{}", "config.yml:6: policies.rules[0].users: the rule is for nobody"),
            ("{}", "config.yml:6: policies.rules[0].allow: is missing"),
            ("{allow: pul}", "policies.rules[0].allow: must be one of pull, push, delete"),
            ("{allow: [pull, '*']}", "policies.rules[0].allow[1]: must be one of"),
            ("{repositories: ci**}", "policies.rules[0].repositories: ** must stand alone"),
            ("{repositories: [a, /b]}", "policies.rules[0].repositories[1]: must have no slash"),
            ("{repositories: CI/*}", "policies.rules[0].repositories: must have no capitals"),
            ("{repositories: 'a b'}", "policies.rules[0].repositories: must be made of"),
            ("{addresses: 10.0.0.0/33}", "policies.rules[0].addresses: must be a network"),
            ("{addresses: ['::1', x]}", "policies.rules[0].addresses[1]: must be a network"),
            ("{groups: [ci, c1]}", "policies.rules[0].groups[1]: there is no such group"),
            ("{groups: cii}", "there is no such group in policies.groups; did you mean ci?"),
            ("{users: ''}", "policies.rules[0].users: must be a name"),
            ("{users: ' a'}", "policies.rules[0].users: must be a name"),
            ("{anonymous: 1}", "policies.rules[0].anonymous: must be true or false"),
            ("{anonymous: true, certificate: true}", "policies.rules[0].certificate: who has"),
            ("{user: alice}", "policies.rules[0].user: unknown key, ignored; did you mean users?"),
            ("[a]", "policies.rules[0]: must be a mapping, not a list"),
        ],
    )
    def test_rules(self, complaints: Complaints, rule: str, complaint: str) -> None:
        """
        Each mistake in a rule is told with its key, and its line.
        """
        told = complaints(RULE.format(rule))
        assert any(complaint in each for each in told), told
        assert all(each.startswith("config.yml:6: ") for each in told)

    @pytest.mark.parametrize(
        ("more", "complaint"),
        [
            ("policies: []", "config.yml:3: policies: must be a mapping, not a list"),
            ("policies: {groups: [a]}", "policies.groups: must be a mapping"),
            ("policies: {catalog: {groups: x}}", "policies.catalog.groups: there is no such"),
            ("policies: {certificates: {user: name}}", "certificates.user: must be one of common"),
            ("policies: {rules: {}}", "policies.rules: must be a list"),
            ("ratelimit: {address: {requests: -1}}", "address.requests: must be 0 or more"),
            ("ratelimit: {address: {burst: 5}}", "address.burst: says nothing without requests"),
            ("ratelimit: {user: {bytesburst: 5}}", "user.bytesburst: says nothing without bytes"),
            ("ratelimit: {exempt: {addresses: x}}", "exempt.addresses: must be a network"),
        ],
    )
    def test_others(self, complaints: Complaints, more: str, complaint: str) -> None:
        """
        So is every other one.
        """
        told = complaints(more)
        assert any(complaint in each for each in told), told

    def test_push_without_pull(self, complaints: Complaints) -> None:
        """
        A rule by which nobody could push, though it says so, is warned of.
        """
        rule = "{repositories: a, anonymous: true, allow: [push]}"
        (told,) = complaints(RULE.format(rule))
        assert told.startswith("config.yml:6: policies.rules[0].allow: whoever pushes must")

    @pytest.mark.parametrize("users", ["anonymous", '"*"', "[ann, anonymous]"])
    def test_everybody_as_a_user(self, complaints: Complaints, users: str) -> None:
        """
        A user who is called as one would call everybody is warned of.
        """
        (told,) = complaints(RULE.format(f"{{repositories: a, users: {users}, allow: pull}}"))
        assert told.startswith("config.yml:6: policies.rules[0].users")
        assert "means a user of that name: for everybody who is known say" in told

    def test_certificates_that_name_nobody(self, complaints: Complaints) -> None:
        """
        A rule that wants a certificate, where none names anybody, is warned of, once.
        """
        rule = "{repositories: a, users: ann, certificate: true, allow: pull}"
        policies = f"policies: {{rules: [{rule}, {rule}]"
        (told,) = complaints(policies + "}\n")
        assert told.startswith("config.yml:3: policies.rules[0].certificate: never holds")
        assert complaints(policies + ", certificates: {user: dns}}\n") == []

    def test_anonymous_with_passwords(self, complaints: Complaints) -> None:
        """
        Where clients are asked for a password first, what is for the anonymous is warned of, once.
        """
        rule = "{repositories: a, anonymous: true, allow: pull}"
        policies = f"policies: {{rules: [{rule}, {rule}]}}\n"
        auth = "auth: {htpasswd: {realm: a, path: /b}}\n"
        (told,) = complaints(auth + policies)
        assert told.startswith("config.yml:4: policies.rules[0].anonymous: docker and most other")
        assert complaints(auth + policies.replace("anonymous", "authenticated")) == []
        assert complaints(auth + policies.replace("allow: pull", "allow: []")) == []
        assert complaints(policies) == []

    def test_addresses_that_anybody_may_claim(self, complaints: Complaints) -> None:
        """
        Addresses in rules are warned of, once, where everybody in private networks is believed.
        """
        rule = "{repositories: a, anonymous: true, allow: pull, addresses: 10.0.0.0/8}"
        policies = f"policies: {{rules: [{rule}, {rule}]}}\n"
        (told,) = complaints(policies)
        assert told.startswith("config.yml:3: policies.rules[0].addresses: whoever is in a private")
        assert complaints(policies + "http: {trustedproxies: []}") == []
        assert complaints(policies.replace("10.0.0.0/8", "[]")) == []


class RateLimitTests:
    """
    What is read of ``ratelimit``, and ``log.audit``.
    """

    def test_nothing(self, loaded: Parse) -> None:
        """
        By default nothing is limited, and nothing audited.
        """
        configuration = loaded("").configuration
        assert not configuration.ratelimit.limits
        assert configuration.log.audit.path == ""

    def test_addresses_that_anybody_may_claim(self, complaints: Complaints) -> None:
        """
        Limits by address are warned of where everybody in private networks is believed.
        """
        for limit, key in (
            ("address: {requests: 5}", "address"),
            ("user: {requests: 5}, exempt: {addresses: 10.0.0.1}", "exempt.addresses"),
        ):
            more = f"ratelimit: {{{limit}}}\n"
            (told,) = complaints(more)
            assert told.startswith(f"config.yml:3: ratelimit.{key}: whoever is in a private")
            assert complaints(more + "http: {trustedproxies: []}") == []
        assert complaints("ratelimit: {user: {requests: 5}}") == []

    def test_rates(self, loaded: Parse) -> None:
        """
        At once there may be ten seconds' worth where nothing else is said.
        """
        more = "ratelimit: {address: {requests: 5}, user: {bytes: 1MiB, bytesburst: 2MiB}}"
        limit = loaded(more).configuration.ratelimit
        assert limit.limits
        assert (limit.address.requests, limit.address.at_once) == (5, 50)
        assert (limit.user.bytes, limit.user.bytes_at_once) == (2**20, 2**21)
