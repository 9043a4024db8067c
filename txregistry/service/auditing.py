"""
The audit log, if one is configured.
"""
# The services of twisted.application have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.application.service import Service

from txregistry.auth.audit import AuditedAccess
from txregistry.errors import ConfigurationError, Problem, RegistryError
from txregistry.model.access import Credentials
from txregistry.observability.appending import AppendedFile
from txregistry.web.call import Response
from txregistry.web.request import RegistryRequest
from txregistry.web.tokens import Page, TokenPages, keys_path


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


def audit_pages(pages: TokenPages, audited: AuditedAccess) -> None:
    """
    Tell of tokens that are given away, too; the keys are everybody's.
    """
    keys = {keys_path(path) for path in pages.pages}
    pages.pages = {
        path: page if path in keys else _audited(page, audited)
        for path, page in pages.pages.items()
    }


def _audited(page: Page, audited: AuditedAccess) -> Page:
    async def answer(request: RegistryRequest, credentials: Credentials) -> tuple[Response, str]:
        try:
            response, user = await page(request, credentials)
        except RegistryError as error:
            audited.token_refused(credentials, error)
            raise
        if request.method != b"OPTIONS":
            audited.token_given(credentials, user)
        return response, user

    return answer
