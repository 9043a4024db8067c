"""
Everything that can go wrong, one class per cause.

The classes of the first half are the error codes of the OCI distribution specification
(and those that distribution added), in CamelCase.  They carry facts (a digest, a name, an
offset) and a sentence for the person who sees them; which HTTP status they become is decided
in one table, :mod:`txregistry.web.errors`.

The second half is what storage drivers raise.  A driver error never reaches a client as it
is: the storage rules turn the expected ones into facts of the registry, and the table turns
the rest into ``UNKNOWN`` or ``UNAVAILABLE``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from attrs import frozen


class TxRegistryError(Exception):
    """
    The root of every exception that this package raises on purpose.
    """


class RegistryError(TxRegistryError):
    """
    Something that a client is told in the error envelope of the OCI specification.

    :param detail: facts for the client, anything JSON can hold; ``None`` leaves it out.
    :param message: a sentence that replaces the code's own.
    """

    code: ClassVar[str] = "UNKNOWN"
    message: str = "unknown error"

    def __init__(self, detail: Any = None, message: str | None = None) -> None:
        super().__init__(message or self.message, detail)
        self.detail = detail
        if message is not None:
            self.message = message

    def __str__(self) -> str:
        return self.message if self.detail is None else f"{self.message}: {self.detail}"


class Unsupported(RegistryError):
    """The operation exists, but not here: deletes are off, or the registry is read-only."""

    code = "UNSUPPORTED"
    message = "The operation is unsupported."


class MethodNotAllowed(Unsupported):
    """
    The route is known, but not with this method.

    :param allowed: the methods that it has.
    """

    def __init__(self, allowed: Sequence[str]) -> None:
        super().__init__(message="The method is not allowed on this resource.")
        self.allowed = tuple(sorted(allowed))


class Unauthorized(RegistryError):
    """
    The requester must present (other) credentials.

    :param challenge: the value of ``WWW-Authenticate``.
    :param detail: the accesses that were wanted.
    :param actor: who it is, where that is known: his token may be good, but not for this.  The
        client isn't told.
    :param rule: what decided, where something did; the client isn't told either.
    """

    code = "UNAUTHORIZED"
    message = "authentication required"

    def __init__(self, challenge: str, detail: Any = None, actor: str = "", rule: str = "") -> None:
        super().__init__(detail)
        self.challenge = challenge
        self.actor = actor
        self.rule = rule


class Denied(RegistryError):
    """
    The requester is known and may not do this.

    :param actor: who it is; the client isn't told.
    :param rule: what decided; the client isn't told either.
    """

    code = "DENIED"
    message = "requested access to the resource is denied"

    def __init__(
        self, detail: Any = None, message: str | None = None, actor: str = "", rule: str = ""
    ) -> None:
        super().__init__(detail, message)
        self.actor = actor
        self.rule = rule


class Unavailable(RegistryError):
    """
    The registry can't do this now, but may later.

    :param retry_after: seconds after which it makes sense to ask again.
    """

    code = "UNAVAILABLE"
    message = "service unavailable"

    def __init__(
        self, detail: Any = None, message: str | None = None, retry_after: int = 5
    ) -> None:
        super().__init__(detail, message)
        self.retry_after = retry_after


class StorageFull(Unavailable):
    """The storage has no room (or no quota) left for what was sent."""

    message = "the registry's storage is full"


class TooManyRequests(RegistryError):
    """
    The requester asks too much at once.

    :param retry_after: seconds after which it makes sense to ask again.
    :param actor: who it is, where that is known; the client isn't told.
    """

    code = "TOOMANYREQUESTS"
    message = "too many requests"

    def __init__(self, detail: Any = None, retry_after: int = 5, actor: str = "") -> None:
        super().__init__(detail)
        self.retry_after = retry_after
        self.actor = actor


class DigestInvalid(RegistryError):
    """A digest is malformed, of an unknown algorithm, or not that of the content."""

    code = "DIGEST_INVALID"
    message = "provided digest did not match uploaded content"


class SizeInvalid(RegistryError):
    """A length that was announced is not the length that came."""

    code = "SIZE_INVALID"
    message = "provided length did not match content length"


class BodyInvalid(SizeInvalid):
    """The body of a request breaks off, or is not framed as HTTP wants it."""

    message = "the request body is incomplete or malformed"


class RangeInvalid(RegistryError):
    """
    A piece of an upload does not begin where the upload ends.

    :param upload: the upload as it is, whose state the answer's headers tell; ``None`` where
        there is none.
    """

    code = "RANGE_INVALID"
    message = "invalid content range"

    def __init__(self, detail: Any = None, upload: Any = None) -> None:
        super().__init__(detail)
        self.upload = upload


class UnsatisfiableRange(RegistryError):
    """
    A ``Range`` names no byte that exists, or can't be read.

    :param size: the size of the content in bytes.
    """

    code = "RANGE_INVALID"
    message = "the requested range is not satisfiable"

    def __init__(self, size: int) -> None:
        super().__init__({"size": size})
        self.size = size


class RangeMalformed(RegistryError):
    """A ``Content-Range`` that can't be read."""

    code = "RANGE_INVALID"
    message = "malformed content range"


class NameInvalid(RegistryError):
    """A repository name that breaks the grammar or is too long."""

    code = "NAME_INVALID"
    message = "invalid repository name"


class NameUnknown(RegistryError):
    """No such repository."""

    code = "NAME_UNKNOWN"
    message = "repository name not known to registry"


class TagInvalid(RegistryError):
    """A tag that breaks the grammar."""

    code = "TAG_INVALID"
    message = "invalid tag"


class ManifestUnknown(RegistryError):
    """No such manifest, or no such tag, in this repository."""

    code = "MANIFEST_UNKNOWN"
    message = "manifest unknown"


class ManifestInvalid(RegistryError):
    """A manifest that can't be accepted as it is."""

    code = "MANIFEST_INVALID"
    message = "manifest invalid"


class ManifestBlobUnknown(RegistryError):
    """
    A manifest names content that this repository doesn't have.

    :param digests: all that is missing, each of which becomes an error of its own.
    """

    code = "MANIFEST_BLOB_UNKNOWN"
    message = "blob unknown to registry"

    def __init__(self, digests: Sequence[Any]) -> None:
        super().__init__([str(digest) for digest in digests])
        self.digests = tuple(digests)


class BlobUnknown(RegistryError):
    """No such blob in this repository."""

    code = "BLOB_UNKNOWN"
    message = "blob unknown to registry"


class BlobUploadUnknown(RegistryError):
    """No such upload in this repository, or not the requester's."""

    code = "BLOB_UPLOAD_UNKNOWN"
    message = "blob upload unknown to registry"


class BlobUploadInvalid(RegistryError):
    """An upload that can't go on."""

    code = "BLOB_UPLOAD_INVALID"
    message = "blob upload invalid"


class UploadBusy(BlobUploadInvalid):
    """Somebody else is writing to this upload now."""

    message = "the upload is being written to by another request"


class PaginationNumberInvalid(RegistryError):
    """``n`` is negative, or no number."""

    code = "PAGINATION_NUMBER_INVALID"
    message = "invalid number of results requested"


class RouteUnknown(RegistryError):
    """No such path in the API."""

    code = "NAME_UNKNOWN"
    message = "no such resource in the registry API"


class BadRequest(RegistryError):
    """A request that HTTP itself forbids; the connection is closed after the answer."""

    code = "UNSUPPORTED"
    message = "malformed request"


class PreconditionFailed(RegistryError):
    """``If-Match`` or ``If-None-Match`` does not hold."""

    code = "DENIED"
    message = "a precondition of the request does not hold"


class ContentTooLarge(RegistryError):
    """
    A body is over its limit.

    :param limit: the limit in bytes.
    """

    code = "SIZE_INVALID"
    message = "the content is too large"

    def __init__(self, limit: int, detail: Any = None) -> None:
        super().__init__(detail or {"limit": limit})
        self.limit = limit


class ManifestTooLarge(ContentTooLarge):
    """A manifest is over its limit."""

    code = "MANIFEST_INVALID"
    message = "the manifest is too large"


class TooManyTags(RegistryError):
    """More ``tag`` parameters than one request may have."""

    code = "TAG_INVALID"
    message = "too many tags in one request"


class HeadTooLarge(RegistryError):
    """The head of a request is over its limit of bytes or of lines."""

    code = "UNSUPPORTED"
    message = "the request's header fields are too large"


class TargetTooLong(RegistryError):
    """The target of a request line is over the limit."""

    code = "UNSUPPORTED"
    message = "the request target is too long"


class RequestTimeout(RegistryError):
    """The client did not send the rest of its request in time."""

    code = "UNSUPPORTED"
    message = "the request was not completed in time"


class ExpectationFailed(RegistryError):
    """An ``Expect`` other than ``100-continue``."""

    code = "UNSUPPORTED"
    message = "the expectation of the request can't be met"


class ClientDisconnected(TxRegistryError):
    """The client went away before its request was read or answered: nobody is left to tell."""


class DriverError(TxRegistryError):
    """
    What a storage driver raises.

    :param driver: the driver's name; :mod:`txregistry.drivers.base` stamps it on errors that
        have none.
    """

    driver: str = ""

    def __str__(self) -> str:
        text = super().__str__()
        return f"{self.driver}: {text}" if self.driver else text


class PathNotFound(DriverError):
    """
    Nothing is stored at a path.

    :param path: the path, absolute below the driver's root.
    """

    def __init__(self, path: str) -> None:
        super().__init__(f"Path not found: {path}")
        self.path = path


class InvalidPath(DriverError):
    """
    A path is outside the alphabet of paths.

    :param path: the path as it was given.
    """

    def __init__(self, path: str) -> None:
        super().__init__(f"invalid path: {path}")
        self.path = path


class InvalidOffset(DriverError):
    """
    An offset is negative.

    :param path: the path, absolute below the driver's root.
    :param offset: the offset in bytes.
    """

    def __init__(self, path: str, offset: int) -> None:
        super().__init__(f"invalid offset: {offset} for path: {path}")
        self.path = path
        self.offset = offset


class PathBusy(DriverError):
    """
    Another writer has the path open.

    :param path: the path, absolute below the driver's root.
    """

    def __init__(self, path: str) -> None:
        super().__init__(f"path is being written to: {path}")
        self.path = path


class WriterClosed(DriverError):
    """
    A writer is used after it was closed, committed or cancelled.

    :param state: which of these it is.
    """

    def __init__(self, state: str) -> None:
        super().__init__(f"already {state}")
        self.state = state


class NoSpace(DriverError):
    """
    The storage is full, or over its quota.

    :param path: the path that was being written.
    """

    def __init__(self, path: str) -> None:
        super().__init__(f"no space left for path: {path}")
        self.path = path


class StorageFailure(DriverError):
    """
    The storage failed in a way that no caller can mend: an input/output error, a server that
    doesn't answer.

    :param path: the path that was being used.
    :param reason: what the storage said.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{reason} (path: {path})")
        self.path = path
        self.reason = reason


class ContentDamaged(StorageFailure):
    """Content is not what its digest says: something else than the registry changed it."""

    def __init__(self, path: str) -> None:
        super().__init__(path, "the content is damaged: it is not that of its digest")


class CorruptLink(TxRegistryError):
    """
    A link file does not hold a digest: the tree is damaged.

    :param path: the link's path.
    """

    def __init__(self, path: str) -> None:
        super().__init__(f"the link file {path} does not hold a digest")
        self.path = path


@frozen(kw_only=True)
class Problem:
    """
    One thing that is wrong, or odd, in the configuration.

    :param key: the key in its full length, as ``storage.filesystem.rootdirectory``; empty where
        it is the whole document.
    :param text: what is wrong with it.  It never holds the value of a secret.
    :param source: the file, or the environment variable, that it was read from.
    :param line: the line in the file, counted from 1.
    :param severity: an error keeps the registry from starting, a warning is only said.
    :param unknown: whether the key is unknown, most often a slip of the pen.
    """

    key: str = ""
    text: str
    source: str = ""
    line: int | None = None
    severity: Literal["error", "warning"] = "error"
    unknown: bool = False

    def __str__(self) -> str:
        where = f"{self.source}:{self.line}" if self.line else self.source
        return ": ".join(_one_line(part) for part in (where, self.key, self.text) if part)


def _one_line(text: str, longest: int = 300) -> str:
    """
    :return: the text without control characters, which could forge lines in a log.
    """
    cut = text if len(text) <= longest else f"{text[:longest]}…"
    return "".join(
        character
        if character.isprintable()
        else character.encode("unicode_escape", "surrogatepass").decode()
        for character in cut
    )


class ConfigurationError(TxRegistryError):
    """
    The configuration can't be used.

    :param problems: everything that is wrong; a plain text is an error that knows no key.
    """

    def __init__(self, problems: Sequence[Problem | str]) -> None:
        self.problems = tuple(
            Problem(text=problem) if isinstance(problem, str) else problem for problem in problems
        )
        super().__init__("\n".join(str(problem) for problem in self.problems))


class CannotServe(TxRegistryError):
    """
    The registry can't begin: a port is taken, or there is nowhere to write.
    """
