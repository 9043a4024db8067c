"""
Where clients get tokens: distribution's protocol for token servers, by GET, and as OAuth 2 by POST.

https://distribution.github.io/distribution/spec/auth/token/ and RFC 6749 §4.3 and §6.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from txregistry.errors import BadRequest, MethodNotAllowed
from txregistry.interfaces import IssuedToken, ITokenService, TokenWish
from txregistry.model.access import Credentials
from txregistry.web.call import Header, Response
from txregistry.web.json import to_json

if TYPE_CHECKING:
    from txregistry.web.request import RegistryRequest

LARGEST_FORM: Final = 64 * 1024
MOST_FIELDS: Final = 100

_JSON: Final = (b"Content-Type", b"application/json")
_FORM: Final = b"application/x-www-form-urlencoded"
_SECRET: Final[tuple[Header, ...]] = (
    _JSON,
    # RFC 6749 §5.1
    (b"Cache-Control", b"no-store"),
    (b"Pragma", b"no-cache"),
)

Fields = Mapping[str, list[str]]

Page = Callable[["RegistryRequest", Credentials], Awaitable[tuple[Response, str]]]
"""Answers a request; gives also who it was for, for the log."""


class TokenPages:
    """
    Answers who wants a token, or the keys that verify them.

    :param tokens: issues them; ``None`` where none are to be had here.
    :param path: where, below the prefix.
    :ivar pages: what answers at each path.
    """

    def __init__(self, tokens: ITokenService | None = None, path: str = "") -> None:
        self.pages: dict[str, Page] = {}
        if tokens is not None:
            self._tokens = tokens
            self.pages = {path: self.token, keys_path(path): self.keys}

    async def token(
        self, request: RegistryRequest, credentials: Credentials
    ) -> tuple[Response, str]:
        """Give a token, or say by 401 that a password is needed."""
        if request.method == b"POST":
            issued = await self._post(request, credentials)
            answer = _oauth(issued)
        elif request.method in (b"GET", b"HEAD"):
            issued = await self._tokens.issue(credentials, _wish_of_query(request))
            answer = {"token": issued.token, **_oauth(issued)}
        else:
            return _other(request, ("GET", "HEAD", "OPTIONS", "POST"))
        return Response(200, _SECRET, to_json(answer)), issued.user

    async def keys(self, request: RegistryRequest, _: Credentials) -> tuple[Response, str]:
        """Give the keys."""
        if request.method not in (b"GET", b"HEAD"):
            return _other(request, ("GET", "HEAD", "OPTIONS"))
        return Response(200, (_JSON,), self._tokens.key_set()), ""

    async def _post(self, request: RegistryRequest, credentials: Credentials) -> IssuedToken:
        kind = request.header(b"content-type") or b""
        if kind.partition(b";")[0].strip().lower() != _FORM:
            raise BadRequest(f"the body must be {_FORM.decode()}")
        form = _parse(await request.body.read_all(LARGEST_FORM))
        wish = TokenWish(
            service=_one(form, "service"),
            scopes=tuple(_one(form, "scope").split()),
            lasting=_one(form, "access_type") == "offline",
        )
        match _one(form, "grant_type"):
            case "password":
                user, password = _one(form, "username"), _one(form, "password")
                return await self._tokens.issue_for_password(
                    user, password, credentials.address, wish, credentials.proxy
                )
            case "refresh_token":
                token = _one(form, "refresh_token")
                return await self._tokens.refresh(token, credentials.address, wish)
        raise BadRequest("grant_type must be password or refresh_token")


def keys_path(path: str) -> str:
    """
    :param path: where tokens are to be had.
    :return: where the keys are that verify them.
    """
    return path.rpartition("/")[0] + "/jwks"


def _wish_of_query(request: RegistryRequest) -> TokenWish:
    query = _parse(request.uri.partition(b"?")[2])
    # Several scopes may come in one parameter, or in several.
    scopes = tuple(word for text in query.get("scope", []) for word in text.split())
    lasting = _one(query, "offline_token").lower() in ("1", "t", "true")
    return TokenWish(_one(query, "service"), scopes, lasting)


def _parse(encoded: bytes) -> Fields:
    try:
        return parse_qs(
            encoded.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=MOST_FIELDS,
            errors="strict",
        )
    except ValueError:
        raise BadRequest("the parameters can't be read") from None


def _one(fields: Fields, name: str) -> str:
    """
    :return: the value of a parameter, ``""`` where it is missing.
    :raises BadRequest: if it stands there more than once (RFC 6749 §3.2).
    """
    values = fields.get(name, [""])
    if len(values) > 1:
        raise BadRequest(f"{name} is there more than once")
    return values[0]


def _oauth(issued: IssuedToken) -> dict[str, str | int]:
    answer: dict[str, str | int] = {
        "access_token": issued.token,
        "scope": issued.scope,
        "expires_in": issued.expires_in,
        "issued_at": issued.issued_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    if issued.refresh_token:
        answer["refresh_token"] = issued.refresh_token
    return answer


def _other(request: RegistryRequest, allowed: tuple[str, ...]) -> tuple[Response, str]:
    if request.method == b"OPTIONS":
        return Response(204, ((b"Allow", ", ".join(allowed).encode("ascii")),)), ""
    raise MethodNotAllowed(allowed)
