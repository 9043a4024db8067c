"""
Real clients of a registry that is its own token server, and of one that takes the other's tokens.
By its policies everybody pulls from ``public``, Joe pushes there and to ``private``, everybody
pushes to ``open``, and that is all.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import attrs
import pytest

from tests.clients.images import Image, write_layout
from tests.clients.programs import beside, run
from tests.clients.test_containerd import CONFIGURATION
from tests.clients.test_docker import engine
from tests.clients.test_podman import INSECURE, containers
from tests.clients.wire import Answer, Headers, Wire
from tests.daemon import Daemon
from txregistry.auth.htpasswd.hashes import new_hash

IMAGE = Image.of({"hello": b"tokens"})
DENIED = re.compile(
    r"denied|unauthori[sz]ed|authentication required|invalid username/password"
    r"|authorization failed|401|403",
    re.IGNORECASE,
)


@attrs.frozen
class KnownWire(Wire):
    """
    A client that gets a token for Joe with each request.

    :param server: where tokens are to be had.
    """

    server: str

    def request(
        self,
        method: str,
        target: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: Headers = (),
    ) -> Answer:
        """
        Send one request with it.
        """
        found = re.match(r"/v2/(.+)/(?:blobs|manifests|tags)/", target)
        assert found is not None
        joe = {"Authorization": "Basic " + b64encode(b"joe:secret").decode()}
        asked = f"/auth/token?scope=repository:{found[1]}:pull,push"
        token = Wire(self.server).get(asked, joe).expect(200).json()["token"]
        lines = headers.items() if isinstance(headers, Mapping) else headers
        shown = ("Authorization", f"Bearer {token}")
        return super().request(method, target, body, [*lines, shown])


@attrs.frozen
class Registry:
    """
    A registry of these tests.

    :param server: where its tokens are to be had.
    """

    daemon: Daemon
    server: Daemon

    @property
    def address(self) -> str:
        """
        Host and port.
        """
        return self.daemon.host

    @property
    def wire(self) -> KnownWire:
        """
        A client that may do everything that Joe may.
        """
        return KnownWire(self.address, self.server.host)

    def name(self, repository: str, tag: str = "1") -> str:
        """
        What most clients call an image.
        """
        return f"{self.address}/{repository}:{tag}"


def token_server(home: Path) -> Daemon:
    """
    A registry that issues its tokens itself.
    """
    (home / "htpasswd").write_bytes(b"joe:" + new_hash(b"secret", 5) + b"\n")
    rules = [
        {"repositories": "public/**", "anonymous": True, "allow": "pull"},
        {"repositories": "public/**", "users": "joe", "allow": ["pull", "push"]},
        {"repositories": "private/**", "users": "joe", "allow": ["pull", "push", "delete"]},
        {"repositories": "open/**", "anonymous": True, "allow": ["pull", "push"]},
    ]
    return Daemon(
        home / "server",
        configuration={
            "auth": {"htpasswd": {"realm": "here", "path": str(home / "htpasswd")}},
            "tokenserver": {"signingkey": str(home / "key.pem")},
            "policies": {"catalog": {"authenticated": True}, "rules": rules},
        },
    )


def other_registry(home: Path, server: Daemon, host: str = "127.0.0.1") -> Daemon:
    """
    A registry that takes another one's tokens, and gets the keys from there.

    :param host: what it calls this machine, where it tells where tokens are to be had.
    """
    names = {"issuer": "txregistry", "service": "txregistry"}
    realm = f"http://{host}:{server.port}/auth/token"
    where = {"realm": realm, "jwks": f"{server.url}/auth/jwks"}
    return Daemon(home / "other", configuration={"auth": {"token": {**names, **where}}})


def filled(registry: Registry) -> Registry:
    """
    With an image in ``public/image`` and ``private/image``.
    """
    for repository in ("public/image", "private/image"):
        IMAGE.push(registry.wire, repository, "1")
    return registry


@pytest.fixture(scope="module", params=["own tokens", "another's tokens"])
def registry(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Registry]:
    """
    Both of them, with images.
    """
    home = tmp_path_factory.mktemp("tokens")
    server = token_server(home).start()
    own = request.param == "own tokens"
    daemon = server if own else other_registry(home, server).start()
    try:
        yield filled(Registry(daemon, server))
    finally:
        daemon.stop()
        server.stop()
    assert not daemon.troubles() + server.troubles(), daemon.log() + server.log()


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    """
    An image to push.
    """
    return write_layout(tmp_path / "layout", IMAGE)


def refused(said: str) -> None:
    """
    See that a client was refused for want of rights, and for nothing else.
    """
    assert DENIED.search(said), said


Commands = Callable[..., str]


def whole_story(
    registry: Registry,
    client: str,
    *,
    login: Callable[[str], object],
    logout: Callable[[], object],
    push: Commands,
    pull: Commands,
) -> None:
    """
    A client pulls and pushes as nobody, logs in, pushes, pulls, is denied, and logs out.

    :param login: is given a password; must fail if ``fails``.
    :param push: is given a name; must fail if ``fails``.
    :param pull: the same.
    """
    ours = f"private/{client}"
    pull(registry.name("public/image"))
    refused(pull(registry.name("private/image"), fails=True))
    refused(push(registry.name(f"public/{client}"), fails=True))
    push(registry.name(f"open/{client}"))
    pull(registry.name(f"open/{client}"))

    login("secret")
    push(registry.name(ours))
    push(registry.name(f"public/{client}"))
    push(registry.name(f"open/{client}-known"))
    assert registry.wire.manifest(ours, "1").status == 200
    pull(registry.name(ours))
    pull(registry.name("private/image"))
    refused(push(registry.name(f"other/{client}"), fails=True))
    refused(pull(registry.name(f"other/{client}"), fails=True))

    logout()
    refused(pull(registry.name(ours), fails=True))
    pull(registry.name(f"public/{client}"))


@pytest.mark.component("skopeo")
def test_skopeo(registry: Registry, layout: Path, tmp_path: Path) -> None:
    """
    skopeo.
    """
    auth = f"--authfile={tmp_path / 'auth.json'}"

    def skopeo(*words: str | Path, fails: bool = False) -> str:
        return run("skopeo", "--insecure-policy", *words, fails=fails)

    def login(password: str, fails: bool = False) -> str:
        who = ("--username=joe", f"--password={password}")
        return skopeo("login", INSECURE, auth, *who, registry.address, fails=fails)

    def pull(name: str, fails: bool = False) -> str:
        out = f"dir:{tmp_path / 'out'}"
        return skopeo("copy", auth, "--src-tls-verify=false", f"docker://{name}", out, fails=fails)

    def push(name: str, fails: bool = False) -> str:
        here = f"oci:{layout}:latest"
        return skopeo(
            "copy", auth, "--dest-tls-verify=false", here, f"docker://{name}", fails=fails
        )

    (tmp_path / "auth.json").write_text("{}")
    refused(login("wrong", fails=True))
    whole_story(
        registry,
        "skopeo",
        login=login,
        logout=lambda: skopeo("logout", auth, registry.address),
        push=push,
        pull=pull,
    )


@pytest.mark.component("podman")
def test_podman(registry: Registry, tmp_path: Path) -> None:
    """
    podman.
    """
    auth = f"--authfile={tmp_path / 'auth.json'}"
    (tmp_path / "auth.json").write_text("{}")
    for vfs in containers(tmp_path, "vfs"):
        vfs.make("made", {"hello": b"podman"})

        def podman(*words: str, fails: bool = False, vfs: object = vfs) -> str:
            return vfs.run("podman", *words, fails=fails)  # type: ignore[attr-defined,no-any-return]

        def login(password: str, fails: bool = False) -> str:
            who = ("--username=joe", f"--password={password}")
            return podman("login", INSECURE, auth, *who, registry.address, fails=fails)

        def pull(name: str, fails: bool = False) -> str:
            return podman("pull", INSECURE, auth, name, fails=fails)

        def push(name: str, fails: bool = False) -> str:
            return podman("push", INSECURE, auth, "made", name, fails=fails)

        refused(login("wrong", fails=True))
        whole_story(
            registry,
            "podman",
            login=login,
            logout=lambda: podman("logout", auth, registry.address),
            push=push,
            pull=pull,
        )


@pytest.mark.component("crane")
def test_crane(registry: Registry, layout: Path, tmp_path: Path) -> None:
    """
    crane.
    """
    if registry.daemon is registry.server:
        crane_story(registry, layout, tmp_path)
        return
    # Of private addresses it goes to the registry's own only for a token; but it goes by names.
    said = run("crane", "pull", registry.name("public/image"), tmp_path / "out", fails=True)
    assert "private or link-local address" in said
    named = other_registry(tmp_path, registry.server, "localhost").start()
    try:
        made = filled(Registry(named, registry.server))
        crane_story(made, layout, tmp_path)
    finally:
        named.stop()


def crane_story(registry: Registry, layout: Path, home: Path) -> None:
    """
    crane, at some registry.
    """
    environment = {"DOCKER_CONFIG": str(home / "config")}

    def crane(*words: str | Path, fails: bool = False) -> str:
        return run("crane", *words, environment=environment, fails=fails)

    def login(password: str) -> str:
        return crane("auth", "login", registry.address, "-u", "joe", "-p", password)

    whole_story(
        registry,
        "crane",
        login=login,
        logout=lambda: crane("auth", "logout", registry.address),
        push=lambda name, fails=False: crane("push", layout, name, fails=fails),
        pull=lambda name, fails=False: crane("pull", name, home / "out.tar", fails=fails),
    )


@pytest.mark.component("oras")
def test_oras(registry: Registry, tmp_path: Path) -> None:
    """
    oras.
    """
    config = f"--registry-config={tmp_path / 'config.json'}"
    (tmp_path / "notes.txt").write_bytes(b"notes")

    def oras(*words: str, fails: bool = False) -> str:
        plain = () if words[0] == "logout" else ("--plain-http",)
        return run("oras", *words, config, *plain, directory=tmp_path, fails=fails)

    def login(password: str, fails: bool = False) -> str:
        who = ("--username=joe", f"--password={password}")
        return oras("login", *who, registry.address, fails=fails)

    def pull(name: str, fails: bool = False) -> str:
        return oras("pull", "--output=out", name, fails=fails)

    refused(login("wrong", fails=True))
    whole_story(
        registry,
        "oras",
        login=login,
        logout=lambda: oras("logout", registry.address),
        push=lambda name, fails=False: oras("push", name, "notes.txt", fails=fails),
        pull=pull,
    )


@pytest.mark.component("docker")
@pytest.mark.component("dockerd")
def test_docker(registry: Registry, tmp_path: Path) -> None:
    """
    docker, which logs in once: from then on it has a token in the place of the password.
    """
    with engine(tmp_path) as docker:
        docker.make("made", {"hello": b"docker"})

        def login(password: str, fails: bool = False) -> str:
            who = ("--username=joe", f"--password={password}")
            return docker("login", *who, registry.address, fails=fails)

        def push(name: str, fails: bool = False) -> str:
            docker("tag", "made", name)
            return docker("push", name, fails=fails)

        def logout() -> str:
            entry = json.loads((tmp_path / "client" / "config.json").read_text())
            kept = entry["auths"][registry.address]
            assert kept["identitytoken"]
            assert "secret" not in json.dumps(kept)
            return docker("logout", registry.address)

        refused(login("wrong", fails=True))
        whole_story(
            registry,
            "docker",
            login=login,
            logout=logout,
            push=push,
            pull=lambda name, fails=False: docker("pull", name, fails=fails),
        )


@pytest.mark.component("containerd")
@pytest.mark.component("ctr")
def test_containerd(registry: Registry, tmp_path: Path) -> None:
    """
    containerd.
    """
    (tmp_path / "config.toml").write_text(CONFIGURATION.format(home=tmp_path))
    socket = tmp_path / "socket"
    who: list[str] = []

    def ctr(*words: str, fails: bool = False) -> str:
        command, *rest = words
        options = ["--plain-http", *who] if command in ("pull", "push") else []
        images = ("ctr", f"--address={socket}", "images")
        return run(*images, command, *options, *rest, fails=fails)

    def push(name: str, fails: bool = False) -> str:
        ctr("tag", "--force", registry.name("public/image"), name)
        return ctr("push", name, fails=fails)

    command = ("containerd", f"--config={tmp_path / 'config.toml'}")
    with beside(*command, log=tmp_path / "log", ready=socket.exists):
        whole_story(
            registry,
            "containerd",
            login=lambda password: who.append(f"--user=joe:{password}"),
            logout=who.clear,
            push=push,
            pull=lambda name, fails=False: ctr("pull", "--snapshotter=native", name, fails=fails),
        )
