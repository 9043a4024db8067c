"""
Manifests that aren't ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.proofs.corpus.case import (
    EMPTY,
    HOST,
    MANIFESTS,
    MIB,
    NO_ANSWER,
    OCI_IMAGE,
    OCI_INDEX,
    Case,
    case,
    head,
    request,
)


def manifests() -> Iterator[Case]:
    """
    Manifests that aren't ones.
    """

    def push(name: str, body: bytes, kind: str = OCI_IMAGE, *more: int) -> Case:
        sent = request("PUT", f"{MANIFESTS}/bad", f"Content-Type: {kind}", body=body)
        return case(f"manifest: {name}", sent, 400, *more)

    deep = 100_000
    texts = {
        "empty": b"",
        "no JSON": b"hello",
        "half": b'{"schemaVersion": 2, "config',
        "XML": b"<?xml version='1.0'?><a/>",
        "null": b"null",
        "a number": b"42",
        "a list": b"[]",
        "a string": b'"hello"',
        "an empty object": b"{}",
        "two documents": b"{}{}",
        "UTF-16": '{"schemaVersion": 2}'.encode("utf-16"),
        "no UTF-8": b'{"schemaVersion": 2, "a": "\xff\xfe"}',
        "a byte order mark": b"\xef\xbb\xbf{}",
        "deep lists": b"[" * deep + b"]" * deep,
        "deep objects": b'{"a":' * deep + b"1" + b"}" * deep,
        "deep lists, open": b"[" * deep,
        "deep, where it counts": b'{"schemaVersion":2,"config":' + b"[" * deep + b"]" * deep + b"}",
        "a number of 100,000 digits": b'{"schemaVersion": ' + b"9" * 100_000 + b"}",
        "a huge exponent": b'{"schemaVersion": 2e999999999}',
        "not a number": b'{"schemaVersion": NaN}',
        "infinity": b'{"schemaVersion": -Infinity}',
        "a million keys": b"{" + b",".join(b'"%d":0' % n for n in range(300_000)) + b"}",
        "zeros": bytes(1000),
    }
    for name, body in texts.items():
        yield push(name, body)
    for name, document in wrong_manifests():
        yield push(name, json.dumps(document).encode())
    image = json.dumps(an_image()).encode()
    doubled = image[:-1] + b', "schemaVersion": 2}'
    yield push("a key twice", doubled)
    yield push("the media type of an index", image, OCI_INDEX)
    for kind in (
        "text/html",
        "application/json",
        "",
        "x",
        "a/b/c",
        ";;;",
        "application/" + "a" * 9000,
    ):
        yield push(f"of type {kind[:40]!r}", image, kind, 415)
    sent = request("PUT", f"{MANIFESTS}/bad", body=image)
    yield case("manifest: of no type", sent, 400, 415)
    large = json.dumps({**an_image(), "annotations": {"a": "b" * 4 * MIB}}).encode()
    yield case(
        "manifest: too large",
        request("PUT", f"{MANIFESTS}/bad", f"Content-Type: {OCI_IMAGE}", body=large),
        413,
    )
    announced = head(
        f"PUT {MANIFESTS}/bad HTTP/1.1".encode(),
        HOST,
        f"Content-Type: {OCI_IMAGE}".encode(),
        b"Content-Length: 99999999999",
    )
    yield case("manifest: far too large", announced, 413)
    bomb = [f"PUT {MANIFESTS}/bad HTTP/1.1\r\n".encode() + HOST + b"\r\n"]
    bomb += [f"Content-Type: {OCI_IMAGE}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()]
    bomb += [b"100000\r\n" + b" " * MIB + b"\r\n"] * 16
    yield Case("manifest: never ends", bomb, frozenset({413, NO_ANSWER}), closes=True)


def an_image() -> dict[str, Any]:
    """
    A manifest that would be right, if what it names were there.
    """
    described = {"mediaType": "application/octet-stream", "digest": EMPTY, "size": 5}
    return {
        "schemaVersion": 2,
        "mediaType": OCI_IMAGE,
        "config": dict(described),
        "layers": [dict(described)],
    }


def wrong_manifests() -> Iterator[tuple[str, Any]]:
    """
    Manifests in which one thing is wrong.
    """
    yield "names what isn't there", an_image()
    wrong: dict[str, list[Any]] = {
        "schemaVersion": [1, 3, "2", None, 2.5, True, [], -2],
        "config": [None, [], "x", 5, {}, {"digest": "x"}],
        "layers": [None, {}, "x", 5, [None], ["x"], [[]], [{}], [{"digest": 5}]],
        "mediaType": ["text/html", 5, [], {}],
        "subject": [5, "x", [], {}, {"digest": "x"}, {"digest": 5, "size": 1}],
        "annotations": [5, "x", [], {"a": 5}, {"a": None}],
        "artifactType": [5, [], {}],
        "manifests": [[]],
    }
    for key, values in wrong.items():
        for value in values:
            yield f"{key} is {value!r}", {**an_image(), key: value}
    wrong = {
        "size": [-1, "5", None, 1.5, 10**30, True, []],
        "digest": ["", "sha256:x", 5, None, [], "sha256:" + "A" * 64, "../../etc/passwd"],
        "mediaType": [5, None, [], {}],
        "urls": [5, "x", [5], {}],
    }
    for key, values in wrong.items():
        for value in values:
            image = an_image()
            image["layers"][0][key] = value
            yield f"a layer's {key} is {value!r}", image
    image = an_image()
    del image["config"]
    yield "no config", image
    image = an_image()
    image["layers"] *= 20_000
    yield "20,000 layers", image
    image = an_image()
    image["layers"] = [
        {**image["layers"][0], "digest": f"sha256:{number:064x}"} for number in range(2000)
    ]
    yield "2,000 layers that aren't there", image
