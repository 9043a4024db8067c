"""
Manifests: what is accepted, what is made of it, and what never is.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txregistry.errors import DigestInvalid, ManifestInvalid
from txregistry.model import media_types
from txregistry.model.descriptor import Descriptor
from txregistry.model.digest import Digest
from txregistry.model.manifest import (
    MOST_VALUES,
    Manifest,
    Platform,
    parse_manifest,
    stored_manifest,
    stored_media_type,
)

SUM = Digest.of(b"{}")
CONFIG = {"mediaType": media_types.OCI_IMAGE_CONFIG, "digest": str(SUM), "size": 2}
LAYER = {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": str(SUM), "size": 2}
IMAGE: dict[str, Any] = {
    "schemaVersion": 2,
    "mediaType": media_types.OCI_MANIFEST,
    "config": CONFIG,
    "layers": [LAYER],
}
INDEX: dict[str, Any] = {
    "schemaVersion": 2,
    "mediaType": media_types.OCI_INDEX,
    "manifests": [{**CONFIG, "mediaType": media_types.OCI_MANIFEST}],
}
ARTIFACT: dict[str, Any] = {
    "mediaType": media_types.OCI_ARTIFACT,
    "artifactType": "a/b",
    "blobs": [LAYER],
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = [
    "schemaVersion",
    "mediaType",
    "config",
    "layers",
    "manifests",
    "blobs",
    "subject",
    "artifactType",
    "annotations",
    "urls",
    "platform",
    "digest",
    "size",
]
plausible_values = st.recursive(
    json_values | st.sampled_from([2, 1, str(SUM), *sorted(media_types.MANIFESTS), CONFIG, LAYER]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
    ),
    max_leaves=20,
)
documents = st.dictionaries(st.sampled_from(KEYS), plausible_values)
content_types = st.sampled_from(["", "application/json", "a/b", *sorted(media_types.MANIFESTS)])


def parsed(document: object, content_type: str | None = None) -> Manifest:
    """Read a document, by default as what it says to be."""
    if content_type is None:
        content_type = document.get("mediaType", "") if isinstance(document, dict) else ""
    return parse_manifest(content_type, json.dumps(document).encode())


class ParseManifestTests:
    """
    What is pushed.
    """

    def test_image(self) -> None:
        """
        An image has a config and layers, all of which are blobs.
        """
        manifest = parsed(IMAGE)
        assert manifest.media_type == media_types.OCI_MANIFEST
        assert manifest.config == Descriptor(media_types.OCI_IMAGE_CONFIG, SUM, 2)
        assert [blob.descriptor.media_type for blob in manifest.blobs] == [
            CONFIG["mediaType"],
            LAYER["mediaType"],
        ]
        assert manifest.children == ()
        assert manifest.subject is None

    def test_index(self) -> None:
        """
        An index has children, which may say what they run on.
        """
        platform = {"architecture": "arm64", "os": "linux", "variant": "v8"}
        document = {**INDEX, "manifests": [{**CONFIG, "platform": platform}, CONFIG]}
        first, second = parsed(document).children
        assert first.platform == Platform("arm64", "linux")
        assert second.platform is None

    def test_artifact(self) -> None:
        """
        An artifact has blobs, and need not have a schema version.
        """
        manifest = parsed(ARTIFACT)
        assert [blob.descriptor.digest for blob in manifest.blobs] == [SUM]
        assert manifest.artifact_type == "a/b"

    def test_subject_and_annotations(self) -> None:
        """
        What it refers to, and what it says of itself.
        """
        document = {**IMAGE, "subject": CONFIG, "annotations": {"a": "b"}}
        manifest = parsed(document)
        assert manifest.subject == Descriptor(media_types.OCI_IMAGE_CONFIG, SUM, 2)
        assert manifest.annotations == {"a": "b"}

    @pytest.mark.parametrize(
        ("document", "expected"),
        [
            (IMAGE, media_types.OCI_IMAGE_CONFIG),
            ({**IMAGE, "artifactType": "a/b"}, "a/b"),
            ({**IMAGE, "artifactType": ""}, media_types.OCI_IMAGE_CONFIG),
            (INDEX, ""),
            ({**INDEX, "artifactType": "a/b"}, "a/b"),
        ],
    )
    def test_referrer_type(self, document: dict[str, Any], expected: str) -> None:
        """
        A referrers list says what it is: its own type, else that of its config.
        """
        assert parsed(document).referrer_type == expected

    @pytest.mark.parametrize(
        ("content_type", "document", "media_type"),
        [
            (media_types.OCI_MANIFEST, IMAGE, media_types.OCI_MANIFEST),
            (f"{media_types.OCI_MANIFEST}; charset=utf-8", IMAGE, media_types.OCI_MANIFEST),
            (media_types.OCI_MANIFEST.upper(), IMAGE, media_types.OCI_MANIFEST),
            ("", IMAGE, media_types.OCI_MANIFEST),
            ("", {**IMAGE, "mediaType": None}, media_types.OCI_MANIFEST),
            (media_types.OCI_INDEX, {**INDEX, "mediaType": ""}, media_types.OCI_INDEX),
            ("", {**INDEX, "mediaType": ""}, media_types.OCI_INDEX),
            ("a/b+json", {**IMAGE, "mediaType": "a/b+json"}, "a/b+json"),
        ],
    )
    def test_media_type(self, content_type: str, document: dict[str, Any], media_type: str) -> None:
        """
        The type is what it says; where it says nothing, what it is.
        """
        assert parsed(document, content_type).media_type == media_type

    @pytest.mark.parametrize(
        ("content_type", "document"),
        [
            (media_types.OCI_INDEX, IMAGE),
            (media_types.OCI_INDEX, {**IMAGE, "mediaType": ""}),
            (media_types.OCI_MANIFEST, {**INDEX, "mediaType": ""}),
            (media_types.DOCKER_MANIFEST, {**IMAGE, "mediaType": ""}),
            (media_types.DOCKER_MANIFEST, IMAGE),
            ("a/b", {**IMAGE, "mediaType": ""}),
            ("", {**IMAGE, "mediaType": "no type"}),
            ("", {**IMAGE, "mediaType": "a/b\r\nX-Evil: 1"}),
            ("", {**IMAGE, "mediaType": "a/ü"}),
            ("", {**IMAGE, "mediaType": 5}),
            (media_types.DOCKER_SCHEMA1, {"schemaVersion": 1, "fsLayers": []}),
            (media_types.DOCKER_SCHEMA1_SIGNED, {"schemaVersion": 1, "fsLayers": []}),
        ],
    )
    def test_wrong_media_type(self, content_type: str, document: dict[str, Any]) -> None:
        """
        It must be what its Content-Type says, and what can be given back.
        """
        with pytest.raises(ManifestInvalid):
            parsed(document, content_type)

    @pytest.mark.parametrize(
        "document",
        [
            {**IMAGE, "manifests": []},
            {**INDEX, "layers": []},
            {**INDEX, "config": CONFIG},
            {**INDEX, "config": None},
            {"schemaVersion": 2, "mediaType": "a/b"},
            {**IMAGE, "mediaType": media_types.OCI_INDEX},
            {**INDEX, "mediaType": media_types.OCI_MANIFEST},
            {key: value for key, value in IMAGE.items() if key != "layers"},
            {key: value for key, value in IMAGE.items() if key != "config"},
            {**IMAGE, "schemaVersion": 1},
            {**IMAGE, "schemaVersion": "2"},
            {**IMAGE, "schemaVersion": True},
            {**IMAGE, "schemaVersion": None},
            {key: value for key, value in IMAGE.items() if key != "schemaVersion"},
            {**IMAGE, "config": []},
            {**IMAGE, "config": {}},
            {**IMAGE, "layers": {}},
            {**IMAGE, "layers": [None]},
            {**IMAGE, "layers": ["x"]},
            {**IMAGE, "layers": [{**LAYER, "size": -1}]},
            {**IMAGE, "layers": [{**LAYER, "size": "2"}]},
            {**IMAGE, "layers": [{**LAYER, "size": 2.5}]},
            {**IMAGE, "layers": [{**LAYER, "size": True}]},
            {**IMAGE, "layers": [{**LAYER, "digest": None}]},
            {**IMAGE, "layers": [{**LAYER, "mediaType": None}]},
            {**IMAGE, "layers": [{**LAYER, "urls": "http://x"}]},
            {**IMAGE, "layers": [{**LAYER, "urls": [1]}]},
            {**IMAGE, "subject": "x"},
            {**IMAGE, "annotations": []},
            {**IMAGE, "annotations": {"a": 1}},
            {**IMAGE, "artifactType": 1},
            {**INDEX, "manifests": [{**CONFIG, "platform": "linux"}]},
            {**INDEX, "manifests": [{**CONFIG, "platform": {"os": 1}}]},
            [],
            None,
            "x",
        ],
    )
    def test_invalid(self, document: object) -> None:
        """
        Documents of two kinds or of none, and values of wrong types.
        """
        with pytest.raises(ManifestInvalid):
            parsed(document)

    def test_bad_digest(self) -> None:
        """
        A digest that is none is told as such.
        """
        with pytest.raises(DigestInvalid):
            parsed({**IMAGE, "layers": [{**LAYER, "digest": "sha256:abc"}]})

    @pytest.mark.parametrize(
        "payload",
        [
            b"",
            b"{",
            b"\xff",
            b"\xef\xbb\xbf{}",
            json.dumps(IMAGE).encode("utf-16"),
            b'{"a": NaN}',
            b'{"a": Infinity}',
            b'{"a": 1, "a": 1}',
            b'{"schemaVersion": 2, "x": {"b": 1, "b": 2}}',
            b'{"schemaVersion": 2, "schemaVersion": 2}',
            b'{"schemaVersion": 2, "schema\\u0056ersion": 2}',
            b"[" * 100_000,
            b'{"a":' * 100_000,
            b'{"a": ' + b"9" * 100_000 + b"}",
        ],
    )
    def test_not_json(self, payload: bytes) -> None:
        """
        What isn't JSON, has a key twice, or is meant to hurt.
        """
        with pytest.raises(ManifestInvalid) as caught:
            parse_manifest("", payload)
        assert len(str(caught.value)) < 1000

    @pytest.mark.parametrize("value", [b"[]", b"{}", b"0", b'"\\\\"'])
    def test_too_many_values(self, value: bytes) -> None:
        """
        A document of very many small values is refused before it is parsed.
        """
        payload = b'{"x": [' + b",".join([value] * (MOST_VALUES + 1)) + b"]}"
        with pytest.raises(ManifestInvalid, match="more than"):
            parse_manifest("", payload)

    def test_long_text(self) -> None:
        """
        What looks like many values in a text is one.
        """
        text = ',[{\\"' * MOST_VALUES
        manifest = parsed({**IMAGE, "annotations": {"text": text}})
        assert manifest.annotations == {"text": text}

    @given(payload=st.binary(), content_type=content_types)
    def test_any_bytes(self, payload: bytes, content_type: str) -> None:
        """
        Any bytes are a manifest or invalid.
        """
        with pytest.raises(ManifestInvalid):
            parse_manifest(content_type, payload)

    @given(document=documents | json_values, content_type=content_types)
    def test_any_document(self, document: object, content_type: str) -> None:
        """
        Any document is a manifest or invalid; a manifest is of one kind and of a type that can be
        given back.
        """
        payload = json.dumps(document).encode()
        try:
            manifest = parse_manifest(content_type, payload)
        except (ManifestInvalid, DigestInvalid):
            return
        assert stored_media_type(payload) == manifest.media_type
        assert media_types.is_media_type(manifest.media_type)
        assert stored_manifest(payload) == manifest
        assert not (manifest.children and manifest.config)

    @given(
        document=st.sampled_from([IMAGE, INDEX, ARTIFACT]),
        more=st.dictionaries(
            st.text().filter(lambda key: key not in KEYS), json_values, max_size=3
        ),
    )
    def test_unknown_members(self, document: dict[str, Any], more: dict[str, Any]) -> None:
        """
        What nobody knows is accepted, and changes nothing.
        """
        if "NaN" in json.dumps(more) or "Infinity" in json.dumps(more):
            return
        assert parsed({**document, **more}) == parsed(document)


class StoredTests:
    """
    What lies in the tree.
    """

    @pytest.mark.parametrize(
        ("document", "media_type"),
        [
            (IMAGE, media_types.OCI_MANIFEST),
            ({**IMAGE, "mediaType": ""}, media_types.OCI_MANIFEST),
            ({**INDEX, "mediaType": ""}, media_types.OCI_INDEX),
            ({"schemaVersion": 1}, media_types.DOCKER_SCHEMA1),
            ({"schemaVersion": 1, "signatures": []}, media_types.DOCKER_SCHEMA1),
            ({"schemaVersion": 1, "signatures": [{}]}, media_types.DOCKER_SCHEMA1_SIGNED),
            ({"mediaType": "a/b"}, "a/b"),
            ({"mediaType": "a/b\r\nX-Evil: 1"}, media_types.OCI_MANIFEST),
            ({"mediaType": 5}, media_types.OCI_MANIFEST),
            ([], "application/octet-stream"),
        ],
    )
    def test_media_type(self, document: object, media_type: str) -> None:
        """
        Everything has a type.
        """
        assert stored_media_type(json.dumps(document).encode()) == media_type

    @given(payload=st.binary() | (documents | json_values).map(lambda it: json.dumps(it).encode()))
    def test_anything(self, payload: bytes) -> None:
        """
        Whatever lies there, it has a type that can stand in a header, and reading it doesn't fail.
        """
        assert media_types.is_media_type(stored_media_type(payload))
        stored_manifest(payload)

    def test_twice(self) -> None:
        """
        A key that stands twice is accepted from the tree, as it was by who wrote it.
        """
        payload = b'{"mediaType": "a/b", "mediaType": "c/d"}'
        assert stored_media_type(payload) == "c/d"
        assert stored_manifest(payload) is None


class MediaTypesTests:
    """
    Names of types.
    """

    @pytest.mark.parametrize(
        ("text", "bare"),
        [
            ("a/b", "a/b"),
            (" A/B ; charset=utf-8", "a/b"),
            ("a/b;", "a/b"),
            ("", ""),
        ],
    )
    def test_bare(self, text: str, bare: str) -> None:
        """
        Parameters, case and white space don't matter.
        """
        assert media_types.bare(text) == bare

    @pytest.mark.parametrize(
        ("text", "good"),
        [
            ("a/b", True),
            (media_types.OCI_MANIFEST, True),
            ("application/vnd.a+json", True),
            ("a", False),
            ("a/", False),
            ("/b", False),
            ("a/b/c", False),
            ("a/b;c=d", False),
            ("a/b\n", False),
            ("a /b", False),
            ("a/" + "b" * 128, False),
        ],
    )
    def test_is_media_type(self, text: str, good: bool) -> None:
        """
        The grammar is that of RFC 6838.
        """
        assert media_types.is_media_type(text) == good
