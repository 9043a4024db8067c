"""
Reading the options of an access controller.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from txregistry.errors import ConfigurationError, Problem


def text_option(key: str, options: Mapping[str, Any], name: str) -> str:
    """
    :param key: where the options stand, such as ``auth.htpasswd``.
    :return: an option that must be there, and a text.
    :raises ConfigurationError: if it isn't.
    """
    value = options.get(name)
    if value is None or value == "":
        raise option_error(key, name, "is missing")
    if not isinstance(value, str):
        raise option_error(key, name, "must be a text")
    return value


def option_error(key: str, name: str, text: str) -> ConfigurationError:
    """:return: what to raise if something is wrong with an option."""
    return ConfigurationError([Problem(key=f"{key}.{name}", text=text)])
