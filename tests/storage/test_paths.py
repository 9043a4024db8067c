"""
Where everything lies.
"""

from __future__ import annotations

import pytest

from txregistry.model.digest import Digest
from txregistry.model.name import RepositoryName, Tag
from txregistry.storage import paths

ROOT = "/docker/registry/v2"
NAME = RepositoryName("a/b-c")
HEX = "ab" + "0" * 62
DIGEST = Digest("sha256", HEX)
LONG = Digest("sha512", "cd" + "1" * 126)


class PathsTests:
    """
    The tree is distribution's.
    """

    @pytest.mark.parametrize(
        ("path", "expected"),
        [
            (paths.blob(DIGEST), f"blobs/sha256/ab/{HEX}/data"),
            (paths.blob(LONG), f"blobs/sha512/cd/{LONG.hex}/data"),
            (paths.layer_link(NAME, DIGEST), f"repositories/a/b-c/_layers/sha256/{HEX}/link"),
            (
                paths.revision_link(NAME, DIGEST),
                f"repositories/a/b-c/_manifests/revisions/sha256/{HEX}/link",
            ),
            (paths.tag(NAME, Tag("V1.0")), "repositories/a/b-c/_manifests/tags/V1.0"),
            (
                paths.tag_current_link(NAME, Tag("V1.0")),
                "repositories/a/b-c/_manifests/tags/V1.0/current/link",
            ),
            (
                paths.tag_index_link(NAME, Tag("V1.0"), DIGEST),
                f"repositories/a/b-c/_manifests/tags/V1.0/index/sha256/{HEX}/link",
            ),
            (paths.upload_data(NAME, "id"), "repositories/a/b-c/_uploads/id/data"),
            (paths.upload_started_at(NAME, "id"), "repositories/a/b-c/_uploads/id/startedat"),
            (
                paths.upload_running_hash(NAME, "id", "sha256"),
                "repositories/a/b-c/_uploads/id/running/sha256",
            ),
            (
                paths.upload_hash_state(NAME, "id", "sha256", 12),
                "repositories/a/b-c/_uploads/id/hashstates/sha256/12",
            ),
        ],
    )
    def test_layout(self, path: str, expected: str) -> None:
        """
        Each file lies where distribution looks for it.
        """
        assert path == f"{ROOT}/{expected}"

    def test_what_is_ours(self) -> None:
        """
        What distribution doesn't know lies where its walks don't look.
        """
        assert paths.referrer_link(NAME, LONG, DIGEST) == (
            f"{ROOT}/repositories/a/b-c/_referrers/sha512/{LONG.hex}/sha256/{HEX}/link"
        )
