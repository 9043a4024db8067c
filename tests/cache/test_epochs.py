"""
Epochs, and what is owed to a cache.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from txregistry.cache.epochs import Debt, Epochs, private_cells, shared_cells
from txregistry.model.name import RepositoryName

HERE = RepositoryName("library/thing")
THERE = RepositoryName("library/other")


@pytest.fixture
def path(tmp_path: Path) -> str:
    """
    A file of zeros.
    """
    file = tmp_path / "epochs"
    file.write_bytes(bytes(8 * 4096))
    return str(file)


class EpochTests:
    """
    Epochs of repositories.
    """

    def test_ends(self) -> None:
        """
        One that has ended never comes again.
        """
        epochs = Epochs(private_cells())
        seen = {epochs.of(HERE)}
        for _ in range(100):
            epochs.end(HERE)
            assert epochs.of(HERE) not in seen
            seen.add(epochs.of(HERE))

    def test_others(self) -> None:
        """
        Another repository's goes on.
        """
        epochs = Epochs(private_cells())
        epochs.end(HERE)
        before = epochs.of(THERE)
        epochs.end(HERE)
        assert epochs.of(THERE) == before

    def test_names_in_one_cell(self) -> None:
        """
        Every name has an epoch, however many there are.
        """
        cells = private_cells(64)
        epochs, debt = Epochs(cells), Debt(cells)
        for number in range(1000):
            epochs.end(RepositoryName(f"a{number}"))
        assert debt.owed == 0

    def test_shared(self, path: str) -> None:
        """
        All who have mapped the file see the same, also another process.
        """
        mine, other = Epochs(shared_cells(path)), Epochs(shared_cells(path))
        mine.end(HERE)
        assert mine.of(HERE) == other.of(HERE) != 0
        code = (
            "import sys; from txregistry.cache.epochs import *;"
            "epochs = Epochs(shared_cells(sys.argv[1])); print(epochs.of(sys.argv[2]));"
            "epochs.end(sys.argv[2])"
        )
        before = mine.of(HERE)
        said = subprocess.run(
            [sys.executable, "-c", code, path, HERE], capture_output=True, check=True, text=True
        )
        assert int(said.stdout) == before
        assert mine.of(HERE) != before

    def test_too_small(self, tmp_path: Path) -> None:
        """
        A file that is too small to hold epochs is refused.
        """
        file = tmp_path / "epochs"
        file.write_bytes(bytes(8))
        with pytest.raises(ValueError, match="too small"):
            shared_cells(str(file))


class DebtTests:
    """
    What has still to be told.
    """

    def test_nothing(self) -> None:
        """
        At first nothing is owed.
        """
        assert Debt(private_cells()).owed == 0

    def test_paid(self, path: str) -> None:
        """
        What one owes another pays, and then nobody owes it.
        """
        mine, other = Debt(shared_cells(path)), Debt(shared_cells(path))
        mine.owe()
        assert other.owed == mine.owed != 0
        other.pay(other.owed)
        assert other.owed == mine.owed == 0

    def test_more_meanwhile(self, path: str) -> None:
        """
        What comes while something is paid remains.
        """
        mine, other = Debt(shared_cells(path)), Debt(shared_cells(path))
        mine.owe()
        paying = other.owed
        mine.owe()
        other.pay(paying)
        assert mine.owed == other.owed != 0
