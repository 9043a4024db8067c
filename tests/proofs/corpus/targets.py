"""
Names, digests, queries, ranges and methods that aren't ones.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.proofs.corpus.case import (
    BLOBS,
    EMPTY,
    MANIFESTS,
    OCI_IMAGE,
    REPOSITORY,
    Case,
    case,
    request,
)


def names() -> Iterator[Case]:
    """
    Repository names and paths that aren't ones.
    """
    bad = [
        "UPPER", "a/B", "-a", "a-", "_a", "a_", ".a", "a.", "a..b", "a___b", "a._b", "a/-b", "a+b",
        "a%20b", "a%00b", "%ff", "%c0%af", "a%0d%0ab", "a%3bb", "a%5cb", "%E2%98%83", "a:b:c",
        "a@b", "a*", "a%2fB", "~root", "a'b", "a%22b", "a%7fb", "a%25b", "a/" * 130 + "a",
        "a" * 256,
    ]  # fmt: skip
    for name in bad:
        sent = request("GET", f"/v2/{name}/tags/list")
        codes = ["NAME_INVALID", "NAME_UNKNOWN", "UNSUPPORTED"]
        yield case(f"name: {name[:40]}", sent, 400, 404, codes=codes)
    yield case("name: long", request("GET", f"/v2/{'a' * 256}/tags/list"), 400)
    sent = request("POST", f"/v2/{'b' * 5000}/blobs/uploads/", body=b"")
    yield case("name: very long", sent, 400)
    paths = [
        "/v2//tags/list", "/v2/a//b/tags/list", "/v2/a/../b/tags/list", "/v2/./a/tags/list",
        "/v2/../v2/a/tags/list", "/v2/..%2f..%2fetc/passwd", "/v2/%2e%2e/a/tags/list",
        "/v2/a/tags/list/", "/v2/a/tags", "/v2/a/blobs", "/v2/a/blobs/", "/v2/a/manifests/",
        "/v2/a/manifests/b/c", "/v2/a/referrers", "/v2/a/referrers/", "/v2/tags/list", "/v2/a",
        "/v2/_catalog/x", "/v2/_other", "/v2/a/_layers/sha256", "/v2/a/unknown/b", "/v2x",
        "/v2/%", "/v2/%zz", "/v2/a%2", "/v1/", "/v3/", "/v2/a/blobs/uploads/x/y",
    ]  # fmt: skip
    for path in paths:
        yield case(f"path: {path}", request("GET", path), 400, 404)


def digests() -> Iterator[Case]:
    """
    Digests that aren't ones.
    """
    bad = [
        "sha256:abc", "sha256:" + "g" * 64, "sha256:" + "A" * 64, "sha256:" + "a" * 63,
        "sha256:" + "a" * 65, "sha256:", "md5:" + "a" * 32, "sha1:" + "a" * 40,
        "sha512:" + "a" * 64,
        "SHA256:" + "a" * 64, "sha256:sha256:" + "a" * 64, "sha256:" + "a" * 5000,
        "sha256%00:" + "a" * 64, "a+b:" + "c" * 64, ":" + "a" * 64, "sha256:..%2f..%2fetc%2fpasswd",
    ]  # fmt: skip
    for digest in bad:
        for kind in ("blobs", "manifests", "referrers"):
            sent = request("GET", f"{REPOSITORY}/{kind}/{digest}")
            yield case(f"digest: {kind} {digest[:40]}", sent, 400, 404)
        sent = request("DELETE", f"{BLOBS}/{digest}")
        yield case(f"digest: delete {digest[:40]}", sent, 400, 404)
        sent = request("PUT", f"{{upload}}?digest={digest}", body=b"")
        yield case(f"digest: commit {digest[:40]}", sent, 400, codes=["DIGEST_INVALID"])
    sent = request("PUT", "{upload}", body=b"")
    yield case("digest: commit without", sent, 400, codes=["DIGEST_INVALID"])
    for tag in (".bad", "-bad", "a" * 129, "a%20b", "a%00b", "%ff", "a,b", "a%0d%0ab"):
        sent = request("PUT", f"{MANIFESTS}/{tag}", f"Content-Type: {OCI_IMAGE}", body=b"{}")
        yield case(f"tag: push {tag[:40]}", sent, 400, 404)
        yield case(f"tag: pull {tag[:40]}", request("GET", f"{MANIFESTS}/{tag}"), 400, 404)
    for upload in ("x", "..", "%2e%2e", "a" * 5000, "00000000-0000-4000-8000-000000000000", "%00"):
        for method in ("GET", "PATCH", "PUT", "DELETE"):
            sent = request(method, f"{BLOBS}/uploads/{upload}?digest={EMPTY}", body=b"")
            yield case(f"upload: {method} {upload[:40]}", sent, 400, 404)


def queries() -> Iterator[Case]:
    """
    Query strings that nobody means.
    """
    for kind in (f"{REPOSITORY}/tags/list", "/v2/_catalog"):
        for number in (
            "-1",
            "abc",
            "1.5",
            "1e3",
            "0x5",
            "+",
            "\0",
            "\uff11",
            "1,2",
            "\u0663",
            "--1",
            "1_0",
        ):
            sent = request("GET", f"{kind}?n={percent(number)}")
            codes = ["PAGINATION_NUMBER_INVALID"]
            yield case(f"query: n={number} of {kind}", sent, 400, codes=codes)
        for query in ("n=" + "9" * 40, "n=1&n=x", "last=%ff%fe", "last=%00", "last=" + "a" * 9000):
            yield case(
                f"query: {query[:40]} of {kind}", request("GET", f"{kind}?{query}"), 200, 400
            )
    odd = [
        "?",
        "??",
        "&&&==&=&",
        "a" * 60_000,
        "a=b&" * 10_000,
        "%",
        "%zz=%zz",
        ";;;",
        "a[]=b",
        "=" * 5000,
    ]
    for query in odd:
        yield case(f"query: {query[:40]}", request("GET", f"/v2/?{query}"), 200, 400, 414)
    for query in (
        "mount=bad&from=bad/requests", f"mount={EMPTY}&from=BAD", f"mount={EMPTY}&from=..%2f..",
        "digest=bad", "digest-algorithm=md5", f"digest={EMPTY}&digest={EMPTY}", "mount=&from=",
    ):  # fmt: skip
        sent = request("POST", f"{BLOBS}/uploads/?{query}", body=b"")
        yield case(f"query: POST {query[:40]}", sent, 202, 400)
    tags = "&".join(f"tag=t{number}" for number in range(101))
    sent = request("PUT", f"{MANIFESTS}/{EMPTY}?{tags}", f"Content-Type: {OCI_IMAGE}", body=b"{}")
    yield case("query: 101 tags", sent, 400, 414)
    sent = request("GET", f"{REPOSITORY}/referrers/{EMPTY}?artifactType={'a%2f' * 9000}")
    yield case("query: a long filter", sent, 200, 400, 414)


def percent(text: str) -> str:
    """
    Write all of a text in escapes.
    """
    return "".join(f"%{byte:02x}" for byte in text.encode())


def ranges() -> Iterator[Case]:
    """
    Ranges that aren't ones: ignored, cut or refused, but never believed.
    """
    for value in (
        "bytes=5-2", "bytes=1000-", "bytes=1000-2000", "bytes=-0", "bytes=" + "9" * 40 + "-",
    ):  # fmt: skip
        sent = request("GET", f"{BLOBS}/{{digest}}", f"Range: {value}")
        yield case(f"range: {value[:40]}", sent, 416)
    for value in (
        "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=1", "bytes=0-1,", "bytes=,", "bits=0-1",
        "bytes=--1", "bytes=0--1", "bytes 0-1", "bytes=0-" + "9" * 40, "bytes=+1-2", "bytes=0x1-2",
        "bytes=" + ",".join(["0-0"] * 10_000), "bytes=" + ",".join(["0-"] * 1000),
        "bytes=-" + "9" * 40,
    ):  # fmt: skip
        sent = request("GET", f"{BLOBS}/{{digest}}", f"Range: {value}")
        yield case(f"range: {value[:40]}", sent, 200, 206, 400, 416)
    for value in (
        "x", "5-2", "-1-5", "bytes", "0-", "-5", "1-2-3", "0x0-0x5", "bytes */5",
        "0-" + "9" * 40, "9" * 40 + "-" + "9" * 41, "a-b", "0 - 4",
    ):  # fmt: skip
        sent = request("PATCH", "{upload}", f"Content-Range: {value}", body=b"hello")
        yield case(f"content range: {value[:40]}", sent, 400, 416)
    for value in ("bytes=0-4", "bytes 0-4", "0-4/2"):
        sent = request("PATCH", "{upload}", f"Content-Range: {value}", body=b"hello")
        yield case(f"content range: {value}", sent, 202, 400)
    sent = request("PATCH", "{upload}", "Content-Range: 0-9", body=b"hello")
    yield case("content range: not the length", sent, 400, codes=["SIZE_INVALID"])
    for line in (
        "If-None-Match: " + '"a", ' * 5000, 'If-None-Match: "', "If-Match: W/", 'If-Range: "',
        "If-Match: ,",
    ):  # fmt: skip
        sent = request("GET", f"{BLOBS}/{{digest}}", line, "Range: bytes=0-1")
        yield case(f"condition: {line[:40]}", sent, 200, 206, 304, 400, 412)
    accept = "Accept: " + "a/b;q=0.1, " * 5000
    yield case("accept: 5,000 types", request("GET", f"{MANIFESTS}/{{image}}", accept), 200)
    sent = request("GET", f"{MANIFESTS}/{{image}}", "Accept: ;;;,,,q=,*/*/*")
    yield case("accept: nonsense", sent, 200)
    for value in ("Basic", "Basic ====", "Bearer " + "a" * 20_000, "x" * 5000, "Basic \xff"):
        sent = request("GET", "/v2/", f"Authorization: {value}".encode("latin-1"))
        yield case(f"authorization: {value[:40]}", sent, 200, 400, 401)


def methods() -> Iterator[Case]:
    """
    Methods where they aren't known.
    """
    for method, path in (
        ("POST", f"{MANIFESTS}/a"), ("PATCH", f"{MANIFESTS}/a"), ("PUT", f"{BLOBS}/{EMPTY}"),
        ("POST", f"{BLOBS}/{EMPTY}"), ("DELETE", f"{REPOSITORY}/tags/list"),
        ("PUT", "/v2/_catalog"), ("DELETE", f"{REPOSITORY}/referrers/{EMPTY}"),
        ("TRACE", "/v2/"), ("PROPFIND", "/v2/_catalog"), ("MKCOL", f"{MANIFESTS}/a"),
    ):  # fmt: skip
        sent = request(method, path, body=b"")
        yield case(f"method: {method} {path[:40]}", sent, 405, codes=["UNSUPPORTED"])
