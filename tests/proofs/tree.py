"""
What lies in a storage directory: looked at from outside, while no daemon writes there.
"""

from __future__ import annotations

from pathlib import Path

BASE = "docker/registry/v2"


def blob_files(root: Path) -> dict[str, int]:
    """
    The blobs that are stored, manifests too, and their sizes in bytes.
    """
    return {
        f"{path.parts[-4]}:{path.parts[-2]}": path.stat().st_size
        for path in (root / BASE / "blobs").glob("*/*/*/data")
    }


def uploads(root: Path) -> list[Path]:
    """
    The directories of uploads that are not finished.
    """
    return sorted((root / BASE / "repositories").glob("**/_uploads/*"))


def temporaries(root: Path) -> list[Path]:
    """
    Files that should have been renamed or removed: whatever is no finished file of the layout.
    """
    finished = {"data", "link", "startedat"}
    return sorted(
        path
        for path in root.rglob("*")
        if path.is_file()
        and path.name not in finished
        and "hashstates" not in path.parts
        and "_referrers" not in path.parts
        and str(path.relative_to(root)).startswith(BASE)
    )
