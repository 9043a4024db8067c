"""
Sockets whose workers aren't there.
"""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from txregistry.workers.covers import Covers


class Crew:
    """
    Workers that do what they are told, and forget it when they go.
    """

    def __init__(self, count: int) -> None:
        self.there: dict[int, set[int]] = {}
        self.known: set[int] = set()
        self.covers = Covers(self.tell)
        self.count = count

    def tell(self, worker: int, word: str, number: int) -> None:
        """
        Tell a worker something; it must be there.
        """
        covered = self.there[worker]
        if word == "cover":
            assert number not in covered
            covered.add(number)
        else:
            covered.remove(number)

    def change(self, worker: int) -> None:
        """
        Let a worker come if it isn't there, or go if it is.
        """
        if worker in self.there:
            del self.there[worker]
            self.covers.went(worker)
        else:
            self.there[worker] = set()
            self.known.add(worker)
            self.covers.came(worker)

    def accepting(self, socket: int) -> int:
        """
        How many accept from a socket.
        """
        return (socket in self.there) + sum(socket in covered for covered in self.there.values())


class CoversTests:
    """
    Somebody accepts from each.
    """

    def test_successor(self) -> None:
        """
        Another covers a socket until its worker has a successor.
        """
        crew = Crew(2)
        for worker in (0, 1, 0):
            crew.change(worker)
        assert crew.there == {1: {0}}
        crew.change(0)
        assert crew.there == {0: set(), 1: set()}

    def test_shared_out(self) -> None:
        """
        Several sockets are shared out.
        """
        crew = Crew(4)
        for worker in (0, 1, 2, 3, 0, 1):
            crew.change(worker)
        assert crew.there == {2: {0}, 3: {1}}

    @given(st.lists(st.integers(0, 3)))
    def test_exactly_one(self, changes: Sequence[int]) -> None:
        """
        Whoever comes and goes, exactly one accepts from each socket that ever had a worker, as long
        as there is any.
        """
        crew = Crew(4)
        for worker in changes:
            crew.change(worker)
            wanted = 1 if crew.there else 0
            assert {crew.accepting(socket) for socket in crew.known} <= {wanted}
