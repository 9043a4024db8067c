"""
Clients that log in: each with the same few commands.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.clients.images import Image, write_layout
from tests.clients.programs import run
from tests.clients.test_docker import Docker as DockerEngine
from tests.clients.test_docker import engine
from tests.clients.test_podman import INSECURE, Containers, containers
from tests.conftest import need

IMAGE = Image.of({"hello": b"logged in"})


class Client(ABC):
    """
    A client with a home of its own, where it keeps what it is told.

    :param home: a directory.
    :param address: the registry's.
    """

    #: The programs that it needs.
    components: tuple[str, ...] = ()

    #: What to call this machine where a token service is said to be: with a registry at 127.0.0.1
    #: most go for a token to the same address, and to no other of a private network.
    token_host = "127.0.0.1"

    def __init__(self, home: Path, address: str) -> None:
        self.home = home
        self.address = address

    @classmethod
    @contextmanager
    def at(cls, home: Path, address: str) -> Iterator[Client]:
        """
        Be there for a while.
        """
        for component in cls.components:
            need(component)
        yield cls(home, address)

    @abstractmethod
    def login(self, user: str, password: str, *, fails: bool = False) -> str:
        """
        Log in; return what was said.
        """

    @abstractmethod
    def logout(self) -> None:
        """
        Log out.
        """

    @abstractmethod
    def push(self, repository: str, *, fails: bool = False) -> str:
        """
        Push an image as ``repository:1``.
        """

    @abstractmethod
    def pull(self, repository: str, *, fails: bool = False) -> str:
        """
        Pull ``repository:1``, all of it.
        """

    def name(self, repository: str) -> str:
        """
        What it calls the image there.
        """
        return f"{self.address}/{repository}:1"

    def layout(self) -> Path:
        """
        The image as a directory.
        """
        there = self.home / "layout"
        return there if there.exists() else write_layout(there, IMAGE)


class Docker(Client):
    """
    docker, with an engine of its own.
    """

    components = ("docker", "dockerd")
    docker: DockerEngine

    @classmethod
    @contextmanager
    def at(cls, home: Path, address: str) -> Iterator[Client]:
        for component in cls.components:
            need(component)
        with engine(home) as docker:
            client = cls(home, address)
            client.docker = docker
            yield client

    def login(self, user: str, password: str, *, fails: bool = False) -> str:
        words = ("login", "--username", user, "--password-stdin", self.address)
        return self.docker(*words, stdin=password.encode(), fails=fails)

    def logout(self) -> None:
        self.docker("logout", self.address)

    def push(self, repository: str, *, fails: bool = False) -> str:
        self.docker.make(self.name(repository), {"hello": repository.encode()})
        return self.docker("push", self.name(repository), fails=fails)

    def pull(self, repository: str, *, fails: bool = False) -> str:
        self.docker.forget(self.name(repository))
        return self.docker("pull", self.name(repository), fails=fails)


class Podman(Client):
    """
    podman, with a storage of its own.
    """

    components = ("podman",)
    containers: Containers

    @classmethod
    @contextmanager
    def at(cls, home: Path, address: str) -> Iterator[Client]:
        for component in cls.components:
            need(component)
        with ExitStack() as stack:
            (home / "auth.json").write_text("{}")
            client = cls(home, address)
            client.containers = stack.enter_context(contextmanager(containers)(home, "vfs"))
            yield client

    @property
    def _switches(self) -> tuple[str, str]:
        return INSECURE, f"--authfile={self.home / 'auth.json'}"

    def _podman(self, command: str, *words: str, stdin: bytes = b"", fails: bool = False) -> str:
        return self.containers.run(
            "podman", command, *self._switches, *words, stdin=stdin, fails=fails
        )

    def login(self, user: str, password: str, *, fails: bool = False) -> str:
        words = ("--username", user, "--password-stdin", self.address)
        return self._podman("login", *words, stdin=password.encode(), fails=fails)

    def logout(self) -> None:
        authfile = self._switches[1]
        self.containers.run("podman", "logout", authfile, self.address)

    def push(self, repository: str, *, fails: bool = False) -> str:
        self.containers.make(self.name(repository), {"hello": repository.encode()})
        return self._podman("push", self.name(repository), fails=fails)

    def pull(self, repository: str, *, fails: bool = False) -> str:
        self.containers.forget()
        return self._podman("pull", self.name(repository), fails=fails)


class Skopeo(Client):
    """
    skopeo.
    """

    components = ("skopeo",)

    def _skopeo(self, command: str, *words: str, stdin: bytes = b"", fails: bool = False) -> str:
        environment = {"REGISTRY_AUTH_FILE": str(self.home / "auth.json")}
        whole = ("skopeo", "--insecure-policy", command, *words)
        return run(*whole, environment=environment, stdin=stdin, fails=fails)

    def login(self, user: str, password: str, *, fails: bool = False) -> str:
        words = ("--tls-verify=false", "--username", user, "--password-stdin", self.address)
        return self._skopeo("login", *words, stdin=password.encode(), fails=fails)

    def logout(self) -> None:
        self._skopeo("logout", self.address)

    def push(self, repository: str, *, fails: bool = False) -> str:
        there = f"docker://{self.name(repository)}"
        source = f"oci:{self.layout()}:latest"
        return self._skopeo("copy", "--dest-tls-verify=false", source, there, fails=fails)

    def pull(self, repository: str, *, fails: bool = False) -> str:
        there = f"docker://{self.name(repository)}"
        target = f"dir:{self.home / 'pulled'}"
        return self._skopeo("copy", "--src-tls-verify=false", there, target, fails=fails)


class Crane(Client):
    """
    crane.
    """

    components = ("crane",)

    #: It goes to no private address that isn't the registry's own, port included; a name it takes
    #: as it is.
    token_host = "localhost"

    def _crane(self, *words: str | Path, stdin: bytes = b"", fails: bool = False) -> str:
        environment = {"DOCKER_CONFIG": str(self.home)}
        return run("crane", *words, environment=environment, stdin=stdin, fails=fails)

    def login(self, user: str, password: str, *, fails: bool = False) -> str:
        # It keeps what it is told, and tries it when it is used first.
        words = ("auth", "login", "--username", user, "--password-stdin", self.address)
        said = self._crane(*words, stdin=password.encode())
        return self._crane("catalog", self.address, fails=True) if fails else said

    def logout(self) -> None:
        self._crane("auth", "logout", self.address)

    def push(self, repository: str, *, fails: bool = False) -> str:
        return self._crane("push", self.layout(), self.name(repository), fails=fails)

    def pull(self, repository: str, *, fails: bool = False) -> str:
        return self._crane("pull", self.name(repository), self.home / "pulled.tar", fails=fails)


class Oras(Client):
    """
    oras.
    """

    components = ("oras",)

    def _oras(self, command: str, *words: str, stdin: bytes = b"", fails: bool = False) -> str:
        config = f"--registry-config={self.home / 'oras.json'}"
        return run("oras", command, config, *words, directory=self.home, stdin=stdin, fails=fails)

    def login(self, user: str, password: str, *, fails: bool = False) -> str:
        words = ("--plain-http", "--username", user, "--password-stdin", self.address)
        return self._oras("login", *words, stdin=password.encode(), fails=fails)

    def logout(self) -> None:
        self._oras("logout", self.address)

    def push(self, repository: str, *, fails: bool = False) -> str:
        (self.home / "notes.txt").write_bytes(b"notes")
        words = ("--plain-http", self.name(repository), "notes.txt:text/plain")
        return self._oras("push", *words, fails=fails)

    def pull(self, repository: str, *, fails: bool = False) -> str:
        words = ("--plain-http", self.name(repository), f"--output={self.home / 'pulled'}")
        return self._oras("pull", *words, fails=fails)


CLIENTS: tuple[type[Client], ...] = (Docker, Podman, Skopeo, Crane, Oras)
"""All of them."""
