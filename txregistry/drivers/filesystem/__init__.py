"""
Bytes at paths of a local (or mounted) file system.

A path of the driver is a path below its root directory, and a file is a file: the tree can be
looked at, copied, and shared with distribution.  What is particular here is that an operation
which has fired survives a power cut, so that files *and the names on the way to them* are
synced (:mod:`~txregistry.drivers.filesystem.durability`); that a file comes and a tree goes in
one step (:mod:`~txregistry.drivers.filesystem.hidden`); and that a writer has its file to
itself, across processes (:mod:`~txregistry.drivers.filesystem.writing`).
"""

from txregistry.drivers.filesystem.driver import FilesystemDriver
from txregistry.drivers.filesystem.factory import FilesystemFactory

__all__ = ["FilesystemDriver", "FilesystemFactory"]
