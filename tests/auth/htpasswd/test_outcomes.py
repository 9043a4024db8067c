"""
What is remembered of checked passwords.
"""

from __future__ import annotations

from twisted.internet.task import Clock

from txregistry.auth.basic import BasicCredentials
from txregistry.auth.htpasswd.outcomes import LIFETIME, RIGHT, WRONG, Outcomes

JOE = BasicCredentials("joe", b"secret")


class OutcomesTests:
    """
    Keys and memories.
    """

    def test_remembered(self) -> None:
        """
        What was right is right for a while, and what was wrong is wrong.
        """
        clock = Clock()
        outcomes = Outcomes(clock.seconds)
        right, wrong = outcomes.key(JOE, b"hash"), outcomes.key(JOE, None)
        outcomes.remember(right, right=True)
        outcomes.remember(wrong, right=False)
        clock.advance(LIFETIME - 1)
        assert (outcomes.of(right), outcomes.of(wrong)) == (True, False)
        clock.advance(1)
        assert (outcomes.of(right), outcomes.of(wrong)) == (None, None)

    def test_keys(self) -> None:
        """
        Another user, another password and another hash are each something else, also over 72 bytes
        and wherever one divides.
        """
        outcomes = Outcomes(Clock().seconds)
        long = b"x" * 72
        pairs = [
            (JOE, b"hash"),
            (JOE, b"other"),
            (JOE, None),
            (BasicCredentials("joe", b"secres"), b"hash"),
            (BasicCredentials("jo", b"esecret"), b"hash"),
            (BasicCredentials("joe:secret", b""), b"hash"),
            (BasicCredentials("joe", long + b"a"), b"hash"),
            (BasicCredentials("joe", long + b"b"), b"hash"),
            (BasicCredentials("joe", long), b"hash"),
        ]
        assert len({outcomes.key(*pair) for pair in pairs}) == len(pairs)

    def test_secret(self) -> None:
        """
        The same password has another key in another process.
        """
        one, other = Outcomes(Clock().seconds), Outcomes(Clock().seconds)
        assert one.key(JOE, b"hash") != other.key(JOE, b"hash")

    def test_bounded(self) -> None:
        """
        A crowd of wrong passwords takes no more than its place, and crowds out no right one.
        """
        outcomes = Outcomes(Clock().seconds)
        right = outcomes.key(JOE, b"hash")
        outcomes.remember(right, right=True)
        wrong = [
            outcomes.key(BasicCredentials("joe", b"%d" % number), b"hash")
            for number in range(2 * WRONG)
        ]
        for key in wrong:
            outcomes.remember(key, right=False)
        assert outcomes.of(right) is True
        assert sum(outcomes.of(key) is False for key in wrong) == WRONG
        assert RIGHT > WRONG
