"""
``etc/config.yml`` and ``docs/configuration.md`` against what is read.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from txregistry.configuration import Configuration, Storage, load, parse
from txregistry.configuration.loading import shape
from txregistry.configuration.schema import shape_of
from txregistry.configuration.shape import Listed, Shape, Structure
from txregistry.configuration.storage import FilesystemParameters, StorageKind

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "etc" / "config.yml"
REFERENCE = ROOT / "docs" / "configuration.md"


def uncommented() -> str:
    """
    :return: the example with every key that it shows as a comment.
    """
    return re.sub(r"^( *)#(?=\S)", r"\1", EXAMPLE.read_text(), flags=re.MULTILINE)


def leaves(below: Shape, key: str = "") -> list[str]:
    """
    :return: the full keys of all that holds a value; those in elements of a list have a ``[]``.
    """
    if isinstance(below, Listed) and isinstance(below.item, Structure):
        return [key, *leaves(below.item, f"{key}[]")]
    if not isinstance(below, Structure) or not below.names:
        return [key]
    return [
        leaf
        for name, child in below.names.items()
        for leaf in leaves(child, f"{key}.{name}" if key else name)
    ]


READ = shape_of(Configuration)


def read_keys() -> list[str]:
    """
    :return: the keys that are read, without those of drivers that aren't here, and those of
        access control, of which there is none by default.
    """
    absent = re.compile(r"storage\.(s3|s3aws|azure|gcs|swift|oss|rados)\b|auth\.|policies\b")
    return sorted({key for key in leaves(READ) if not absent.match(key)})


def access_keys() -> list[str]:
    """
    :return: the keys of access control that are read.
    """
    return [key for key in leaves(READ) if re.match(r"auth\.\w+\.|policies\b", key)]


class ExampleTests:
    """
    The example in ``etc``.
    """

    def test_loads(self) -> None:
        """
        The example loads without a warning.
        """
        assert load(str(EXAMPLE), {}).warnings == ()

    def test_shows_the_defaults(self) -> None:
        """
        What it shows as a comment is the default of that key.
        """
        shown = parse(uncommented(), {})
        assert shown.warnings == ()
        assert shown.configuration == load(str(EXAMPLE), {}).configuration

    def test_changes_little(self) -> None:
        """
        What it sets is the default too, but for a field of the log and a header.
        """
        example = load(str(EXAMPLE), {}).configuration
        minimal = parse("version: 0.1\nstorage: filesystem\n", {}).configuration
        assert example.storage == minimal.storage
        assert example.http.limits == minimal.http.limits
        assert example.validation == minimal.validation

    @pytest.mark.parametrize("key", read_keys())
    def test_has_every_key(self, key: str) -> None:
        """
        Every key that is read stands in it, as a comment or not.
        """
        outer, element, _ = key.partition("[]")
        if element:
            # The lists are empty by default; what an element looks like is said in words.
            assert key.rpartition(".")[2] in EXAMPLE.read_text()
        assert outer in parse(uncommented(), {}).origins or outer == "storage.inmemory"


class ReferenceTests:
    """
    The reference in ``docs``.
    """

    @pytest.mark.parametrize("key", sorted({*read_keys(), *access_keys(), *shape().names}))
    def test_names_every_key(self, key: str) -> None:
        """
        The reference has a row for every key, read or not.
        """
        key = re.sub(r"^middleware\.\w+\[\]", "middleware.*[]", key)
        assert f"`{key}`" in REFERENCE.read_text()


class ShapeTests:
    """
    Where the shapes of the sections come together.
    """

    def test_storage(self) -> None:
        """
        The shape of storage knows the parameters of our drivers.
        """
        names = StorageKind().shape.names
        assert names["filesystem"] == shape_of(FilesystemParameters)
        assert Storage(driver="inmemory").parameters == {}
