"""
``txregistry policy explain``, as an operator runs it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_cli import run

POLICIES = """
version: 0.1
storage: inmemory
policies:
  admins: root
  groups: {ci: builder}
  catalog: {users: bob}
  certificates: {user: commonname}
  rules:
    - {repositories: "**", anonymous: true, allow: pull}
    - {repositories: ci/**, groups: ci, allow: [pull, push]}
    - {repositories: ci/**, users: carol, addresses: 10.0.0.0/8, allow: [pull, push]}
    - {repositories: "*/app", authenticated: true, allow: []}
    - {repositories: ci/**, users: carol, certificate: true, allow: [pull, push, delete]}
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    """
    A configuration with a few rules.
    """
    path = tmp_path / "config.yml"
    path.write_text(POLICIES, encoding="utf-8")
    return str(path)


class ExplainTests:
    """
    What is told.
    """

    def test_everything(self, config: str) -> None:
        """
        The rule that decides, and why each of the others doesn't.
        """
        done = run("policy", "explain", "builder", "push", "ci/app", config)
        assert (done.returncode, done.stderr) == (0, "")
        closer = "does not decide: rule 2 (ci/**) does, for its pattern is the closer one"
        assert done.stdout.splitlines() == [
            "builder may push to ci/app: rule 2 (ci/**)",
            f"  rule 1 (**) {closer}",
            "  rule 2 (ci/**) decides: it allows push, pull",
            "  rule 3 (ci/**) is about something else: it doesn't name builder",
            f"  rule 4 (*/app) {closer}",
            "  rule 5 (ci/**) is about something else: it doesn't name builder",
        ]

    @pytest.mark.parametrize(
        ("question", "status", "told"),
        [
            ("- pull ci/app", 0, "the anonymous may pull from ci/app: rule 1 (**)"),
            ("anonymous delete a", 1, "the anonymous may not delete in a: rule 1 (**)"),
            ("root delete a", 0, "root may delete in a: admins"),
            ("root delete a", 0, "admins may do everything"),
            ("dave pull x/app", 1, "rule 4 (*/app) decides: it allows nothing"),
            ("carol push ci/x", 1, "rule 3 (ci/**) is about something else: it is for 10.0.0.0/8"),
            ("carol push ci/x", 1, "no address is given"),
            ("carol push ci/x --address 192.0.2.1", 1, "192.0.2.1 is in none of them"),
            ("carol push ci/x --address 10.1.2.3", 0, "rule 3 (ci/**) decides"),
            ("carol delete ci/x", 1, "rule 5 (ci/**) is about something else: it wants a cert"),
            ("- delete ci/x --certificate CN=carol,O=Example", 0, "carol may delete in ci/x"),
            ("bob list catalog", 0, "bob may list the repositories: catalog"),
            ("carol list catalog", 1, "carol may not list the repositories: catalog"),
            ("dave pull other", 0, "rule 2 (ci/**) is about something else: its patterns don't"),
        ],
    )
    def test_questions(self, config: str, question: str, status: int, told: str) -> None:
        """
        The first line says what is decided; the exit status says it too.
        """
        done = run("policy", "explain", *question.split(), config)
        assert done.returncode == status
        assert told in done.stdout

    def test_certificate_counts(self, config: str) -> None:
        """
        A certificate of somebody else counts, and that is said.
        """
        question = "bob delete ci/x --certificate CN=carol"
        done = run("policy", "explain", *question.split(), config)
        assert done.returncode == 0
        assert done.stdout.splitlines()[-1] == "  the certificate counts, which names carol"

    @pytest.mark.parametrize(
        ("question", "told"),
        [
            ("bob fetch a", "invalid choice: 'fetch'"),
            ("bob pull A", "'A' is no name of a repository"),
            ("bob pull a --address x", "'x' is no IP address"),
            ("bob pull a --certificate bob", "'bob' is no subject of a certificate"),
            ("bob pull a --certificate O=Example", "names nobody by its commonname"),
            ("bob list a", "what is listed is the catalog"),
        ],
    )
    def test_senseless(self, config: str, question: str, told: str) -> None:
        """
        A question that makes no sense is answered with why, and a status of its own.
        """
        done = run("policy", "explain", *question.split(), config)
        assert (done.returncode, done.stdout) == (2, "")
        assert told in done.stderr

    def test_none(self, tmp_path: Path) -> None:
        """
        Without policies there is nothing to explain; what is wrong with them is told.
        """
        path = tmp_path / "config.yml"
        path.write_text("version: 0.1\nstorage: inmemory\n", encoding="utf-8")
        done = run("policy", "explain", "bob", "pull", "a", str(path))
        assert (done.returncode, "has no policies" in done.stderr) == (2, True)
        path.write_text(POLICIES.replace("groups: ci", "groups: x"), encoding="utf-8")
        done = run("policy", "explain", "bob", "pull", "a", str(path))
        assert (done.returncode, "no such group" in done.stderr) == (2, True)

    def test_help(self) -> None:
        """
        The help names what can be asked.
        """
        text = run("policy", "explain", "--help").stdout
        assert all(word in text for word in ("USER", "--address", "--certificate", "anonymous"))
