"""
What every registry must do, as a suite of tests: for who wraps one.

The suite is for :mod:`pytest` with ``pytest-twisted``.  Give it a registry, and it is tested::

    class MyRegistryTests(RegistryContract):
        @pytest.fixture
        def registry(self):
            return MyRegistry(Registry(CheckedDriver(MemoryDriver()), InlineThreads(), now))

The registry must be empty at first, allow deletes, and want what manifests name to be there.
"""

from txregistry.testing.registry.blobs import BlobContract
from txregistry.testing.registry.content import Pushed, image, index, push, push_blob, read_blob
from txregistry.testing.registry.manifests import ManifestContract
from txregistry.testing.registry.uploads import UploadContract

__all__ = ["Pushed", "RegistryContract", "image", "index", "push", "push_blob", "read_blob"]


class RegistryContract(BlobContract, UploadContract, ManifestContract):
    """
    All that a registry must do.
    """
