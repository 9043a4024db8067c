"""
Where everything lies below a driver's root: the tree of ``distribution``, and what we add.

::

    /docker/registry/v2
    ├── blobs/<algorithm>/<hh>/<hex>/data               the bytes of every blob and manifest
    └── repositories/<name>
        ├── _layers/<algorithm>/<hex>/link              <name> has this blob
        ├── _manifests
        │   ├── revisions/<algorithm>/<hex>/link        <name> has this manifest
        │   └── tags/<tag>
        │       ├── current/link                        what the tag names now
        │       └── index/<algorithm>/<hex>/link        what it ever named
        ├── _uploads/<id>
        │   ├── startedat                               when; without it there is no such upload
        │   ├── data                                    what came so far; may not be there yet
        │   └── hashstates/<algorithm>/<offset>         the running hash after so many bytes
        └── _referrers           (ours)
            └── <algorithm>/<hex>                       of the subject
                └── <algorithm>/<hex>/link              a manifest that refers to it

``<hh>`` are the first two characters of ``<hex>``.  The components of a repository's name are
directories; none begins with ``_``, so nothing clashes, and no walk of ours or of
``distribution`` looks into a ``_`` directory that it doesn't know.  A ``link`` holds a digest
and nothing else, not even a newline.
"""

from __future__ import annotations

from typing import Final

from txregistry.model.digest import Digest
from txregistry.model.name import RepositoryName, Tag

ROOT: Final = "/docker/registry/v2"
REPOSITORIES: Final = f"{ROOT}/repositories"

MANIFESTS: Final = "_manifests"
"""The directory that makes its parent a repository of the catalog."""

CURRENT_LINK: Final = "current/link"
"""Below the directory of a tag: the link to what it names now."""

UPLOADS: Final = "_uploads"
STARTED_AT: Final = "startedat"
DATA: Final = "data"


def blob(digest: Digest) -> str:
    """:return: where the bytes of a blob or manifest are."""
    return f"{ROOT}/blobs/{digest.algorithm}/{digest.hex[:2]}/{digest.hex}/data"


def repository(name: RepositoryName) -> str:
    """:return: the directory of a repository."""
    return f"{REPOSITORIES}/{name}"


def layer_link(name: RepositoryName, digest: Digest) -> str:
    """:return: the link that lets a repository show a blob."""
    return f"{REPOSITORIES}/{name}/_layers/{digest.algorithm}/{digest.hex}/link"


def revisions(name: RepositoryName) -> str:
    """:return: the directory of a repository's manifests."""
    return f"{REPOSITORIES}/{name}/_manifests/revisions"


def revision_link(name: RepositoryName, digest: Digest) -> str:
    """:return: the link that lets a repository show a manifest."""
    return f"{revisions(name)}/{digest.algorithm}/{digest.hex}/link"


def tags(name: RepositoryName) -> str:
    """:return: the directory of a repository's tags."""
    return f"{REPOSITORIES}/{name}/_manifests/tags"


def tag(name: RepositoryName, tag: Tag) -> str:
    """:return: the directory of a tag."""
    return f"{tags(name)}/{tag}"


def tag_current_link(name: RepositoryName, tag: Tag) -> str:
    """:return: the link to what a tag names now."""
    return f"{tags(name)}/{tag}/{CURRENT_LINK}"


def tag_index_link(name: RepositoryName, tag: Tag, digest: Digest) -> str:
    """:return: the link to something that a tag ever named."""
    return f"{tags(name)}/{tag}/index/{digest.algorithm}/{digest.hex}/link"


def upload(name: RepositoryName, id: str) -> str:
    """:return: the directory of an upload."""
    return f"{REPOSITORIES}/{name}/_uploads/{id}"


def upload_started_at(name: RepositoryName, id: str) -> str:
    """:return: the file that tells since when there is an upload."""
    return f"{upload(name, id)}/{STARTED_AT}"


def upload_data(name: RepositoryName, id: str) -> str:
    """:return: the file of what came so far."""
    return f"{upload(name, id)}/{DATA}"


def upload_hash_states(name: RepositoryName, id: str) -> str:
    """:return: the directory of the running hashes, one directory per algorithm."""
    return f"{upload(name, id)}/hashstates"


def upload_hash_state(name: RepositoryName, id: str, algorithm: str, offset: int) -> str:
    """:return: the file of the running hash after ``offset`` bytes."""
    return f"{upload_hash_states(name, id)}/{algorithm}/{offset}"


def upload_running_hash(name: RepositoryName, id: str, algorithm: str) -> str:
    """:return: the file of the running hash after all bytes that there are, as we keep it."""
    return f"{upload_running_hashes(name, id)}/{algorithm}"


def upload_running_hashes(name: RepositoryName, id: str) -> str:
    """:return: the directory of the running hashes that we keep, one file per algorithm."""
    return f"{upload(name, id)}/running"


def referrers(name: RepositoryName, subject: Digest) -> str:
    """:return: the directory of the manifests that refer to a subject, one per algorithm."""
    return f"{REPOSITORIES}/{name}/_referrers/{subject.algorithm}/{subject.hex}"


def referrer(name: RepositoryName, subject: Digest, digest: Digest) -> str:
    """:return: the directory that says that a manifest refers to a subject."""
    return f"{referrers(name, subject)}/{digest.algorithm}/{digest.hex}"


def referrer_link(name: RepositoryName, subject: Digest, digest: Digest) -> str:
    """:return: the link in that directory."""
    return f"{referrer(name, subject, digest)}/link"


def last_component(path: str) -> str:
    """:return: the name of a path in its directory."""
    return path.rpartition("/")[2]
