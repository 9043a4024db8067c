"""
The one table that turns exceptions into answers.

Everything else raises and never thinks of a status.  The envelope is that of the OCI
distribution specification, *Error codes*.
"""

from __future__ import annotations

from typing import Any, Final

from txregistry import errors
from txregistry.web.json import to_json

Headers = tuple[tuple[bytes, bytes], ...]

INTERNAL: Final = 500

STATUSES: Final[dict[type[Exception], int]] = {
    errors.BadRequest: 400,
    errors.BlobUnknown: 404,
    errors.BlobUploadInvalid: 400,
    errors.BlobUploadUnknown: 404,
    errors.ContentTooLarge: 413,
    errors.Denied: 403,
    errors.DigestInvalid: 400,
    errors.ExpectationFailed: 417,
    errors.HeadTooLarge: 431,
    errors.ManifestBlobUnknown: 400,
    errors.ManifestInvalid: 400,
    errors.ManifestUnknown: 404,
    errors.NameInvalid: 400,
    errors.NameUnknown: 404,
    errors.NoSpace: 507,
    errors.PaginationNumberInvalid: 400,
    errors.PreconditionFailed: 412,
    errors.RangeInvalid: 416,
    errors.RangeMalformed: 400,
    errors.RequestTimeout: 408,
    errors.RouteUnknown: 404,
    errors.SizeInvalid: 400,
    errors.StorageFull: 507,
    errors.TagInvalid: 400,
    errors.TargetTooLong: 414,
    errors.TooManyRequests: 429,
    errors.TooManyTags: 414,
    errors.Unauthorized: 401,
    errors.Unavailable: 503,
    errors.UnsatisfiableRange: 416,
    errors.Unsupported: 405,
    errors.UploadBusy: 409,
}
"""The status of each class; a class that is not here has that of its nearest ancestor."""


def status_of(error: BaseException) -> int:
    """:return: the status that an exception becomes; 500 for one that nobody foresaw."""
    for ancestor in type(error).__mro__:
        status = STATUSES.get(ancestor)
        if status is not None:
            return status
    return INTERNAL


def render_error(error: BaseException) -> tuple[int, Headers, bytes]:
    """
    Make the answer that an exception becomes.

    :return: status, header fields but for ``Content-Length``, and body.  An exception that is
        no :class:`~txregistry.errors.RegistryError` shows nothing of itself.
    """
    status = status_of(error)
    headers = ((b"Content-Type", b"application/json"), *_headers(error, status))
    return status, headers, to_json({"errors": error_entries(error)})


def error_entries(error: BaseException) -> list[dict[str, Any]]:
    """:return: what stands in the envelope of an exception's answer."""
    if isinstance(error, errors.ManifestBlobUnknown):
        return [_entry(error.code, error.message, str(digest)) for digest in error.digests]
    if isinstance(error, errors.RegistryError):
        return [_entry(error.code, error.message, error.detail)]
    return [_entry(*_hidden(error), None)]


def _hidden(error: BaseException) -> tuple[str, str]:
    """:return: code and message for what only the log may tell in full."""
    if isinstance(error, errors.NoSpace):
        return errors.StorageFull.code, errors.StorageFull.message
    if isinstance(error, errors.DriverError):
        return "UNKNOWN", "the registry's storage failed; its log says why"
    if isinstance(error, errors.CorruptLink):
        return "UNKNOWN", "the registry's storage is damaged here; its log says where"
    return "UNKNOWN", "unknown error; the registry's log says more"


def _entry(code: str, message: str, detail: Any) -> dict[str, Any]:
    entry = {"code": code, "message": message}
    if detail is not None:
        entry["detail"] = detail
    return entry


def _headers(error: BaseException, status: int) -> Headers:
    if isinstance(error, errors.MethodNotAllowed):
        return ((b"Allow", ", ".join(error.allowed).encode("ascii")),)
    if isinstance(error, errors.Unauthorized):
        return ((b"WWW-Authenticate", error.challenge.encode("utf-8")),)
    if isinstance(error, errors.UnsatisfiableRange):
        return ((b"Content-Range", b"bytes */%d" % error.size),)
    if isinstance(error, errors.Unavailable | errors.TooManyRequests) and status in (429, 503):
        return ((b"Retry-After", b"%d" % error.retry_after),)
    return ()
