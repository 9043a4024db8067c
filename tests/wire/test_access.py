"""
Who may do what: what each route and method needs, and how refusals look.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import pytest

from tests.wire.access import AccessTable, rights
from tests.wire.contents import ABSENT, OCI, Image
from tests.wire.harness import Served, request_bytes
from txregistry.deferreds import InlineThreads
from txregistry.interfaces import IRegistry
from txregistry.model.access import CATALOG, Access, Action
from txregistry.web.paths import match
from txregistry.web.routes import Limits, Operation, build_routes

IMAGE = Image.of("x")

PULL = Access(Action.PULL, "a/b")
PUSH = Access(Action.PUSH, "a/b")
DELETE = Access(Action.DELETE, "a/b")

#: Each method of each route, with the accesses that it needs.
NEEDS: list[tuple[str, str, tuple[Access, ...]]] = [
    ("GET", "v2/", ()),
    ("GET", "v2/_catalog", (CATALOG,)),
    ("GET", "v2/a/b/tags/list", (PULL,)),
    ("GET", f"v2/a/b/referrers/{ABSENT}", (PULL,)),
    ("GET", "v2/a/b/manifests/t", (PULL,)),
    ("PUT", "v2/a/b/manifests/t", (PULL, PUSH)),
    ("PUT", f"v2/a/b/manifests/{IMAGE.digest}?tag=t", (PULL, PUSH)),
    ("DELETE", "v2/a/b/manifests/t", (DELETE,)),
    ("DELETE", f"v2/a/b/manifests/{ABSENT}", (DELETE,)),
    ("GET", f"v2/a/b/blobs/{ABSENT}", (PULL,)),
    ("DELETE", f"v2/a/b/blobs/{ABSENT}", (DELETE,)),
    ("POST", "v2/a/b/blobs/uploads/", (PULL, PUSH)),
    ("POST", f"v2/a/b/blobs/uploads/?digest={ABSENT}", (PULL, PUSH)),
    ("GET", "v2/a/b/blobs/uploads/x", (PULL, PUSH)),
    ("PATCH", "v2/a/b/blobs/uploads/x", (PULL, PUSH)),
    ("PUT", f"v2/a/b/blobs/uploads/x?digest={ABSENT}", (PULL, PUSH)),
    # Who may push may also give up what he pushed.
    ("DELETE", "v2/a/b/blobs/uploads/x", (PULL, PUSH)),
]

ALL = [*NEEDS, *(("HEAD", target, needs) for method, target, needs in NEEDS if method == "GET")]


def texts(needs: Sequence[Access]) -> list[str]:
    """
    Accesses as a table of rights has them.
    """
    return [f"{each.action.value}:{each.name}" for each in needs]


@pytest.mark.parametrize(("method", "target", "needs"), ALL)
class NeedsTests:
    """
    What each method needs.
    """

    def test_asked(self, method: str, target: str, needs: tuple[Access, ...]) -> None:
        """
        Exactly that is asked for, first of all.
        """
        table = AccessTable(rights(joe=" ".join(texts(needs))))
        served = Served(controller=table)
        answer = served.ask(method, target, table.credentials("joe"))
        assert table.asked[0] == needs
        assert answer.status not in (401, 403)

    def test_not_enough(self, method: str, target: str, needs: tuple[Access, ...]) -> None:
        """
        If one of them is missing, it is refused: by 401 where a better token may be had, by 403
        where not.
        """
        for missing in needs:
            rest = " ".join(texts([each for each in needs if each != missing]))
            others = "pull:other push:other delete:other pull:a push:a pull:a/b/c delete:a"
            table = rights(joe=f"{rest} {others}")
            for bearer, status in ((True, 401), (False, 403)):
                controller = AccessTable(table, bearer)
                served = Served(controller=controller)
                answer = served.ask(method, target, controller.credentials("joe"))
                assert answer.status == status
                if method != "HEAD":
                    assert answer.codes == ["UNAUTHORIZED" if bearer else "DENIED"]

    def test_nobody(self, method: str, target: str, needs: tuple[Access, ...]) -> None:
        """
        Who doesn't say who he is gets the challenge.
        """
        for bearer in (False, True):
            served = Served(controller=AccessTable(rights(), bearer))
            answer = served.ask(method, target)
            assert answer.status == 401
            challenge = answer["WWW-Authenticate"] or ""
            assert challenge.startswith("Bearer realm=" if bearer else "Basic realm=")
            if method != "HEAD":
                assert answer.codes == ["UNAUTHORIZED"]


class RouteTableTests:
    """
    Nothing can be reached without an access.
    """

    def test_operations_need_something(self) -> None:
        """
        An operation can't be made without saying what it needs.
        """
        fields = {field.name: field for field in attrs.fields(Operation)}
        assert fields["needs"].default is attrs.NOTHING
        with pytest.raises(TypeError):
            Operation(answer=None)  # type: ignore[call-arg, arg-type]  # the point of the test

    def test_all_are_tested(self) -> None:
        """
        No method of a route is missing from the table above.
        """
        registry: IRegistry = Served().registry
        routes = build_routes(registry, InlineThreads(), Limits(), redirects=False)
        there = {
            (route.name, method.decode(), tuple(operation.needs("a/b")))
            for route in routes.values()
            for method, operation in route.operations.items()
        }
        tested = {
            (match("/" + target.partition("?")[0]).route, method, needs)
            for method, target, needs in NEEDS
        }
        assert there == tested


class RefusalTests:
    """
    How refusals look.
    """

    def test_ping(self) -> None:
        """
        The ping needs nothing but a name; its challenge has no scope and no detail.
        """
        table = AccessTable(rights(joe=""))
        served = Served(controller=table)
        answer = served.get("v2/")
        assert answer.is_error(401, "UNAUTHORIZED")
        assert answer["WWW-Authenticate"] == (
            'Bearer realm="https://auth.example/token",service="registry.example"'
        )
        assert not answer.json["errors"][0].get("detail")
        assert served.get("v2/", table.credentials("joe")).status == 200

    def test_detail(self) -> None:
        """
        The detail lists what was wanted, as distribution does.
        """
        served = Served(controller=AccessTable(rights()))
        answer = served.ask("POST", "v2/a/b/blobs/uploads/", body=b"")
        assert answer.json["errors"][0]["detail"] == [
            {"Type": "repository", "Class": "", "Name": "a/b", "Action": "pull"},
            {"Type": "repository", "Class": "", "Name": "a/b", "Action": "push"},
        ]

    def test_insufficient(self) -> None:
        """
        A token that is not enough is told so, with the scope that would be.
        """
        table = AccessTable(rights(joe="pull:a/b"))
        served = Served(controller=table)
        answer = served.ask("POST", "v2/a/b/blobs/uploads/", table.credentials("joe"), body=b"")
        challenge = answer["WWW-Authenticate"] or ""
        assert 'error="insufficient_scope"' in challenge
        assert "repository:a/b:push" in challenge

    @pytest.mark.parametrize(("method", "target", "needs"), ALL)
    def test_tells_nothing(self, method: str, target: str, needs: tuple[Access, ...]) -> None:
        """
        It is the same whether or not anything is there.
        """
        empty, full = (Served(controller=AccessTable(rights())) for _ in range(2))
        open_one = Served(driver=full.driver)
        IMAGE.push(open_one, "a/b", "t")
        open_one.push_blob("a/b", b"nobody pushed this")
        before, after = empty.ask(method, target), full.ask(method, target)
        assert (before.status, before.fields, before.body) == (
            after.status,
            after.fields,
            after.body,
        )

    def test_before_the_body(self) -> None:
        """
        It comes before the body has, so that a client can keep it to itself.
        """
        served = Served(controller=AccessTable(rights()))
        request = request_bytes("PUT", "/v2/a/manifests/t", body=IMAGE.payload)
        connection = served.connect()
        connection.send(request.removesuffix(IMAGE.payload))
        (answer,) = connection.answers()
        assert answer.is_error(401, "UNAUTHORIZED")
        connection.lose()

    def test_name_before_rights(self) -> None:
        """
        A name that is none is refused before anybody is asked about it.
        """
        table = AccessTable(rights())
        served = Served(controller=table)
        assert served.get("v2/UPPER/tags/list").is_error(400, "NAME_INVALID")
        assert table.asked == []

    def test_twice(self) -> None:
        """
        Credentials that are there twice are nobody's.
        """
        table = AccessTable(rights(joe="pull:a", ann=""))
        served = Served(controller=table)
        for first, second in (("joe", "ann"), ("ann", "joe"), ("joe", "joe")):
            both = (table.credentials(first), table.credentials(second))
            assert served.get("v2/a/tags/list", *both).is_error(400, "UNSUPPORTED")
        assert table.asked == []

    def test_rights_before_digest(self) -> None:
        """
        Rights are asked before anything else is looked at.
        """
        served = Served(controller=AccessTable(rights()))
        for method, target in (
            ("GET", "v2/a/blobs/nonsense"),
            ("GET", "v2/a/manifests/.bad"),
            ("GET", "v2/a/tags/list?n=x"),
            ("PUT", "v2/a/manifests/t"),
        ):
            assert served.ask(method, target).status == 401

    def test_actor_is_noted(self) -> None:
        """
        The log knows who it was.
        """
        table = AccessTable(rights(joe="pull:a push:a"), bearer=False)
        served = Served(controller=table)
        served.ask("POST", "v2/a/blobs/uploads/", table.credentials("joe"), body=b"")
        assert served.exchanges[-1].actor == "joe"

    def test_manifest_type(self) -> None:
        """
        A refused push stores nothing.
        """
        table = AccessTable(rights(joe="pull:a"))
        served = Served(controller=table)
        joe = table.credentials("joe")
        assert served.push_manifest("a", "t", IMAGE.payload, OCI, joe).status == 401
        assert served.get("v2/a/tags/list", joe).status == 404
