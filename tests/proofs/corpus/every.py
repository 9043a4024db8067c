"""
The whole corpus.
"""

from __future__ import annotations

from tests.proofs.corpus import documents, framing, heads, targets
from tests.proofs.corpus.case import Case


def corpus() -> list[Case]:
    """
    All cases.
    """
    kinds = (
        heads.request_lines,
        heads.headers,
        heads.hosts,
        framing.lengths,
        framing.codings,
        framing.chunks,
        framing.endless,
        framing.expectations,
        targets.names,
        targets.digests,
        targets.queries,
        targets.ranges,
        targets.methods,
        documents.manifests,
    )
    return [one for kind in kinds for one in kind()]
