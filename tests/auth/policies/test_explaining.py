"""
Why somebody may do something, or may not.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.auth.policies import naive
from txregistry.auth.policies.explaining import explain
from txregistry.auth.policies.policy import Policy
from txregistry.auth.policies.rules import Rules
from txregistry.model.access import Access, Action, Identity


class ExplainTests:
    """
    What is said of any rules.
    """

    @given(
        naive.rule_sets(),
        naive.IDENTITIES,
        st.sampled_from(naive.ACTIONS),
        st.sampled_from(naive.NAMES),
    )
    def test_agrees(self, rules: Rules, identity: Identity, action: Action, name: str) -> None:
        """
        It says what is decided, and of each rule, once, whether it decides: as many do as are the
        most specific ones, and if any of these allows it, it may be done.
        """
        first, *lines = explain(Policy(rules), identity, Access(action, name))
        granted = naive.granted(rules, identity, action, name)
        assert (" may not " not in first) == granted
        if identity.user in rules.admins:
            assert len(lines) == 1
            return
        assert len(lines) == len(rules.rules)
        found = list(naive.candidates(rules, identity, name))
        best = max((rank for rank, _ in found), default=None)
        deciding = {rule.number for rank, rule in found if rank == best}
        about = {rule.number for _, rule in found}
        for rule, line in zip(rules.rules, lines, strict=True):
            assert line.startswith(f"  {rule.title} ")
            assert (" decides: " in line) == (rule.number in deciding)
            assert (" is about something else: " in line) == (rule.number not in about)
        allowing = any(action in line.partition("decides: ")[2] for line in lines)
        assert allowing == granted
