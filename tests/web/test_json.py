"""
Bodies of JSON.
"""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from txregistry.web.json import names_to_json

names = st.from_regex(r"\A[A-Za-z0-9_][A-Za-z0-9_./-]{0,20}\Z")


class NamesTests:
    """
    Arrays of tags, and of names of repositories.
    """

    @given(st.lists(names, max_size=5))
    def test_array(self, texts: list[str]) -> None:
        """
        They are the names, written as :mod:`json` writes them.
        """
        assert names_to_json(texts) == json.dumps(texts, separators=(",", ":"))
