"""
The pages on tokens do as they say.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.auth.htpasswd.kit import line
from tests.auth.token.issuer import allowed, certified
from tests.clients.wire import Wire
from tests.components.table import ROOT
from tests.conftest import MakeDaemon
from tests.daemon import Daemon
from tests.test_access_pages import blocks, commands, configurations
from txregistry.configuration.access import ALGORITHMS, Token
from txregistry.configuration.schema import kinds_of
from txregistry.configuration.tokenserver import TokenServer


def page_daemon(page: str, make_daemon: MakeDaemon, directory: Path) -> Daemon:
    """
    A daemon with the configuration on a page, but for where its files are.
    """
    (block,) = [text for name, text in configurations() if name == page]
    document: dict[str, Any] = yaml.safe_load(block.replace("/etc/txregistry", str(directory)))
    sections = ("auth", "tokenserver", "policies")
    return make_daemon(configuration={key: document[key] for key in sections if key in document})


class TokenPageTests:
    """
    ``token.md``.
    """

    def test_example(self, make_daemon: MakeDaemon, tmp_path: Path) -> None:
        """
        With its configuration a token server's tokens are taken; the challenge is the one shown.
        """
        server = certified("token server")
        (tmp_path / "bundle.pem").write_bytes(server.pem)
        wire = Wire(page_daemon("token", make_daemon, tmp_path).host)

        (shown,) = re.findall(r"^WWW-Authenticate: (.*)$", blocks("token", "text")[0], re.MULTILINE)
        names = {"iss": "auth.example.com", "aud": "registry.example.com"}
        less = server.issuer().token(allowed("a/b", "pull"), **names)
        upload = "/v2/a/b/blobs/uploads/"
        refused = wire.request("POST", upload, b"", {"Authorization": f"Bearer {less}"})
        assert refused.expect(401).header("WWW-Authenticate") == shown

        more = server.issuer().token(allowed("a/b", "pull", "push"), **names)
        wire.request("POST", upload, b"", {"Authorization": f"Bearer {more}"}).expect(202)
        assert wire.request("POST", upload, b"").expect(401).codes == ["UNAUTHORIZED"]

    def test_options(self) -> None:
        """
        It tells of every option, and of every algorithm.
        """
        text = "\n".join(_rows("token"))
        for name in (*kinds_of(Token), *ALGORITHMS):
            assert f"`{name}`" in text


class TokenServerPageTests:
    """
    ``tokenserver.md``.
    """

    def test_keys(self) -> None:
        """
        It tells of every key, with its default.
        """
        text = "\n".join(_rows("tokenserver"))
        for name in kinds_of(TokenServer):
            assert f"| `{name}` |" in text
        defaults = TokenServer()
        for value in (defaults.path, defaults.issuer, "5m", "2160h"):
            assert f"`{value}`" in text
        assert (defaults.lifetime, defaults.refreshlifetime) == (300, 2160 * 3600)

    def test_example(self, make_daemon: MakeDaemon, tmp_path: Path) -> None:
        """
        With its configuration everybody pulls, and users push; what curl shows is what comes.
        """
        (tmp_path / "htpasswd").write_bytes(line("alice", "secret"))
        daemon = page_daemon("tokenserver", make_daemon, tmp_path)
        ((command, output),) = commands("tokenserver", "curl")
        command = command.replace("https://registry.example.com", daemon.url)
        command = command.replace("-u alice", "-s -u alice:secret")
        said = subprocess.run(
            ["bash", "-c", command], capture_output=True, timeout=60, check=True
        ).stdout
        shown, came = json.loads(output), json.loads(said)
        assert list(shown) == list(came)
        for name in ("scope", "expires_in"):
            assert shown[name] == came[name]

        wire, headers = Wire(daemon.host), {"Authorization": f"Bearer {came['token']}"}
        wire.request("POST", "/v2/a/b/blobs/uploads/", b"", headers).expect(202)
        everybody = wire.get("/auth/token?scope=repository:a/b:pull,push").expect(200).json()
        assert everybody["scope"] == "repository:a/b:pull"
        assert wire.get("/v2/").expect(401).header("WWW-Authenticate") == (
            f'Bearer realm="{daemon.url}/auth/token",service="txregistry"'
        )
        wire.get("/auth/jwks").expect(200)

    @pytest.mark.parametrize("workers", [1, 2])
    def test_rotation(self, workers: int, make_daemon: MakeDaemon, tmp_path: Path) -> None:
        """
        The command on it replaces the key of a registry that runs, whose tokens go on to count.
        """
        (tmp_path / "htpasswd").write_bytes(line("alice", "secret"))
        daemon = page_daemon("tokenserver", make_daemon, tmp_path)
        daemon.stop()
        daemon.configuration["workers"] = workers
        daemon.start()
        wire = Wire(daemon.host)
        old = wire.get("/auth/token").expect(200).json()["token"]
        ((command, output),) = commands("tokenserver", "txregistry tokenkey")
        words = command.replace("/etc/txregistry", str(tmp_path)).split()[1:]
        program = Path(sys.executable).with_name("txregistry")
        said = subprocess.run(
            [program, *words], capture_output=True, text=True, timeout=60, check=True
        ).stdout
        for shown, came in zip(output.splitlines(), said.splitlines(), strict=True):
            assert shown.split()[1:] == came.split()[1:]
        for _ in range(30):
            new = wire.get("/auth/token").expect(200).json()["token"]
            for token in (old, new):
                wire.get("/v2/", {"Authorization": f"Bearer {token}"}).expect(200)


def _rows(page: str) -> list[str]:
    """
    The rows of a page's tables.
    """
    text = (ROOT / "docs" / "access" / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `.*$", text, re.MULTILINE)
