"""
The audit log, if one is configured.
"""
# The services of twisted.application have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.application.service import Service

from txregistry.errors import ConfigurationError, Problem
from txregistry.observability.appending import AppendedFile


class Auditing(Service):
    """
    Has the file.

    :param file: where lines go.
    """

    def __init__(self, file: AppendedFile) -> None:
        self.file = file

    def stopService(self) -> None:
        """Write what is still waiting."""
        super().stopService()
        self.file.close()


def build_auditing(reactor: Any, path: str) -> Auditing:
    """
    :param path: of the file.
    :raises ConfigurationError: if it can't be opened: what nobody could look into later must not
        be done.
    """
    try:
        return Auditing(AppendedFile(path, reactor))
    except OSError as error:
        text = f"{path} can't be opened: {error.strerror}"
        raise ConfigurationError([Problem(key="log.audit.path", text=text)]) from error
