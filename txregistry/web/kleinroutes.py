"""
The routes as Klein knows them: the API as it is documented.

Any method may come this way: whether a route has it is asked later, where the answer can name
those that it has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from klein import Klein
from klein.resource import KleinResource
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter

from txregistry.web import routes

if TYPE_CHECKING:
    from txregistry.web.request import RegistryRequest

Answer = Callable[["RegistryRequest", str, Mapping[str, str]], None]


class NameConverter(BaseConverter):
    """
    A repository name in a rule: segments with the slashes between them.

    It takes any text; what is no name is refused with an error of the registry, not as an
    unknown path.
    """

    regex = r"[^/](?s:.*?)"
    part_isolating = False


def _router() -> Klein:
    router = Klein()
    router.url_map.converters["name"] = NameConverter
    # A redirect would be built from the Host that the client sent.
    router.url_map.merge_slashes = False
    return router


class _Found(Resource):
    """
    What Klein renders when it has found a route: with that its part is over, and all that it
    remembers of a request is forgotten before the answer.

    :param answer: answers it.
    :param route: its name.
    :param variables: what the path says.
    """

    isLeaf = True

    def __init__(self, answer: Answer, route: str, variables: Mapping[str, str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self._answer = answer
        self._route = route
        self._variables = variables

    def render(self, request: RegistryRequest) -> int:
        """Begin to answer."""
        request.forget_rendering()
        self._answer(request, self._route, self._variables)
        return NOT_DONE_YET


class KleinRoutes:
    """
    Finds the routes of requests.

    :param answer: answers a request, given the name of its route (``""`` where there is none)
        and what the path says.
    """

    klein = _router()

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def _found(self, route: str, variables: Mapping[str, str]) -> Resource:
        return _Found(self._answer, route, variables)

    @property
    def resource(self) -> KleinResource:
        """What a request is rendered with."""
        return self.klein.resource()

    @klein.route("/v2/", strict_slashes=False)
    def base(self, request: RegistryRequest) -> Resource:
        """The ping."""
        return self._found(routes.BASE, {})

    @klein.route("/v2/_catalog")
    def catalog(self, request: RegistryRequest) -> Resource:
        """All repositories."""
        return self._found(routes.CATALOG_LIST, {})

    @klein.route("/v2/<name:name>/tags/list")
    def tags(self, request: RegistryRequest, **variables: str) -> Resource:
        """All tags of a repository."""
        return self._found(routes.TAGS, variables)

    @klein.route("/v2/<name:name>/manifests/<reference>")
    def manifest(self, request: RegistryRequest, **variables: str) -> Resource:
        """A manifest, by tag or digest."""
        return self._found(routes.MANIFEST, variables)

    @klein.route("/v2/<name:name>/referrers/<digest>")
    def referrers(self, request: RegistryRequest, **variables: str) -> Resource:
        """Who refers to a manifest."""
        return self._found(routes.REFERRERS, variables)

    @klein.route("/v2/<name:name>/blobs/<digest>")
    def blob(self, request: RegistryRequest, **variables: str) -> Resource:
        """A blob."""
        return self._found(routes.BLOB, variables)

    @klein.route("/v2/<name:name>/blobs/uploads/", strict_slashes=False)
    def uploads(self, request: RegistryRequest, **variables: str) -> Resource:
        """Where uploads begin."""
        return self._found(routes.UPLOADS, variables)

    @klein.route("/v2/<name:name>/blobs/uploads/<id>")
    def upload(self, request: RegistryRequest, **variables: str) -> Resource:
        """An upload."""
        return self._found(routes.UPLOAD, variables)

    # Klein's type wants an IRequest, which ours is.
    @klein.handle_errors(HTTPException)  # type: ignore[arg-type]
    def unknown(self, request: RegistryRequest, failure: Failure) -> Resource:
        """No route."""
        return self._found("", {})
