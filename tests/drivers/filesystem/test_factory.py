"""
Making the driver from its parameters.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor
from zope.interface.verify import verifyObject

from txregistry.drivers.filesystem import FilesystemDriver, factory
from txregistry.errors import ConfigurationError
from txregistry.interfaces import IStorageDriverFactory

MOUNTS = """\
21 1 254:0 / / rw,relatime - ext4 /dev/vda rw
22 21 0:20 / /proc rw - proc proc rw
30 21 0:40 / /srv/nfs rw - nfs4 server:/export rw
31 30 0:41 / /srv/nfs/local\\040disk rw - xfs /dev/vdb rw
32 21 0:42 / /srv/twice rw - xfs /dev/vdc rw
33 21 0:43 / /srv/twice rw - cifs //server/share rw
"""


def create(**parameters: Any) -> FilesystemDriver:
    """Make a driver."""
    return factory.FilesystemFactory().create(reactor, parameters)


class FilesystemFactoryTests:
    """
    The parameters ``rootdirectory`` and ``maxthreads``.
    """

    def test_provides(self) -> None:
        """It is a factory of storage drivers."""
        assert verifyObject(IStorageDriverFactory, factory.factory)

    async def test_root_is_made(self, tmp_path: Path) -> None:
        """A root that isn't there is made, with all above it."""
        driver = create(rootdirectory=str(tmp_path / "a" / "b"))
        assert (tmp_path / "a" / "b").is_dir()
        assert list(await driver.list("/")) == []
        await driver.close()

    def test_root_is_a_file(self, tmp_path: Path) -> None:
        """A root that is a file is refused, in one sentence that names the key."""
        (tmp_path / "file").touch()
        with pytest.raises(ConfigurationError) as raised:
            create(rootdirectory=str(tmp_path / "file"))
        assert str(raised.value) == (
            f"storage.filesystem.rootdirectory: can't use {tmp_path}/file: Not a directory"
        )

    def test_root_below_a_file(self, tmp_path: Path) -> None:
        """So is a root below a file."""
        (tmp_path / "file").touch()
        with pytest.raises(ConfigurationError, match=r"rootdirectory: can't use .*Not a directory"):
            create(rootdirectory=str(tmp_path / "file" / "root"))

    @pytest.mark.parametrize("value", [7, ["/a"], {"a": 1}])
    def test_root_is_no_path(self, value: object) -> None:
        """A root must be a path."""
        with pytest.raises(ConfigurationError, match=r"rootdirectory: .* is no path"):
            create(rootdirectory=value)

    @pytest.mark.parametrize(("value", "count"), [(100, 100), ("30", 30), (24, 25), (-1, 25)])
    def test_threads(self, value: object, count: int) -> None:
        """Less than 25 threads are 25; a number may be written as text."""
        assert factory.thread_count(value) == count

    @pytest.mark.parametrize("value", ["many", 2.5, None, True, ""])
    def test_bad_threads(self, value: object, tmp_path: Path) -> None:
        """What is no whole number is refused."""
        with pytest.raises(ConfigurationError, match=r"storage.filesystem.maxthreads: .* is no"):
            create(rootdirectory=str(tmp_path), maxthreads=value)


class LocalTests:
    """
    Whether a directory is on a disk of this machine.
    """

    @pytest.mark.parametrize(
        ("directory", "local"),
        [
            ("/var/lib/registry", True),
            ("/", True),
            ("/proc/registry", False),
            ("/srv/nfs", False),
            ("/srv/nfs/registry", False),
            ("/srv/nfsx", True),
            ("/srv/nfs/local disk/registry", True),
            ("/srv/twice", False),
        ],
    )
    def test_kinds(self, tmp_path: Path, directory: str, local: bool) -> None:
        """The innermost mount decides, and of several at one place the last."""
        (tmp_path / "mountinfo").write_text(MOUNTS)
        assert factory.is_local(directory, str(tmp_path / "mountinfo")) is local

    def test_unknown(self, tmp_path: Path) -> None:
        """Where nothing is known of mounts, no directory is local."""
        assert not factory.is_local("/", str(tmp_path / "missing"))
