"""
Real nginx before a registry, and clients that lie about their address.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from socket import create_connection

import pytest

from tests.conftest import MakeDaemon
from tests.daemon import Daemon, free_port
from tests.wire.harness import CLIENT as LIE
from tests.workers.kit import eventually

DOCS = Path(__file__).parents[2] / "docs" / "configuration.md"
CLIENT = "127.0.0.5"
LIES = {"X-Forwarded-For": LIE, "X-Real-IP": LIE, "Forwarded": f"for={LIE}"}

Component = Callable[[str], Path]


def documented() -> str:
    """
    What the documentation tells nginx to send.
    """
    (block,) = re.findall(r"^```nginx\n(.*?)^```", DOCS.read_text(), re.DOTALL | re.MULTILINE)
    return str(block)


@contextmanager
def nginx(program: Path, path: Path, upstream: int, own: str, fields: str) -> Iterator[int]:
    """
    Runs it.

    :param upstream: the port that it asks.
    :param own: the address that it asks from.
    :param fields: its directives.
    :return: the port where it listens.
    """
    path.mkdir()
    port = free_port()
    places = "".join(
        f"{kind}_temp_path {path}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (path / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {path}/pid; error_log {path}/log;"
        f"events {{}} http {{ access_log off; {places} server {{ listen 127.0.0.1:{port};"
        f"location / {{ proxy_pass http://127.0.0.1:{upstream}; proxy_bind {own}; {fields} }} }} }}"
    )
    running = subprocess.Popen(
        [program, "-p", path, "-c", path / "nginx.conf", "-e", path / "log"],
        stdin=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: listens(port))
        yield port
    finally:
        running.terminate()
        running.wait(10)


def listens(port: int) -> bool:
    """
    Whether somebody does.
    """
    with suppress(OSError):
        create_connection(("127.0.0.1", port), timeout=5).close()
        return True
    return False


class AddressTests:
    """
    Whom the registry takes for the client.
    """

    @pytest.fixture
    def daemon(self, make_daemon: MakeDaemon) -> Daemon:
        """A registry that knows two proxies."""
        proxies = ["127.0.0.1", "127.0.0.2"]
        return make_daemon(configuration={"http": {"trustedproxies": proxies}, "workers": 1})

    def ask(self, daemon: Daemon, port: int, target: str, lies: dict[str, str]) -> tuple[int, bool]:
        """:return: the status, and whether the registry's log has the client's own address."""
        connection = HTTPConnection("127.0.0.1", port, timeout=20, source_address=(CLIENT, 0))
        try:
            connection.request("GET", f"/v2/{target}/tags/list", headers=lies)
            status = connection.getresponse().status
        finally:
            connection.close()
        said = f'"GET /v2/{target}/'
        eventually(lambda: said in daemon.log())
        (line,) = [each for each in daemon.log().splitlines() if said in each]
        assert LIE not in line.partition(" - ")[0]
        return status, CLIENT in line.partition(" - ")[0]

    @pytest.mark.parametrize("hops", [1, 2])
    def test_documented(
        self, daemon: Daemon, component: Component, tmp_path: Path, hops: int
    ) -> None:
        """
        As the documentation says, it tells the client's address, and so do two in a row; what the
        client says of itself changes nothing.
        """
        program, port = component("nginx"), daemon.port
        with ExitStack() as running:
            for hop in range(hops):
                own = f"127.0.0.{hop + 1}"
                path = tmp_path / f"nginx{hop}"
                port = running.enter_context(nginx(program, path, port, own, documented()))
            assert self.ask(daemon, port, "honest", {}) == (404, True)
            for number, (field, lie) in enumerate(LIES.items()):
                assert self.ask(daemon, port, f"lie{number}", {field: lie}) == (404, True)
            assert self.ask(daemon, port, "all", LIES) == (404, True)

    def test_real_ip_alone(self, daemon: Daemon, component: Component, tmp_path: Path) -> None:
        """
        One that writes X-Real-IP alone tells the address; who says something else by what it hands
        on is refused.
        """
        fields = "proxy_set_header X-Real-IP $remote_addr;"
        with nginx(
            component("nginx"), tmp_path / "nginx", daemon.port, "127.0.0.1", fields
        ) as port:
            assert self.ask(daemon, port, "honest", {}) == (404, True)
            assert self.ask(daemon, port, "same", {"X-Real-IP": LIE}) == (404, True)
            for number, field in enumerate(("X-Forwarded-For", "Forwarded")):
                status, _ = self.ask(daemon, port, f"lie{number}", {field: LIES[field]})
                assert status == 400
