"""
The bell by which the one that delivers is woken.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.internet.task import deferLater

from txregistry.notifications.bell import REST_SECONDS, Bell, BellRope


class BellTests:
    """
    Ropes and a bell.
    """

    async def test_rings(self, tmp_path: Path) -> None:
        """
        Whoever rings is heard, and many who ring at once are heard a few times.
        """
        from twisted.internet import reactor

        clock: Any = reactor
        path = str(tmp_path / ("long" * 40) / "bell")
        os.makedirs(os.path.dirname(path))
        heard: list[int] = []
        bell = Bell(reactor, path, lambda: heard.append(1))
        ropes = [BellRope(path) for _ in range(3)]
        ropes[0].ring()  # nobody listens, and that is no matter
        assert bell.listen()
        ropes[1].ring()
        await deferLater(clock, REST_SECONDS / 2)
        assert len(heard) == 1
        for _ in range(200):
            ropes[2].ring()
        await deferLater(clock, REST_SECONDS * 3)
        assert len(heard) == 2
        ropes[1].ring()
        await deferLater(clock, REST_SECONDS * 2)
        assert len(heard) == 3
        bell.stop()
        for rope in ropes:
            rope.close()

    def test_new_directory(self, tmp_path: Path) -> None:
        """
        A rope that was tied to a directory that is no more finds the new one.
        """

        class Watching:
            def addReader(self, bell: Bell) -> None:
                pass

            removeReader = addReader

            def callLater(self, seconds: float, call: Any) -> Any:
                return None

        path = str(tmp_path / "outbox" / "bell")
        heard: list[int] = []
        rope = BellRope(path)
        for number in range(2):
            os.mkdir(tmp_path / "outbox")
            bell = Bell(Watching(), path, lambda: heard.append(1))
            assert bell.listen()
            rope.ring()
            rope.ring()
            bell.doRead()
            assert len(heard) == number + 1
            bell._rest = None
            bell.stop()
            os.unlink(path)
            os.rmdir(tmp_path / "outbox")
        rope.close()

    def test_no_directory(self, tmp_path: Path) -> None:
        """
        Where there is no directory nobody can listen.
        """
        assert not Bell(None, str(tmp_path / "no" / "bell"), lambda: None).listen()
