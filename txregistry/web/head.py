"""
The head of a request: from its bytes to its facts, or to the error that refuses it.

httptools (llhttp) splits a head into its fields and knows the methods.  It forgives more than is
safe behind a proxy that may read the same bytes in another way, so that a head has to match
:data:`HEAD` first, which is the grammar of RFC 9112 without its allowances for old clients: no
bare LF, no folded lines, no space before a colon, no control characters.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes

import httptools

from txregistry.errors import (
    BadRequest,
    ExpectationFailed,
    HeadTooLarge,
    RegistryError,
    TargetTooLong,
)
from txregistry.web.limits import Limits

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # RFC 9110 §5.6.2
_REQUEST_LINE = rb"(" + _TOKEN + rb") ([\x21-\x7e]+) HTTP/1\.([01])\r\n"  # RFC 9112 §3
_FIELD_LINE = _TOKEN + rb":[\t\x20-\x7e\x80-\xff]*\r\n"  # RFC 9112 §5, RFC 9110 §5.5

REQUEST_LINE: Final = re.compile(_REQUEST_LINE)
FIELD_LINE: Final = re.compile(_FIELD_LINE)
HEAD: Final = re.compile(_REQUEST_LINE + rb"(?:" + _FIELD_LINE + rb")*\r\n")

# What can be a host in our URLs: a name, an IPv4 address or an IPv6 address (RFC 9110 §7.2).
HOST: Final = re.compile(
    rb"(?:[0-9A-Za-z._~-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{0,5})?",
)
_ABSOLUTE: Final = re.compile(rb"(?i:https?)://([^/?#]+)([^#]*)")
_BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")

MAXIMUM_DIGITS: Final = 18
"""No body is longer than a number of so many digits."""


REMEMBERED: Final = 4096
"""How many bytes of fields are kept of a connection until its next request."""


class Head:
    """
    What the head of a request says.

    :ivar method: as it was sent.
    :ivar target: path and query, as they were sent; ``*`` in ``OPTIONS *``.
    :ivar path: the target without the query, still encoded.
    :ivar is_1_1: whether the client speaks HTTP/1.1, not 1.0.
    :ivar fields: values in their order, by name in lower case.
    :ivar chunked: whether a body comes in chunks.
    :ivar length: the length of the body in bytes, ``None`` if it is chunked.
    :ivar persistent: whether the client wants the connection to be kept.
    :ivar expects_continue: whether the client waits for 100 before it sends the body.
    """

    __slots__ = (
        "chunked",
        "expects_continue",
        "fields",
        "is_1_1",
        "length",
        "method",
        "path",
        "persistent",
        "target",
    )

    def __init__(self, method: bytes, target: bytes, is_1_1: bool) -> None:
        self.method = method
        self.target = target
        self.path = target
        self.is_1_1 = is_1_1
        self.fields: dict[bytes, list[bytes]] = {}
        self.chunked = False
        self.length: int | None = 0
        self.persistent = is_1_1
        self.expects_continue = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by httptools with each field."""
        name = name.lower()
        value = value.rstrip(b" \t")
        if name in self.fields:
            self.fields[name].append(value)
        else:
            self.fields[name] = [value]


class Heads:
    """
    Reads the heads that come over one connection.

    The fields of a request are mostly those of the one before, byte for byte.  They have been read
    then: what can't be told apart needs no second look.
    """

    __slots__ = ("_former", "_lines")

    def __init__(self) -> None:
        self._lines = b""
        self._former: Head | None = None

    def read(self, raw: bytes, limits: Limits) -> Head:
        """As :func:`parse_head`."""
        return self._read_again(raw, limits) or self._read_first(raw, limits)

    def _read_first(self, raw: bytes, limits: Limits) -> Head:
        head = parse_head(raw, limits)
        lines = raw[raw.find(b"\n") + 1 :]
        # Nobody changes the fields of such a request, as an absolute target does, which the head
        # tells no more; and what is kept of a connection is little.
        is_plain = _is_plain(head.method, raw[len(head.method) + 1 :])
        again = head.length == 0 and len(lines) <= REMEMBERED and is_plain
        self._lines, self._former = (lines, head) if again else (b"", None)
        return head

    def _read_again(self, raw: bytes, limits: Limits) -> Head | None:
        """:return: ``None`` if anything but method and target differs from the request before."""
        former = self._former
        if former is None or not raw.endswith(self._lines) or len(raw) > limits.head:
            return None
        match = REQUEST_LINE.match(raw)
        if match is None or match.end() + len(self._lines) != len(raw):
            return None
        method, target, minor = match.groups()
        if (minor == b"1") != former.is_1_1 or not _is_plain(method, target):
            return None
        head = Head(method, target, former.is_1_1)
        head.fields = former.fields
        head.persistent = former.persistent
        _check_target(head)
        return head


def _is_plain(method: bytes, target: bytes) -> bool:
    return method in (b"GET", b"HEAD") and target.startswith(b"/")


def parse_head(raw: bytes, limits: Limits) -> Head:
    """
    Read the head of a request.

    :param raw: from the request line to the empty line, both included.
    :raises BadRequest: if it is not HTTP/1.1 or 1.0, or says how long its body is in a way that
        others could understand otherwise.
    :raises HeadTooLarge: if it has too many bytes or lines.
    :raises TargetTooLong: if its first line alone has.
    :raises ExpectationFailed: if it expects something unknown.
    """
    if len(raw) > limits.head:
        raise too_large(raw, limits)
    match = HEAD.fullmatch(raw)
    if match is None:
        raise _malformed(raw)
    method, target, minor = match.groups()
    if raw.count(b"\n") - 2 > limits.headers:
        raise HeadTooLarge
    head = Head(method, target, minor == b"1")
    try:
        httptools.HttpRequestParser(head).feed_data(raw)
    except httptools.HttpParserUpgrade:
        pass  # the fields have been read; whether the upgrade matters is decided below
    except httptools.HttpParserError as error:
        raise BadRequest(str(error)) from None
    _check_target(head)
    _check_host(head)
    fields = head.fields
    if b"content-length" in fields or b"transfer-encoding" in fields:
        _check_framing(head)
    if b"connection" in fields:
        _check_connection(head)
    if b"expect" in fields:
        _check_expectation(head)
    return head


def check_beginning(raw: bytes, new: int, limits: Limits) -> None:
    """
    Refuse early what can't become a head: what is no HTTP would otherwise wait for its end in
    vain.

    :param raw: what there is of the head.
    :param new: where the part begins that has not been checked yet.
    :raises BadRequest: if it is malformed.
    :raises HeadTooLarge: if it is too long already.
    :raises TargetTooLong: if its first line alone is.
    """
    if len(raw) > limits.head:
        raise too_large(raw, limits)
    end = raw.find(b"\n", new)
    if end < 0:
        if not FIRST_BYTE.match(raw):
            raise BadRequest("this is not HTTP")
        return
    if raw.find(b"\n", 0, end) < 0 and not REQUEST_LINE.match(raw):
        raise BadRequest("malformed request line")
    while end >= 0:
        if raw[end - 1 : end] != b"\r":
            raise BadRequest("a line does not end with CRLF")
        end = raw.find(b"\n", end + 1)


FIRST_BYTE: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]|\r?\Z")


def too_large(raw: bytes, limits: Limits) -> RegistryError:
    """:return: the error for a head over its limit: is it the target, or the fields?"""
    line_end = raw.find(b"\r\n")
    if line_end < 0 or line_end > limits.head:
        return TargetTooLong()
    return HeadTooLarge()


def _malformed(raw: bytes) -> BadRequest:
    if REQUEST_LINE.match(raw):
        return BadRequest("malformed header field")
    return BadRequest("malformed request line")


def _check_target(head: Head) -> None:
    """RFC 9112 §3.2: origin form, absolute form, or the asterisk of OPTIONS."""
    target = head.target
    if not target.startswith(b"/"):
        if head.method == b"CONNECT":
            raise BadRequest("this is no proxy")
        if target == b"*" and head.method == b"OPTIONS":
            return
        absolute = _ABSOLUTE.fullmatch(target)
        if absolute is None:
            raise BadRequest("malformed request target")
        authority, target = absolute.groups()
        if not target.startswith(b"/"):
            target = b"/" + target
        if len(head.fields.get(b"host", ())) == 1:
            head.fields[b"host"] = [authority]  # §3.2.2: it replaces what Host says
        elif not HOST.fullmatch(authority):
            raise BadRequest("malformed request target")
        head.target = target
    elif b"#" in target:
        raise BadRequest("malformed request target")
    head.path = path = target.partition(b"?")[0]
    if b"%" in path:
        _check_escapes(path)


def _check_escapes(path: bytes) -> None:
    if _BAD_ESCAPE.search(path):
        raise BadRequest("the path has a malformed percent-encoding")
    try:
        unquote_to_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest("the path is not UTF-8") from None


def _check_host(head: Head) -> None:
    """RFC 9112 §3.2: exactly one Host, and one that can be one."""
    hosts = head.fields.get(b"host")
    if hosts is None:
        if head.is_1_1:
            raise BadRequest("the Host header field is missing")
        return
    if len(hosts) > 1:
        raise BadRequest("there is more than one Host header field")
    if not HOST.fullmatch(hosts[0]):
        raise BadRequest("malformed Host header field")


def _check_framing(head: Head) -> None:
    """RFC 9112 §6: where the body ends must be beyond doubt."""
    lengths = head.fields.get(b"content-length", [])
    codings = head.fields.get(b"transfer-encoding", [])
    if codings:
        if lengths:
            raise BadRequest("there are both Content-Length and Transfer-Encoding")
        if not head.is_1_1:
            raise BadRequest("HTTP/1.0 has no Transfer-Encoding")
        if len(codings) > 1 or codings[0].lower() != b"chunked":
            raise BadRequest("the only transfer coding is chunked")
        head.chunked = True
        head.length = None
    else:
        if len(lengths) > 1:
            raise BadRequest("there is more than one Content-Length")
        if not lengths[0].isdigit() or len(lengths[0]) > MAXIMUM_DIGITS:
            raise BadRequest("malformed Content-Length")
        head.length = int(lengths[0])
    if head.length != 0 and b"upgrade" in head.fields:
        raise BadRequest("a request with a body can't upgrade")


def _check_connection(head: Head) -> None:
    """RFC 9112 §9.3: close wins; HTTP/1.0 is kept only if it asks."""
    options = [
        option.strip(b" \t").lower()
        for value in head.fields[b"connection"]
        for option in value.split(b",")
    ]
    if b"close" in options:
        head.persistent = False
    elif b"keep-alive" in options:
        head.persistent = True


def _check_expectation(head: Head) -> None:
    """RFC 9110 §10.1.1: HTTP/1.0 can't expect anything."""
    if not head.is_1_1:
        return
    if [value.lower() for value in head.fields[b"expect"]] != [b"100-continue"]:
        raise ExpectationFailed
    head.expects_continue = head.length != 0
