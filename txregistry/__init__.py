"""
An OCI container registry as a Twisted network daemon.

What lives where, and who may import whom, stands in ``docs/architecture.md``.
"""

from txregistry._version import __version__

__all__ = ["__version__"]
