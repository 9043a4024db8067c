"""
Who may do what, by the operator's rules.
"""

from __future__ import annotations

import time
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zope.interface.verify import verifyObject

from tests.auth.policies import naive
from txregistry.auth.policies.globs import parse_glob
from txregistry.auth.policies.policy import DECISIONS, Policy
from txregistry.auth.policies.rules import Rule, Rules, Subjects
from txregistry.interfaces import IPolicy
from txregistry.model.access import CATALOG, Access, Action, Identity

ANYBODY = Subjects(anybody=True)
KNOWN = Subjects(known=True)
NOBODY = Identity()
ALICE = Identity("alice", "192.0.2.7")
BOB = Identity("bob", "192.0.2.8")

ALL = ("pull", "push", "delete")


def policy(*rules: tuple[str, Subjects, str], **others: object) -> Policy:
    """
    Rules, each of patterns, whom it is about, and what it allows.
    """
    made = tuple(
        Rule(
            number,
            tuple(parse_glob(glob) for glob in globs.split()),
            subjects,
            frozenset(map(Action, allows.split())),
        )
        for number, (globs, subjects, allows) in enumerate(rules, 1)
    )
    return Policy(Rules(made, **others))  # type: ignore[arg-type]  # each is given as it must be


def users(*names: str) -> Subjects:
    """
    Users by their names.
    """
    return Subjects(users=frozenset(names))


def may(asked: Policy, identity: Identity, name: str) -> str:
    """
    All that somebody may do.
    """
    return " ".join(
        action for action in ALL if asked.decide(identity, Access(Action(action), name)).granted
    )


class ExampleTests:
    """
    Everybody pulls, CI pushes to ``ci/**``, Alice deletes in ``alice/**``.
    """

    rules = policy(
        ("**", ANYBODY, "pull"),
        ("ci/**", Subjects(groups=frozenset({"ci"})), "pull push"),
        ("alice/**", users("alice"), "pull push delete"),
        groups={"ci": frozenset({"builder"})},
        admins=frozenset({"root"}),
    )

    @pytest.mark.parametrize(
        ("user", "name", "what"),
        [
            ("", "ci/app", "pull"),
            ("bob", "ci/app", "pull"),
            ("builder", "ci/app", "pull push"),
            ("builder", "ci", "pull"),
            ("builder", "alice/app", "pull"),
            ("alice", "alice/app", "pull push delete"),
            ("alice", "ci/app", "pull"),
            ("root", "alice/app", "pull push delete"),
        ],
    )
    def test_rights(self, user: str, name: str, what: str) -> None:
        """
        Each may what the rules say, and nothing else.
        """
        assert may(self.rules, Identity(user), name) == what

    def test_interface(self) -> None:
        """
        It is what the contract says.
        """
        assert verifyObject(IPolicy, self.rules)

    @pytest.mark.parametrize(
        ("user", "action", "granted", "rule"),
        [
            ("", Action.PULL, True, "rule 1 (**)"),
            ("builder", Action.PUSH, True, "rule 2 (ci/**)"),
            ("builder", Action.DELETE, False, "rule 2 (ci/**)"),
            ("root", Action.DELETE, True, "admins"),
        ],
    )
    def test_told(self, user: str, action: Action, granted: bool, rule: str) -> None:
        """
        Which rule has decided is told.
        """
        decision = self.rules.decide(Identity(user), Access(action, "ci/app"))
        assert (decision.granted, decision.rule) == (granted, rule)


class SpecificityTests:
    """
    The most specific rule says everything.
    """

    def test_takes_away(self) -> None:
        """
        It may allow less than another.
        """
        rules = policy(("**", KNOWN, "pull push"), ("prod/**", KNOWN, "pull"), ("x", ANYBODY, ""))
        assert may(rules, ALICE, "test/app") == "pull push"
        assert may(rules, ALICE, "prod/app") == "pull"
        assert may(rules, ALICE, "x") == ""

    def test_says_nothing_of_others(self) -> None:
        """
        Whom a rule doesn't name, it doesn't concern.
        """
        rules = policy(("**", ANYBODY, "pull"), ("prod/**", users("alice"), ""))
        assert may(rules, ALICE, "prod/app") == ""
        assert may(rules, BOB, "prod/app") == "pull"

    def test_pattern_before_user(self) -> None:
        """
        A closer pattern counts for more than a closer naming.
        """
        rules = policy(("**", users("alice"), "pull push"), ("prod/**", ANYBODY, "pull"))
        assert may(rules, ALICE, "prod/app") == "pull"

    def test_naming(self) -> None:
        """
        A user is closer than a group, that than the known, and those than everybody.
        """
        group = Subjects(groups=frozenset({"g"}))
        ladder = [
            ("**", ANYBODY, "pull"),
            ("**", KNOWN, "push"),
            ("**", group, "delete"),
            ("**", users("alice"), "pull delete"),
        ]
        groups = {"g": frozenset({"alice", "bob"})}
        rules = policy(*ladder, groups=groups)
        assert may(rules, NOBODY, "a") == "pull"
        assert may(rules, Identity("cid"), "a") == "push"
        assert may(rules, BOB, "a") == "delete"
        assert may(rules, ALICE, "a") == "pull delete"

    def test_address(self) -> None:
        """
        A smaller network is closer than a larger one, and that than anywhere.
        """
        inner = Subjects(anybody=True, addresses=(ip_network("10.0.0.0/8"),))
        desk = Subjects(anybody=True, addresses=(ip_network("10.1.0.0/16"),))
        rules = policy(("**", ANYBODY, ""), ("**", inner, "pull"), ("**", desk, "pull push"))
        assert may(rules, Identity("", "192.0.2.1"), "a") == ""
        assert may(rules, Identity("", "10.2.0.1"), "a") == "pull"
        assert may(rules, Identity("", "10.1.0.1"), "a") == "pull push"
        assert may(rules, Identity("", "10.1.0.1.evil"), "a") == ""

    def test_certificate(self) -> None:
        """
        A rule may want a certificate; it is closer than one that doesn't.
        """
        shown = Subjects(users=frozenset({"alice"}), certificate=True)
        rules = policy(("**", users("alice"), "pull"), ("**", shown, "pull push"))
        assert may(rules, ALICE, "a") == "pull"
        assert may(rules, Identity("alice", "", by_certificate=True), "a") == "pull push"

    def test_ties(self) -> None:
        """
        Rules that are equally specific unite.
        """
        rules = policy(("a/**", users("alice"), "pull"), ("a/**", users("alice", "bob"), "push"))
        assert may(rules, ALICE, "a/b") == "pull push"
        decision = rules.decide(ALICE, Access(Action.ANY, "a/b"))
        assert (decision.granted, decision.rule) == (False, "rule 1 (a/**), rule 2 (a/**)")
        assert rules.decide(ALICE, Access(Action.PUSH, "a/b")).rule == "rule 2 (a/**)"

    @given(
        naive.rule_sets(),
        st.lists(
            st.tuples(
                naive.IDENTITIES,
                st.sampled_from((*naive.ACTIONS, Action.ANY)),
                st.sampled_from(naive.NAMES),
            ),
            min_size=1,
            max_size=20,
        ),
    )
    def test_as_defined(self, rules: Rules, wishes: list[tuple[Identity, Action, str]]) -> None:
        """
        Any rules decide as looking at every one of them does, asked once or twice.
        """
        asked = Policy(rules)
        for identity, action, name in [*wishes, *wishes]:
            expected = naive.granted(rules, identity, action, name)
            assert asked.decide(identity, Access(action, name)).granted == expected


class DefaultTests:
    """
    What no rule grants.
    """

    def test_nothing(self) -> None:
        """
        Without a rule nobody may do anything, but for the admins.
        """
        rules = policy(admins=frozenset({"root"}))
        assert may(rules, ALICE, "a") == may(rules, NOBODY, "a") == ""
        assert rules.decide(ALICE, Access(Action.PULL, "a")).rule == "no rule"
        assert may(rules, Identity("root"), "a") == "pull push delete"

    def test_nameless_admin(self) -> None:
        """
        Nobody in particular is no admin, nor a user or a group.
        """
        empty = frozenset({""})
        rules = policy(
            ("**", Subjects(users=empty, groups=frozenset({"g"})), "pull"),
            admins=empty,
            groups={"g": empty},
        )
        assert may(rules, NOBODY, "a") == ""

    @pytest.mark.parametrize(
        "name", ["", "/", "a//b", "../a", "a/../b", "A", "a" * 256, "a\n", "*"]
    )
    def test_no_names(self, name: str) -> None:
        """
        What can't be a repository isn't granted to anybody.
        """
        rules = policy(("**", KNOWN, "pull"))
        assert may(rules, ALICE, name) == ""

    def test_everything(self) -> None:
        """
        ``*`` is granted to whom all is granted.
        """
        rules = policy(("a", ANYBODY, "pull push delete"), ("b", ANYBODY, "pull push"))
        assert rules.decide(ALICE, Access(Action.ANY, "a")).granted
        assert not rules.decide(ALICE, Access(Action.ANY, "b")).granted

    @pytest.mark.parametrize("type_", ["registry", "plugin", "", "Repository"])
    def test_other_types(self, type_: str) -> None:
        """
        Rules are about repositories, and nothing else that a token may be asked for.
        """
        rules = policy(("**", ANYBODY, "pull push delete"))
        assert not rules.decide(ALICE, Access(Action.PULL, "a", type_)).granted

    def test_catalog(self) -> None:
        """
        Who may list is said apart; nobody may but the admins where nothing is said.
        """
        rules = policy(("**", ANYBODY, "pull push delete"), admins=frozenset({"root"}))
        assert not rules.decide(ALICE, CATALOG).granted
        assert rules.decide(Identity("root"), CATALOG).granted
        inside = Subjects(known=True, addresses=(ip_network("192.0.2.7"),))
        rules = policy(catalog=inside)
        assert rules.decide(ALICE, CATALOG).granted
        assert not rules.decide(BOB, CATALOG).granted
        assert not rules.decide(Identity("", "192.0.2.7"), CATALOG).granted


class MemoryTests:
    """
    What is remembered, and what a decision costs.
    """

    def test_bounded(self) -> None:
        """
        However many names and addresses are tried, only so many decisions are remembered.
        """
        inside = Subjects(anybody=True, addresses=(ip_network("10.0.0.0/8"),))
        rules = policy(("a/**", inside, "pull"))
        for number in range(DECISIONS + 500):
            address = f"10.0.{number // 250}.{number % 250}"
            rules.decide(Identity("", address), Access(Action.PULL, f"a/{number}"))
        assert len(rules._decisions._entries) == DECISIONS
        assert rules._places.of.cache_info().currsize == 4096  # type: ignore[attr-defined]

    def test_fast(self) -> None:
        """
        A thousand rules are not a thousand times as slow as one, even where nothing is remembered.
        """
        few = policy(("team0/**", users("user0"), "pull"))
        many = policy(*((f"team{n}/**", users(f"user{n}"), "pull") for n in range(1000)))

        def spent(asked: Policy) -> float:
            began = time.process_time()
            for number in range(3000):
                asked.decide(Identity("user0"), Access(Action.PULL, f"team0/{number}"))
            return time.process_time() - began

        assert spent(many) < 5 * spent(few) + 0.05
