"""
The effective configuration, written as YAML that could be loaded again, if it were not for the
secrets: they are masked.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from txregistry.configuration.schema import Section
from txregistry.configuration.sections import Configuration
from txregistry.configuration.tree import joined

MASK = "********"

#: Names whose value is masked.  They are many, since plug-ins name their options as they like:
#: better one too many than a key in a bug report.
_SECRET = re.compile(
    r"secret|passw|token|credential|authorization|cookie|connectionstring|key", re.IGNORECASE
)
#: Sections that are only named as a secret might be.
_NO_SECRETS = frozenset({"auth.htpasswd", "auth.token", "tokenserver", "tokenserver.signingkey"})
#: Mappings whose values are secrets, whatever their names are.
_SECRETS = frozenset({"notifications.endpoints.headers"})
#: The user in a URL, with or without a password.
_USER = re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*://)[^/?#\s@]+@")
#: The query of a URL, where signatures stand; what looks like a pattern is none.
_QUERY = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://[^?\s()\[\]*^$|\\]*\?)\S+")


def effective(configuration: Configuration) -> str:
    """
    :return: every key with its value, as YAML, without secrets.
    """
    document = masked(plain_document(configuration))
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)


def plain_document(configuration: Configuration) -> dict[str, Any]:
    """
    :return: the configuration in Python's plain types, secrets and all.
    """
    document = Section(Configuration).dump(configuration)
    if configuration.policies is None:
        del document["policies"]  # with nothing behind it, it would be a mistake
    return document


def masked(value: Any, name: str = "", key: str = "") -> Any:
    """
    :param name: what the value is called.
    :param key: the same in its full length.
    :return: a copy in which everything under a secret's name, and every user in a URL, is masked.
    """
    if value in (None, "", [], {}) or isinstance(value, bool):
        return value
    if _SECRET.search(name) and key not in _NO_SECRETS:
        return MASK
    match value:
        case dict():
            return {
                name: MASK if key in _SECRETS else masked(child, str(name), joined(key, str(name)))
                for name, child in value.items()
            }
        case list():
            return [masked(item, key=key) for item in value]
        case str():
            return _USER.sub(rf"\1{MASK}@", _QUERY.sub(rf"\1{MASK}", value))
        case _:
            return value
