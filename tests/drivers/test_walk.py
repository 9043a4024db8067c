"""
What a walk asks for, to find its way.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from twisted.internet.defer import Deferred, succeed

from txregistry.drivers.walk import BATCH, Found, Tour
from txregistry.errors import PathNotFound
from txregistry.interfaces import FileInfo, Walk


class RecordedSurvey:
    """
    Sees a directory with many directories in it, each with a file; writes down who asks.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self.looks: list[tuple[str, int, bool]] = []

    def enter(
        self, path: str, after: str, ahead: bool
    ) -> Deferred[tuple[Sequence[str], Sequence[Found]]]:
        """Tell what is there."""
        names = [f"{number:04}" for number in range(self.width)] if path == "/" else ["file"]
        names = [name for name in names if name > after]
        return self.look(path, names[:BATCH], ahead).addCallback(lambda sight: (names, sight))

    def look(self, path: str, names: Sequence[str], ahead: bool) -> Deferred[Sequence[Found]]:
        """Look ahead if it makes sense."""
        self.looks.append((path, len(names), ahead))
        if path != "/":
            return succeed([Found(FileInfo(f"{path}/file", 0, 0, is_directory=False))])
        return succeed([self.find(f"/{name}", ahead) for name in names])

    def find(self, path: str, ahead: bool) -> Found:
        """Find a directory."""
        file = Found(FileInfo(f"{path}/file", 0, 0, is_directory=False))
        return Found(FileInfo(path, 0, 0, is_directory=True), [file] if ahead else None)


class TourTests:
    """
    A walk through many small directories.
    """

    async def test_ahead(self) -> None:
        """As long as everything is wanted, much is seen at once."""
        survey = RecordedSurvey(BATCH + 10)
        seen: list[FileInfo] = []
        await Tour(survey, seen.append).walk("/")
        assert len(seen) == 2 * (BATCH + 10)
        assert survey.looks == [("/", BATCH, True), ("/", 10, True)]

    async def test_skipping(self) -> None:
        """After the first directory that isn't wanted nothing is seen ahead."""
        survey = RecordedSurvey(BATCH + 10)
        await Tour(survey, lambda _: Walk.SKIP).walk("/")
        assert survey.looks == [("/", BATCH, True), ("/", 10, False)]

    async def test_not_seen_ahead(self) -> None:
        """What wasn't seen ahead is looked at when it is entered."""
        survey = RecordedSurvey(3)
        seen: list[str] = []

        def visit(info: FileInfo) -> Walk | None:
            seen.append(info.path)
            return None

        await Tour(survey, visit).walk("/", "/0000")
        assert seen == ["/0000/file", "/0001", "/0001/file", "/0002", "/0002/file"]
        assert survey.looks == [("/", 1, False), ("/0000", 1, True), ("/", 2, True)]

    async def test_vanished(self) -> None:
        """What a visitor raises is no directory that vanished."""
        survey = RecordedSurvey(3)

        def visit(info: FileInfo) -> Walk | None:
            raise PathNotFound(info.path)

        with pytest.raises(PathNotFound) as raised:
            await Tour(survey, visit).walk("/", "/0000/a")
        assert raised.value.path == "/0000"
