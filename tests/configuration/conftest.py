"""
A configuration that is right, for tests that make one thing of it wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from txregistry.configuration import Loaded, parse
from txregistry.errors import ConfigurationError

MINIMAL = "version: 0.1\nstorage: inmemory\n"


@pytest.fixture(scope="session")
def loaded() -> Callable[..., Loaded]:
    """
    Parses a few lines below the minimal configuration.
    """

    def parse_more(more: str = "", environ: Mapping[str, str] | None = None) -> Loaded:
        return parse(MINIMAL + more, environ or {}, "config.yml")

    return parse_more


@pytest.fixture(scope="session")
def problems() -> Callable[..., list[str]]:
    """
    Tells what is wrong with a whole configuration, as it is told to the operator.
    """

    def tell(text: str, environ: Mapping[str, str] | None = None) -> list[str]:
        try:
            found = parse(text, environ or {}, "config.yml").warnings
        except ConfigurationError as error:
            return [str(problem) for problem in error.problems]
        return [str(problem) for problem in found]

    return tell


@pytest.fixture(scope="session")
def complaints(problems: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """
    Tells what is wrong with a few lines below the minimal configuration, whose first is line 3.
    """

    def tell(more: str, environ: Mapping[str, str] | None = None) -> list[str]:
        return problems(MINIMAL + more, environ)

    return tell
