"""
What the pages on policies, the audit log and limits say, tried out.
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.clients.wire import Wire
from tests.components.table import ROOT
from tests.conftest import MakeDaemon
from tests.proofs.people import person, push_image, write_passwords
from tests.test_cli import run
from txregistry.configuration import parse
from txregistry.model.access import Access, Action, Identity
from txregistry.service.policies import build_policy

PAGES = ROOT / "docs" / "access"
POLICIES = (PAGES / "policies.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """
    The examples of a page that are in one language.
    """
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def examples() -> list[tuple[str, str]]:
    """
    The whole configurations of the page on policies, each with the table that follows it.
    """
    parts = re.split(r"^```yaml\n", POLICIES, flags=re.MULTILINE)[1:]
    return [tuple(part.split("```\n", 1)) for part in parts if "version:" in part]


def rows(text: str) -> list[tuple[str, str, str]]:
    """
    Who, where, and what he may, as the first table says.
    """
    found = re.findall(r"^\| ([a-z][^|]*) \| `([^|]*)` \| ([^|]*)\|$", text, re.MULTILINE)
    return [(who, where, what.strip()) for who, where, what in found]


CASES = [(example, *row) for example, rest in examples() for row in rows(rest.split("\n## ")[0])]


def identity(text: str) -> Identity:
    """
    Somebody as a table names him.
    """
    found = re.fullmatch(r"(\w+)(?: from (\S+))?( with a certificate)?", text)
    assert found is not None, text
    user = "" if found[1] == "anonymous" else found[1]
    return Identity(user, found[2] or "", by_certificate=bool(found[3]))


class PoliciesTests:
    """
    The page on policies.
    """

    @pytest.mark.parametrize(("example", "who", "where", "what"), CASES)
    def test_tables(self, example: str, who: str, where: str, what: str) -> None:
        """
        Each may what the table says, by the configuration above it.
        """
        policies = parse(example, {}).configuration.policies
        assert policies is not None
        policy = build_policy(policies)
        may = [
            action
            for action in ("pull", "push", "delete")
            if policy.decide(identity(who), Access(Action(action), where)).granted
        ]
        assert ", ".join(may) == what

    def test_tables_are_read(self) -> None:
        """
        All rows of both tables were tried.
        """
        assert len(examples()) == 2
        assert len(CASES) == 17

    def test_nothing_odd(self) -> None:
        """
        Nobody who takes an example is warned of anything.
        """
        assert [parse(example, {}).warnings for example, _ in examples()] == [(), ()]

    def test_explained(self, tmp_path: Path) -> None:
        """
        The command prints what the page shows.
        """
        path = tmp_path / "config.yml"
        path.write_text(examples()[0][0], encoding="utf-8")
        [console] = blocks(POLICIES, "console")
        for part in console.split("$ ")[1:]:
            command, _, output = part.partition("\n")
            arguments = [
                str(path) if each == "config.yml" else each for each in shlex.split(command)
            ]
            assert arguments[0] == "txregistry"
            assert run(*arguments[1:]).stdout == output

    def test_example_works(self, make_daemon: MakeDaemon, tmp_path: Path) -> None:
        """
        The first example, but for its paths, is a registry in which that holds.
        """
        document: dict[str, Any] = yaml.safe_load(examples()[0][0])
        passwords = tmp_path / "htpasswd"
        write_passwords(passwords, "builder", "alice")
        document["auth"]["htpasswd"]["path"] = str(passwords)
        document["tokenserver"]["signingkey"] = str(tmp_path / "signing.pem")
        del document["storage"]
        daemon = make_daemon(configuration=document)
        builder, alice = person(daemon.host, "builder"), person(daemon.host, "alice")
        push_image(builder, "ci/app")
        image = push_image(alice, "alice/app")
        alice.request("POST", "/v2/ci/app/blobs/uploads/").expect(403)
        builder.delete(f"/v2/alice/app/manifests/{image.digest}").expect(403)
        alice.delete(f"/v2/alice/app/manifests/{image.digest}").expect(202)
        person(daemon.host).manifest("ci/app", "latest").expect(200)


class OtherPagesTests:
    """
    The pages on the audit log and on limits.
    """

    def test_audit(self, make_daemon: MakeDaemon, tmp_path: Path) -> None:
        """
        A line has the members of the page's example, and the configuration works.
        """
        page = (PAGES / "audit.md").read_text(encoding="utf-8")
        document: dict[str, Any] = yaml.safe_load(blocks(page, "yaml")[0])
        path = tmp_path / "audit.log"
        document["log"]["audit"]["path"] = str(path)
        daemon = make_daemon(configuration=document)
        Wire(daemon.host).get("/v2/a/tags/list")
        daemon.stop()
        shown = json.loads(blocks(page, "json")[0])
        told = json.loads(path.read_text().splitlines()[-1])
        assert (list(told), list(told["access"][0])) == (list(shown), list(shown["access"][0]))

    def test_limits(self, make_daemon: MakeDaemon) -> None:
        """
        The configuration works.
        """
        page = (PAGES / "limits.md").read_text(encoding="utf-8")
        document: dict[str, Any] = yaml.safe_load(blocks(page, "yaml")[0])
        del document["storage"]
        daemon = make_daemon(configuration=document)
        wire = Wire(daemon.host)
        statuses = [wire.get("/v2/").status for _ in range(700)]
        assert statuses[:500] == [200] * 500
        assert 429 in statuses
