"""
The application: from a request's head to its answer.

Every request goes the same way: path → route → authorization → repository → operation →
answer, and whatever is raised on the way becomes an answer in one table.  Pulls and pushes find
their route by a short matcher, everything else through Klein's.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from txregistry.deferreds import Threads, started
from txregistry.errors import (
    BadRequest,
    ClientDisconnected,
    Denied,
    MethodNotAllowed,
    RegistryError,
    RouteUnknown,
    TooManyRequests,
    Unauthorized,
    Unsupported,
)
from txregistry.interfaces import Exchange, IAccessController, IRegistry
from txregistry.model.access import Credentials, Requester
from txregistry.model.name import RepositoryName, parse_name
from txregistry.web.authorization import Authorization
from txregistry.web.call import Call, Header, Response
from txregistry.web.errors import INTERNAL, error_entries, render_error
from txregistry.web.exchange import RunningExchange
from txregistry.web.kleinroutes import KleinRoutes
from txregistry.web.paths import decode_path, match, strip_prefix
from txregistry.web.proxies import LOCAL_PEER, LOCAL_PROXY, TrustedProxies
from txregistry.web.routes import Limits, build_routes
from txregistry.web.sending import send, send_at_once
from txregistry.web.tokens import TokenPages
from txregistry.web.urls import UrlRules

if TYPE_CHECKING:
    from txregistry.web.request import RegistryRequest

#: Names that come again and again.
_parse_name = lru_cache(1024)(parse_name)

API_VERSION: Header = (b"Docker-Distribution-Api-Version", b"registry/2.0")
TOKEN = "token"  # noqa: S105 - it is no secret
"""What the way to a token is called in logs."""

ALIVE: Header = (b"Cache-Control", b"no-cache")


@frozen
class WebOptions:
    """
    How the API looks from outside.

    :param proxies: whom to believe about clients.
    :param urls: how URLs are built.
    :param headers: added to every answer of a route.
    :param limits: what one request may ask for or bring.
    :param redirects: send clients to the storage itself where it has a URL for them.
    """

    proxies: TrustedProxies
    urls: UrlRules = field(factory=UrlRules)
    headers: Sequence[Header] = ()
    limits: Limits = field(factory=Limits)
    redirects: bool = True


_OFTEN: Final = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"PATCH"})
"""The methods of pulls and pushes, of which there are many."""


class RegistryApplication:
    """
    Answers requests.

    :param registry: what is served.
    :param controller: decides who may do what.
    :param threads: where what takes long is done.
    :param options: how it looks from outside.
    :param completed: told of every exchange when it is over.
    :param seconds: a clock that only goes forward, in seconds.
    :param only_failures: ``completed`` wants to know of exchanges that failed, and of no others.
    :param tokens: answers who wants a token, if they are to be had here.
    """

    log = Logger()

    def __init__(
        self,
        registry: IRegistry,
        controller: IAccessController,
        threads: Threads,
        options: WebOptions,
        completed: Callable[[Exchange], None],
        seconds: Callable[[], float],
        only_failures: bool = False,
        tokens: TokenPages | None = None,
    ) -> None:
        self._registry = registry
        self._controller = controller
        self._options = options
        self._completed = completed
        self._seconds = seconds
        self._only_failures = only_failures
        self._tokens = tokens or TokenPages()
        self._routes = build_routes(registry, threads, options.limits, options.redirects)
        self._routed_headers = (API_VERSION, *options.headers)
        self._klein = KleinRoutes(self._answer_routed)
        self._running = 0
        self._waiting: list[Deferred[None]] = []

    def dispatch(self, request: RegistryRequest) -> None:
        """Begin to answer a request whose head has arrived."""
        exchange = RunningExchange(request, self._seconds(), urls=self._options.urls)
        if request.method in _OFTEN:
            self._go_short_way(exchange)
        else:
            self._go_kleins_way(exchange)

    def settled(self) -> Deferred[None]:
        """
        :return: fires when no request is being answered: what a client that is gone has begun may
            still be brought to its end.
        """
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        self._tell_settled()
        return waiting

    def _tell_settled(self) -> None:
        if not self._running:
            waiting, self._waiting = self._waiting, []
            for each in waiting:
                each.callback(None)

    def _enter(self, exchange: RunningExchange) -> None:
        """Find out where a request comes from and where it goes."""
        request, options = exchange.request, self._options
        exchange.address = peer = _peer(request)
        outside = options.proxies.outside(request, peer)
        exchange.address = outside.address
        exchange.outside = outside
        exchange.path = decode_path(request.uri)

    def _below_prefix(self, exchange: RunningExchange) -> str:
        return strip_prefix(exchange.path, self._options.urls.prefix)

    # --- the two ways to a route --------------------------------------------------------

    def _go_short_way(self, exchange: RunningExchange) -> None:
        self._run(exchange, self._find_and_answer(exchange))

    async def _find_and_answer(self, exchange: RunningExchange) -> Response:
        self._enter(exchange)
        if exchange.path == "/" and exchange.request.method in (b"GET", b"HEAD"):
            return Response(200, (ALIVE,))
        below = self._below_prefix(exchange)
        if below in self._tokens.pages:
            return await self._give_token(exchange, below)
        found = match(below)
        return await self._answer(exchange, found.route, found.variables)

    def _go_kleins_way(self, exchange: RunningExchange) -> None:
        request = exchange.request
        if request.uri == b"*" and request.method == b"OPTIONS":
            self._run(exchange, self._tell_all_methods())
            return
        try:
            self._enter(exchange)
            below = self._below_prefix(exchange)
        except RegistryError as error:
            self._run(exchange, self._refuse(exchange, error))
        else:
            if below in self._tokens.pages:
                self._run(exchange, self._give_token(exchange, below))
                return
            request.running = exchange
            request.render_below(self._klein.resource, below)

    def _answer_routed(
        self, request: RegistryRequest, route: str, variables: Mapping[str, str]
    ) -> None:
        """Answer a request for which Klein found the route, or none (``""``)."""
        exchange: RunningExchange = request.running
        self._run(exchange, self._answer(exchange, route, variables))

    # --- from the route on there is one way ---------------------------------------------

    async def _answer(
        self, exchange: RunningExchange, name: str, variables: Mapping[str, str]
    ) -> Response:
        route = self._routes.get(name)
        if route is None:
            raise RouteUnknown
        exchange.route, exchange.variables = name, variables
        request = exchange.request
        if request.method == b"OPTIONS":
            return Response(204, (_allow(route.allowed),))
        operation = route.operation(request.method)
        repository = _parse_name(variables["name"]) if "name" in variables else None
        authorization = Authorization(
            self._controller, _credentials(exchange), operation.needs(repository or "")
        )
        exchange.actor = (await authorization.demand()).actor
        return await operation.answer(self._call(exchange, authorization, repository))

    def _call(
        self, exchange: RunningExchange, authorization: Authorization, name: RepositoryName | None
    ) -> Call:
        requester = Requester(
            exchange.actor, exchange.id, exchange.address, exchange.text(b"user-agent"), exchange
        )
        return Call(
            request=exchange.request,
            variables=exchange.variables,
            path=exchange.path,
            base=exchange.base,
            authorization=authorization,
            requester=requester,
            repository=self._registry.repository(name, requester) if name else None,
        )

    async def _give_token(self, exchange: RunningExchange, below: str) -> Response:
        """
        Answer who wants a token.  That needs no right: it is how one is come by.
        """
        exchange.route = TOKEN
        page = self._tokens.pages[below]
        response, exchange.actor = await page(exchange.request, _credentials(exchange))
        return response

    # --- the answer goes out ------------------------------------------------------------

    def _run(self, exchange: RunningExchange, answering: Coroutine[Any, Any, Response]) -> None:
        """Answer, until the client goes away."""
        running = started(self._complete(exchange, answering))
        if not running.called:
            exchange.request.notifyFinish().addErrback(lambda _: running.cancel())

    async def _complete(
        self, exchange: RunningExchange, answering: Coroutine[Any, Any, Response]
    ) -> None:
        """Send the answer, or the error that came instead; nothing gets past here."""
        self._running += 1
        try:
            await self._send(exchange, await answering)
            if exchange.served is not None:
                exchange.tell_served()
        except (CancelledError, ClientDisconnected):
            _abort(exchange.request)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            await self._fail(exchange, error)
            # Whoever awaited the failure is in its traceback, and has the failure: a cycle, and in
            # it all that those frames worked on, be it a manifest of 4 MiB.  The garbage collector
            # would come by after thousands of requests only.
            error.__traceback__ = None
        finally:
            self._running -= 1
            exchange.served = None  # who waits for it has the request, and so this
            if exchange.errors or not self._only_failures:
                self._completed(exchange.finished(self._seconds()))
            if self._waiting:
                self._tell_settled()

    async def _send(self, exchange: RunningExchange, response: Response) -> None:
        headers = (*self._headers(exchange), *response.headers)
        if not send_at_once(exchange.request, response.status, headers, response.body):
            await send(exchange.request, Response(response.status, headers, response.body))
        exchange.status = response.status
        exchange.headers = response.headers

    async def _fail(self, exchange: RunningExchange, error: Exception) -> None:
        """Tell the client what went wrong, or cut the answer off where it has begun."""
        status, headers, body = render_error(error)
        if isinstance(error, Unsupported) and not isinstance(error, MethodNotAllowed):
            # RFC 9110 §15.5.6: whoever says 405 says what there is instead.
            headers = (
                *headers,
                _allow(self._routes[exchange.route].others(exchange.request.method)),
            )
        exchange.errors = error_entries(error)
        if isinstance(error, Denied | TooManyRequests | Unauthorized):
            exchange.actor = exchange.actor or error.actor
        if status >= INTERNAL and not isinstance(error, RegistryError):
            self.log.failure(
                "{method} {path} failed (request {id})",
                Failure(error),
                method=exchange.request.method.decode("latin-1"),
                path=exchange.path,
                id=exchange.id,
            )
        if exchange.request.startedWriting:
            exchange.status = status  # what the log shall tell, whatever the client was told
            _abort(exchange.request)
            return
        try:
            await self._send(exchange, Response(status, headers, body))
        except (CancelledError, ClientDisconnected):
            _abort(exchange.request)

    async def _tell_all_methods(self) -> Response:
        """Answer who asks about the server, not about a resource (RFC 9110 §9.3.7)."""
        allowed = {method for route in self._routes.values() for method in route.allowed}
        return Response(204, (_allow(sorted(allowed)),))

    async def _refuse(self, exchange: RunningExchange, error: RegistryError) -> Response:
        raise error

    def _headers(self, exchange: RunningExchange) -> Sequence[Header]:
        """:return: what every answer has; the operator's own fields go to routes only."""
        return self._routed_headers if exchange.route else (API_VERSION,)


def _peer(request: RegistryRequest) -> str:
    """:return: the address at the other end; a peer behind a unix socket has none."""
    return getattr(request.client, "host", LOCAL_PEER)


def _credentials(exchange: RunningExchange) -> Credentials:
    """
    :return: what a request presents of itself.
    :raises BadRequest: if it presents two things at once: who reads the first, as a proxy may, and
        who reads the last would let in different people.
    """
    request, outside = exchange.request, exchange.outside
    if len(request.headers(b"authorization")) > 1:
        raise BadRequest("Authorization is there more than once")
    secure = request.channel is not None and request.channel.secure
    certificate, peer = b"", _peer(request)
    # A proxy's own certificate is not that of the client behind it.
    if secure and not outside.by_proxy:
        certificate = request.channel.certificate if request.channel else b""
    return Credentials(
        exchange.text(b"authorization"),
        outside.address,
        outside.host or exchange.text(b"host"),
        outside.scheme == "https" if outside.scheme else secure,
        certificate,
        outside.scheme,
        request_id=exchange.id,
        proxy="" if outside.address == peer else peer or LOCAL_PROXY,
    )


def _abort(request: RegistryRequest) -> None:
    """Cut the connection: the client must not take a part of an answer for all of it."""
    if request.channel is not None:
        request.channel.abort()


def _allow(methods: Sequence[str]) -> Header:
    return (b"Allow", ", ".join(methods).encode("ascii"))
