"""
A real daemon that asks for passwords.
"""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

import pytest

from tests.auth.htpasswd.asking import ask, auth
from tests.auth.htpasswd.kit import line
from tests.conftest import MakeDaemon
from tests.daemon import Daemon
from tests.workers.kit import eventually
from txregistry.auth.htpasswd.watching import FRESH


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with Joe in it."""
    made = tmp_path / "htpasswd"
    made.write_bytes(line("joe", "secret"))
    return made


@pytest.fixture
def daemon(path: Path, make_daemon: MakeDaemon) -> Daemon:
    """The daemon."""
    return make_daemon(configuration=auth(path, 'My "registry"'))


class PingTests:
    """
    How clients find out that they have to log in, and do it.
    """

    def test_challenge(self, daemon: Daemon) -> None:
        """
        The ping tells which credentials would help, and what is spoken here.
        """
        answer = ask(daemon)
        assert answer.status == 401
        assert answer.fields["WWW-Authenticate"] == r'Basic realm="My \"registry\""'
        assert answer.fields["Docker-Distribution-Api-Version"] == "registry/2.0"
        (error,) = json.loads(answer.body)["errors"]
        assert error["code"] == "UNAUTHORIZED"

    def test_passwords(self, daemon: Daemon) -> None:
        """
        A right password is good for everything, a wrong one for nothing.
        """
        for target, status in (("/v2/", 200), ("/v2/_catalog", 200), ("/v2/a/tags/list", 404)):
            assert ask(daemon, "joe:secret", target).status == status
            assert ask(daemon, "joe:wrong", target).status == 401
            assert ask(daemon, "ann:secret", target).status == 401
        started = ask(daemon, "joe:secret", "/v2/a/blobs/uploads/", "POST")
        assert started.status == 202
        eventually(lambda: " - joe [" in daemon.log())
        assert "secret" not in daemon.log()

    def test_open_corners(self, daemon: Daemon) -> None:
        """
        Without a password there are the address itself and OPTIONS, and neither says anything.
        """
        assert ask(daemon, target="/").body == b""
        for target in ("/v2/", "/v2/_catalog", "/v2/a/tags/list"):
            answer = ask(daemon, target=target, method="OPTIONS")
            assert (answer.status, answer.body) == (204, b"")


class InjectionTests:
    """
    Names that are meant for somebody else.
    """

    @pytest.mark.parametrize(
        "name", [b"joe\r\nX-Evil: 1", b"joe\n2026 level=error forged", b"\x1b[31mjoe", b"joe\0"]
    )
    def test_name(self, daemon: Daemon, name: bytes) -> None:
        """
        Nobody writes fields of an answer, or lines of a log, by his name.
        """
        answer = ask(daemon, name.replace(b":", b"") + b":secret")
        assert answer.status == 401
        assert "X-Evil" not in answer.fields
        assert not re.search(r"forged|\x1b", daemon.log())

    def test_long(self, daemon: Daemon) -> None:
        """
        A name or a password of any length is a wrong one.
        """
        assert ask(daemon, "a" * 20_000 + ":secret").status == 401
        assert ask(daemon, "joe:" + "a" * 20_000).status == 401
        assert ask(daemon, "joe:secret").status == 200


class FileTests:
    """
    The file, while the daemon runs.
    """

    def test_changed(self, daemon: Daemon, path: Path) -> None:
        """
        A change holds at once for who comes, and a second later for who was there.
        """
        assert ask(daemon, "joe:secret").status == 200
        assert ask(daemon, "ann:secret").status == 401
        path.write_bytes(line("ann", "secret"))
        assert ask(daemon, "ann:secret").status == 200
        time.sleep(FRESH)
        assert ask(daemon, "joe:secret").status == 401

    def test_broken(self, daemon: Daemon, path: Path) -> None:
        """
        A broken file lets nobody in; the log names the line; when it is mended all is well.
        """
        good = path.read_bytes()
        path.write_bytes(b"# a comment\n" + good + b"nonsense\n")
        os.utime(path, (0, 0))
        answer = ask(daemon, "ann:secret")
        assert answer.status == 503
        assert int(answer.fields["Retry-After"]) > 0
        (error,) = json.loads(answer.body)["errors"]
        assert error["code"] == "UNAVAILABLE"
        assert "its log says why" in error["message"]
        eventually(lambda: f"nobody can log in: {path}: line 3 is neither " in daemon.log())
        assert "nonsense" not in daemon.log()
        assert ask(daemon).status == 401
        path.write_bytes(good)
        assert ask(daemon, "joe:secret").status == 200

    def test_broken_at_the_start(self, path: Path, make_daemon: MakeDaemon) -> None:
        """
        It starts all the same, and says at once what is wrong.
        """
        path.write_bytes(b"nonsense\n")
        daemon = make_daemon(configuration=auth(path))
        expected = f"nobody can log in: {path}: line 1 is neither "
        eventually(lambda: expected in daemon.log())
        assert ask(daemon, "joe:secret").status == 503
        eventually(lambda: daemon.log().count(expected) == daemon.configuration["workers"])

    @pytest.mark.parametrize("workers", [1, 3])
    def test_missing(self, tmp_path: Path, make_daemon: MakeDaemon, workers: int) -> None:
        """
        A missing one is made, and its password told once, however many workers there are.
        """
        path = tmp_path / "auth" / "htpasswd"
        daemon = make_daemon(configuration={**auth(path), "workers": workers})
        told = re.compile(r"whose password is ([A-Za-z0-9_-]{43})\b")
        (password,) = eventually(lambda: told.findall(daemon.log()))
        for _ in range(2 * workers):
            assert ask(daemon, f"docker:{password}").status == 200
        assert path.stat().st_mode & 0o777 == 0o600
        daemon.restart()
        assert daemon.log().count("whose password is") == 1
        assert ask(daemon, f"docker:{password}").status == 200

    def test_cannot_be_made(self, tmp_path: Path, make_daemon: MakeDaemon) -> None:
        """
        Where it can't be, the daemon doesn't start, in one line.
        """
        (tmp_path / "file").touch()
        daemon = make_daemon(start=False, configuration=auth(tmp_path / "file" / "htpasswd"))
        with pytest.raises(Exception, match=r"auth\.htpasswd\.path: can't make ") as failed:
            daemon.start()
        assert "Traceback" not in str(failed.value)


class WorkersTests:
    """
    Several processes.
    """

    def test_guesses(self, path: Path, make_daemon: MakeDaemon) -> None:
        """
        Guesses count together, whichever worker they come to.
        """
        daemon = make_daemon(configuration={**auth(path), "workers": 3})
        statuses = [
            ask(daemon, f"joe:{number}", source="127.0.0.66").status for number in range(20)
        ]
        assert statuses.count(401) < 12
        assert statuses[-1] == 429
        assert ask(daemon, "joe:secret").status == 200
        answer = ask(daemon, "ann:secret", source="127.0.0.66")
        assert answer.status == 429
        assert int(answer.fields["Retry-After"]) > 2
