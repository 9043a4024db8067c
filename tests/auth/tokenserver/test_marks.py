"""
Passwords of a file tell when they are changed.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from zope.interface.verify import verifyObject

from tests.auth.htpasswd.kit import Kit, line, told, write
from tests.auth.htpasswd.test_controller import access
from txregistry.errors import Unavailable
from txregistry.interfaces import IUserMarks


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    """A file with Joe and Ann in it."""
    made = Kit(tmp_path / "htpasswd")
    write(made.path, line("joe", "secret") + line("ann", "secret"))
    return made


async def test_marks(kit: Kit) -> None:
    """
    A mark is another one for each user, stays, and tells nothing of the hash.
    """
    users = access(kit)
    verifyObject(IUserMarks, users)
    joe, ann = await users.mark("joe"), await users.mark("ann")
    assert joe
    assert ann
    assert joe != ann
    assert await users.mark("joe") == joe
    assert joe not in kit.path.read_text()
    assert "secret" not in joe


async def test_changed(kit: Kit) -> None:
    """
    With another password, or the same one hashed again, it is another; with the user it is gone.
    """
    users = access(kit)
    joe, ann = await users.mark("joe"), await users.mark("ann")
    write(kit.path, line("joe", "secret"))
    kit.clock.advance(2)
    assert await users.mark("joe") not in ("", joe, ann)
    assert await users.mark("ann") == ""
    assert await users.mark("") == ""


async def test_broken(kit: Kit) -> None:
    """
    Where the file can't be read nobody knows.
    """
    users = access(kit)
    kit.path.write_bytes(b"nonsense")
    with told(), pytest.raises(Unavailable):
        await users.mark("joe")
