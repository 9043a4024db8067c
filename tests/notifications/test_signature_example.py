"""
The example that shows how to verify a signature.
"""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txregistry.notifications.formats.message import Message
from txregistry.notifications.formats.signature import FIELD, signed

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "verify_notification.py"
NOW = 1_764_000_000
SECRET = "a secret of the endpoint's"

is_genuine: Callable[..., bool] = runpy.run_path(str(EXAMPLE))["is_genuine"]


def signature(body: bytes, secret: str = SECRET, now: int = NOW) -> str:
    """
    What we send with a message.
    """
    return dict(signed(Message((), body), secret.encode(), now).headers)[FIELD].decode()


class ExampleTests:
    """
    The function of the example.
    """

    @given(st.binary(), st.text(min_size=1), st.integers(-300, 300))
    def test_genuine(self, body: bytes, secret: str, ago: int) -> None:
        """
        What we sign is genuine, if it is not too old.
        """
        assert is_genuine(signature(body, secret), body, secret, NOW + ago)

    @pytest.mark.parametrize("ago", [301, -301, 10**9])
    def test_old(self, ago: int) -> None:
        """
        What is too old, or from the future, is not.
        """
        assert not is_genuine(signature(b"x"), b"x", SECRET, NOW + ago)

    def test_changed(self) -> None:
        """
        Another body, another secret and another time are not.
        """
        genuine = signature(b"x")
        assert not is_genuine(genuine, b"y", SECRET, NOW)
        assert not is_genuine(genuine, b"x", "another", NOW)
        later = genuine.replace(str(NOW), str(NOW + 1))
        assert later != genuine
        assert not is_genuine(later, b"x", SECRET, NOW)

    @given(st.text())
    def test_anything(self, text: str) -> None:
        """
        Whatever else stands in the field is no signature, and no error.
        """
        assert not is_genuine(text, b"x", SECRET, NOW)

    @pytest.mark.parametrize(
        "field", ["", "t=", f"t={NOW}", f"t={NOW},sha256=", "t=²,sha256=", f"t={'9' * 5000}"]
    )
    def test_incomplete(self, field: str) -> None:
        """
        A field of which a part is missing or absurd is no signature.
        """
        assert not is_genuine(field, b"x", SECRET, NOW)
