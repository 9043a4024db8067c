"""
The table that turns exceptions into answers.
"""

from __future__ import annotations

import inspect
import json
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError

from txregistry import errors
from txregistry.model.access import Access, Action, records
from txregistry.model.digest import Digest
from txregistry.web.errors import INTERNAL, STATUSES, error_entries, render_error, status_of
from txregistry.web.json import to_json

E = TypeVar("E", bound=Exception)

DIGEST = Digest.of(b"")

#: Every error that a client may be told, with the code and status of its answer.
TOLD: list[tuple[errors.RegistryError, str, int]] = [
    (errors.BadRequest(), "UNSUPPORTED", 400),
    (errors.BlobUnknown(str(DIGEST)), "BLOB_UNKNOWN", 404),
    (errors.BlobUploadInvalid(), "BLOB_UPLOAD_INVALID", 400),
    (errors.BlobUploadUnknown(), "BLOB_UPLOAD_UNKNOWN", 404),
    (errors.BodyInvalid(), "SIZE_INVALID", 400),
    (errors.ContentTooLarge(5), "SIZE_INVALID", 413),
    (errors.Denied(), "DENIED", 403),
    (errors.DigestInvalid(), "DIGEST_INVALID", 400),
    (errors.ExpectationFailed(), "UNSUPPORTED", 417),
    (errors.HeadTooLarge(), "UNSUPPORTED", 431),
    (errors.ManifestBlobUnknown([DIGEST]), "MANIFEST_BLOB_UNKNOWN", 400),
    (errors.ManifestInvalid(), "MANIFEST_INVALID", 400),
    (errors.ManifestTooLarge(5), "MANIFEST_INVALID", 413),
    (errors.ManifestUnknown(), "MANIFEST_UNKNOWN", 404),
    (errors.MethodNotAllowed(["GET"]), "UNSUPPORTED", 405),
    (errors.NameInvalid(), "NAME_INVALID", 400),
    (errors.NameUnknown(), "NAME_UNKNOWN", 404),
    (errors.PaginationNumberInvalid(), "PAGINATION_NUMBER_INVALID", 400),
    (errors.PreconditionFailed(), "DENIED", 412),
    (errors.RangeInvalid(), "RANGE_INVALID", 416),
    (errors.RangeMalformed(), "RANGE_INVALID", 400),
    (errors.RequestTimeout(), "UNSUPPORTED", 408),
    (errors.RouteUnknown(), "NAME_UNKNOWN", 404),
    (errors.SizeInvalid(), "SIZE_INVALID", 400),
    (errors.StorageFull(), "UNAVAILABLE", 507),
    (errors.TagInvalid(), "TAG_INVALID", 400),
    (errors.TargetTooLong(), "UNSUPPORTED", 414),
    (errors.TooManyRequests(), "TOOMANYREQUESTS", 429),
    (errors.TooManyTags(), "TAG_INVALID", 414),
    (errors.Unauthorized("Basic"), "UNAUTHORIZED", 401),
    (errors.Unavailable(), "UNAVAILABLE", 503),
    (errors.UnsatisfiableRange(5), "RANGE_INVALID", 416),
    (errors.Unsupported(), "UNSUPPORTED", 405),
    (errors.UploadBusy(), "BLOB_UPLOAD_INVALID", 409),
]

#: The codes of the OCI distribution specification, and what distribution added.
CODES = {
    "BLOB_UNKNOWN",
    "BLOB_UPLOAD_INVALID",
    "BLOB_UPLOAD_UNKNOWN",
    "DIGEST_INVALID",
    "MANIFEST_BLOB_UNKNOWN",
    "MANIFEST_INVALID",
    "MANIFEST_UNKNOWN",
    "NAME_INVALID",
    "NAME_UNKNOWN",
    "SIZE_INVALID",
    "UNAUTHORIZED",
    "DENIED",
    "UNSUPPORTED",
    "TOOMANYREQUESTS",
    "RANGE_INVALID",
    "TAG_INVALID",
    "PAGINATION_NUMBER_INVALID",
    "UNAVAILABLE",
    "UNKNOWN",
}


def of_errors(base: type[E]) -> set[type[E]]:
    """
    The classes of ``errors.py`` below another.
    """
    return {
        value
        for value in vars(errors).values()
        if inspect.isclass(value) and issubclass(value, base) and value is not base
    }


def body_of(error: BaseException) -> Any:
    """
    What a client is told.
    """
    return json.loads(render_error(error)[2])


class StatusTests:
    """
    Which status an error becomes.
    """

    @pytest.mark.parametrize(
        ("error", "code", "status"), TOLD, ids=[type(error).__name__ for error, _, _ in TOLD]
    )
    def test_each(self, error: errors.RegistryError, code: str, status: int) -> None:
        """
        Every error has its status and its code, and a sentence for people.
        """
        assert status_of(error) == status
        for entry in body_of(error)["errors"]:
            assert entry["code"] == code
            assert entry["message"]

    def test_none_is_forgotten(self) -> None:
        """
        Every class that a client may be told of is in the table, itself or by an ancestor, and
        among those tested here.
        """
        all_told = of_errors(errors.RegistryError)
        assert {type(error) for error, _, _ in TOLD} == all_told
        for each in all_told:
            assert any(ancestor in STATUSES for ancestor in each.__mro__), each

    def test_codes(self) -> None:
        """
        There are no codes but those that clients know.
        """
        assert {each.code for each in of_errors(errors.RegistryError)} <= CODES

    @pytest.mark.parametrize(
        ("error", "status"),
        [
            (errors.NoSpace("/secret/path"), 507),
            (errors.StorageFailure("/secret/path", "EIO"), 500),
            (errors.PathNotFound("/secret/path"), 500),
            (errors.CorruptLink("/secret/path"), 500),
            (errors.RegistryError(), 500),
            (RuntimeError("secret"), 500),
            (CancelledError(), 500),
            (MemoryError(), 500),
        ],
    )
    def test_others(self, error: Exception, status: int) -> None:
        """
        What is the registry's own fault is 5xx.
        """
        assert status_of(error) == status
        assert status >= INTERNAL


class EnvelopeTests:
    """
    What stands in the answer.
    """

    def test_shape(self) -> None:
        """
        The envelope is compact JSON with a newline at its end, as distribution writes it.
        """
        status, headers, body = render_error(errors.BlobUnknown("sha256:abc"))
        assert status == 404
        assert headers == ((b"Content-Type", b"application/json"),)
        assert body == (
            b'{"errors":[{"code":"BLOB_UNKNOWN","message":"blob unknown to registry",'
            b'"detail":"sha256:abc"}]}\n'
        )

    def test_no_detail(self) -> None:
        """
        Without facts there is no detail.
        """
        assert body_of(errors.Denied()) == {
            "errors": [{"code": "DENIED", "message": "requested access to the resource is denied"}]
        }

    def test_own_message(self) -> None:
        """
        An error may say it in its own words.
        """
        entry = body_of(errors.Unsupported(message="deletes are off"))["errors"][0]
        assert entry == {"code": "UNSUPPORTED", "message": "deletes are off"}

    def test_one_for_each_missing_blob(self) -> None:
        """
        A manifest whose content is missing becomes one error per digest.
        """
        missing = [Digest.of(b"a"), Digest.of(b"b", "sha512")]
        entries = body_of(errors.ManifestBlobUnknown(missing))["errors"]
        assert [entry["detail"] for entry in entries] == [str(digest) for digest in missing]
        assert {entry["code"] for entry in entries} == {"MANIFEST_BLOB_UNKNOWN"}

    @pytest.mark.parametrize(
        "error",
        [
            RuntimeError("secret"),
            KeyError("secret"),
            errors.StorageFailure("/secret", "secret"),
            errors.NoSpace("/secret"),
            errors.PathNotFound("/secret"),
            errors.InvalidPath("/secret"),
            errors.CorruptLink("/secret"),
            errors.ConfigurationError(["secret"]),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_nothing_of_the_inside(self, error: Exception) -> None:
        """
        Of what went wrong inside a client sees a code and a general sentence.
        """
        try:
            raise error
        except Exception as raised:  # noqa: BLE001 - whatever it is, with its traceback
            _, _, body = render_error(raised)
        assert b"secret" not in body
        assert b"Traceback" not in body
        (entry,) = json.loads(body)["errors"]
        assert set(entry) == {"code", "message"}
        assert entry["code"] in CODES
        assert error_entries(error) == [entry]

    def test_facts_that_are_no_text(self) -> None:
        """
        Details are JSON: maps and lists stay what they are.
        """
        wanted = records([Access(Action.PULL, "a"), Access(Action.PUSH, "a")])
        (entry,) = body_of(errors.Unauthorized("Basic", wanted))["errors"]
        assert entry["detail"] == [
            {"Type": "repository", "Class": "", "Name": "a", "Action": "pull"},
            {"Type": "repository", "Class": "", "Name": "a", "Action": "push"},
        ]


class FieldsTests:
    """
    Header fields of errors.
    """

    @pytest.mark.parametrize(
        ("error", "field"),
        [
            (errors.MethodNotAllowed(["PUT", "GET", "HEAD"]), (b"Allow", b"GET, HEAD, PUT")),
            (errors.Unauthorized('Basic realm="x"'), (b"WWW-Authenticate", b'Basic realm="x"')),
            (errors.UnsatisfiableRange(7), (b"Content-Range", b"bytes */7")),
            (errors.Unavailable(retry_after=9), (b"Retry-After", b"9")),
            (errors.TooManyRequests(retry_after=3), (b"Retry-After", b"3")),
        ],
    )
    def test_own_field(self, error: Exception, field: tuple[bytes, bytes]) -> None:
        """
        Some statuses want a field of their own.
        """
        assert render_error(error)[1] == ((b"Content-Type", b"application/json"), field)

    def test_full_storage(self) -> None:
        """
        Nobody knows when there will be room again.
        """
        assert render_error(errors.StorageFull())[:2] == (
            507,
            ((b"Content-Type", b"application/json"),),
        )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


class JsonTests:
    """
    JSON in answers.
    """

    def test_harmless_in_html(self) -> None:
        """
        The three characters that begin something in HTML are escaped, as in Go.
        """
        assert to_json({"<a>&": "<b>&"}) == (
            b'{"\\u003ca\\u003e\\u0026":"\\u003cb\\u003e\\u0026"}\n'
        )

    def test_unicode_stays(self) -> None:
        """
        Other characters stand for themselves.
        """
        assert to_json("é/\u2028") == '"é/\u2028"\n'.encode()

    def test_lone_surrogate(self) -> None:
        """
        A lone surrogate, which has no UTF-8 form, becomes a question mark.
        """
        assert to_json("a\ud800") == b'"a?"\n'

    @given(JSON)
    def test_round_trip(self, value: Any) -> None:
        """
        What is written is read as it was meant, on one line, whatever stands in it.
        """
        text = to_json(value)
        assert text.endswith(b"\n")
        assert text.count(b"\n") == 1
        assert not set(text) & set(b"<>&")
        assert json.loads(text) == value
