"""
How long a wrong password takes.
"""

from __future__ import annotations

import statistics
import time

import bcrypt
import pytest

from txregistry.auth.htpasswd.hashes import cost_of, is_right, new_hash


class WrongTests:
    """
    It tells nobody whether there is such a user.
    """

    @pytest.mark.parametrize("own", [None, 4, 5, 8, 10])
    def test_work(self, own: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        As much is computed as for the highest cost in the file, whatever the user's own is.
        """
        hash_ = None if own is None else new_hash(b"secret", own)
        spent: list[int] = []
        monkeypatch.setattr(bcrypt, "checkpw", lambda _, found: spent.append(2 ** cost_of(found)))
        assert not is_right(b"wrong", hash_, 10)
        assert sum(spent) == 2**10

    def test_time(self) -> None:
        """
        It takes as long, within a tenth.
        """
        hashes = {own: None if own is None else new_hash(b"secret", own) for own in (None, 4, 6, 8)}
        times: dict[int | None, list[float]] = {own: [] for own in hashes}
        for _ in range(30):
            for own, hash_ in hashes.items():
                began = time.thread_time()
                is_right(b"wrong", hash_, 8)
                times[own].append(time.thread_time() - began)
        medians = [statistics.median(found) for found in times.values()]
        assert max(medians) < 1.1 * min(medians)
