"""
Clients log in, push, pull, are refused, and log out.
"""

from __future__ import annotations

import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.auth.htpasswd.asking import auth
from tests.clients.logins import CLIENTS, Client
from tests.conftest import MakeDaemon
from tests.daemon import Daemon
from txregistry.auth.htpasswd.hashes import new_hash

USER = "alice"
PASSWORD = "a secret: with a colon"
#: How clients say that they were refused.
REFUSED = (
    *("unauthorized", "401", "denied", "authentication required", "no basic auth credentials"),
    *("invalid username/password", "basic credential not found"),
)
HASH = new_hash(PASSWORD.encode(), 5)


class _TokenPage(BaseHTTPRequestHandler):
    """
    Gives a token to Alice.
    """

    def do_GET(self) -> None:
        basic = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        known = self.headers["Authorization"] == f"Basic {basic}"
        body = json.dumps({"token": "anything", "access_token": "anything"}) if known else "{}"
        self.send_response(200 if known else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def token_page(host: str) -> Iterator[str]:
    """
    Somebody else's token service.

    :param host: what this machine is called.
    :return: its address.
    """
    with ThreadingHTTPServer(("127.0.0.1", 0), _TokenPage) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://{host}:{server.server_address[1]}/token"
        server.shutdown()
        thread.join()


@pytest.fixture(params=CLIENTS, ids=lambda client: client.__name__.lower())
def kind(request: pytest.FixtureRequest) -> type[Client]:
    """
    Each client.
    """
    found: type[Client] = request.param
    return found


@pytest.fixture(params=["htpasswd", "silly"])
def registry(
    request: pytest.FixtureRequest, kind: type[Client], tmp_path: Path, make_daemon: MakeDaemon
) -> Iterator[Daemon]:
    """
    A registry that asks for a name and a password, or for a token that one gets for them.
    """
    if request.param == "htpasswd":
        path = tmp_path / "htpasswd"
        path.write_bytes(b"%b:%b\n" % (USER.encode(), HASH))
        yield make_daemon(configuration=auth(path))
        return
    with token_page(kind.token_host) as realm:
        silly = {"realm": realm, "service": "registry.example"}
        yield make_daemon(configuration={"auth": {"silly": silly}})


@pytest.fixture
def client(
    kind: type[Client], registry: Daemon, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Client]:
    """
    A client of that registry.
    """
    with kind.at(tmp_path_factory.mktemp("client"), registry.host) as made:
        yield made


def test_login(client: Client) -> None:
    """
    Without the right password nothing goes; with it everything, until the client forgets it.
    """
    for said in (
        client.push("a/b", fails=True),
        client.pull("a/b", fails=True),
        client.login(USER, "wrong", fails=True),
        client.login("nobody", PASSWORD, fails=True),
    ):
        assert any(word in said.lower() for word in REFUSED), said
    client.login(USER, PASSWORD)
    client.push("a/b")
    client.pull("a/b")
    client.logout()
    client.pull("a/b", fails=True)
    client.push("a/c", fails=True)


def test_none(
    kind: type[Client], make_daemon: MakeDaemon, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """
    With ``none`` everything goes without a login, and with any, and after it was forgotten.
    """
    registry = make_daemon(configuration={"auth": "none"})
    with kind.at(tmp_path_factory.mktemp("client"), registry.host) as client:
        client.push("a/b")
        client.pull("a/b")
        client.login(USER, PASSWORD)
        client.push("a/c")
        client.pull("a/c")
        client.logout()
        client.pull("a/b")
