"""
Why a token is not taken.
"""

from __future__ import annotations

from typing import ClassVar


class TokenRefused(Exception):
    """
    A token is not good enough.

    :param reason: for the log; it quotes nothing of the token.
    """

    error: ClassVar[str] = ""
    """The ``error`` that the challenge names (RFC 6750 §3.1), ``""`` for none."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TokenInvalid(TokenRefused):
    """It is none, nobody who is trusted has signed it, or it isn't for here and now."""

    error = "invalid_token"


class SignatureWrong(TokenRefused):
    """Its signature is not that of the key it names; distribution names no error then."""
