"""
What a manifest must fulfil.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.storage.kit import described, image, index
from txregistry.errors import Denied, ManifestInvalid
from txregistry.model import media_types
from txregistry.model.digest import Digest
from txregistry.model.manifest import Manifest, Platform, parse_manifest
from txregistry.storage.validation import Needed, Required, Validation

URL = "https://example.com/layer"
ANY = (re.compile(""),)
LAYER = described(b"1")


def layer(urls: list[str] | None = None, **more: Any) -> Manifest:
    """:return: an image manifest with one layer."""
    entry = {**LAYER, **({} if urls is None else {"urls": urls}), **more}
    return image(layers=[entry]).manifest


def docker(urls: list[str] | None, media_type: str) -> Manifest:
    """:return: a manifest of Docker's with one layer."""
    entry = {**LAYER, "mediaType": media_type, **({} if urls is None else {"urls": urls})}
    return image(layers=[entry], mediaType=media_types.DOCKER_MANIFEST).manifest


class UrlsTests:
    """
    Layers that are to be had elsewhere.
    """

    @pytest.mark.parametrize(
        ("allow", "deny", "url", "allowed"),
        [
            ((), (), URL, False),
            (("^https://example",), (), URL, True),
            (("^https://example",), (), "https://else.com/", False),
            (("no", "exam"), (), URL, True),
            ((), ("else",), URL, True),
            ((), ("else",), "https://else.com/", False),
            (("com",), ("else",), "https://else.com/", False),
            (("com",), ("else",), URL, True),
            (("",), (), "http://[::1]:80/x?y", True),
            (("",), (), "ftp://example.com/", False),
            (("",), (), "/layer", False),
            (("",), (), "//example.com/layer", False),
            (("",), (), "https:///layer", False),
            (("",), (), "https://example.com/#fragment", False),
            (("",), (), "https://example.com/#", False),
            (("",), (), "https://exa mple.com/", False),
            (("",), (), "https://example.com/\n", False),
            (("",), (), "http://[::1", False),
            (("",), (), "", False),
        ],
    )
    def test_allowed(
        self, allow: tuple[str, ...], deny: tuple[str, ...], url: str, allowed: bool
    ) -> None:
        """
        A URL must be plain, match something that is allowed, and nothing that is denied;
        without either setting none is allowed.
        """
        validation = Validation(
            urls_allow=tuple(map(re.compile, allow)), urls_deny=tuple(map(re.compile, deny))
        )
        if allowed:
            assert Digest.of(b"1") not in validation.check(layer([url])).blobs
        else:
            with pytest.raises(ManifestInvalid):
                validation.check(layer([url]))

    def test_every_url(self) -> None:
        """
        One URL that isn't allowed is enough.
        """
        validation = Validation(urls_allow=(re.compile("good"),))
        with pytest.raises(ManifestInvalid):
            validation.check(layer(["http://good", "http://bad"]))

    def test_docker(self) -> None:
        """
        Docker's foreign layers have URLs and need not be here; others have none and must be.
        """
        validation = Validation(urls_allow=ANY)
        config = Digest.of(b"{}")
        foreign = media_types.DOCKER_FOREIGN_LAYER
        assert validation.check(docker([URL], foreign)).blobs == (config,)
        assert validation.check(docker(None, "a/b")).blobs == (config, Digest.of(b"1"))
        for urls, media_type in ((None, foreign), ([], foreign), ([URL], "a/b")):
            with pytest.raises(ManifestInvalid):
                validation.check(docker(urls, media_type))

    def test_disabled(self) -> None:
        """
        Where validation is off, URLs are not looked at, but layers without them must be here.
        """
        validation = Validation(disabled=True)
        assert validation.check(layer(["x"])).blobs == (Digest.of(b"{}"),)
        assert validation.check(layer()).blobs == (Digest.of(b"{}"), Digest.of(b"1"))
        foreign = docker(None, media_types.DOCKER_FOREIGN_LAYER)
        assert validation.check(foreign).blobs == (Digest.of(b"{}"),)


class NeededTests:
    """
    What must be there.
    """

    def test_image(self) -> None:
        """
        Of an image: its config and layers, each once; what is typed as a manifest, as either.
        """
        manifest = image(layers=[LAYER, LAYER, index().descriptor]).manifest
        assert Validation().check(manifest) == Needed(
            blobs=(Digest.of(b"{}"), Digest.of(b"1")), manifests=(), either=(index().digest,)
        )

    def test_subject(self) -> None:
        """
        A subject need not be there.
        """
        manifest = index(subject=image().descriptor).manifest
        assert Validation().check(manifest) == Needed((), (), ())

    def test_blobs_off(self) -> None:
        """
        Where blobs aren't looked for, none is needed, but children are.
        """
        validation = Validation(blobs=Required.NONE)
        assert validation.check(image(b"1").manifest) == Needed((), (), ())
        child = image()
        assert validation.check(index(child.descriptor).manifest).manifests == (child.digest,)

    @pytest.mark.parametrize(
        ("platforms", "listed", "needed"),
        [
            (Required.ALL, (), "amd arm none"),
            (Required.NONE, (), ""),
            (Required.LISTED, (Platform("amd64", "linux"),), "amd"),
            (Required.LISTED, (Platform("amd64", "windows"),), ""),
            (Required.LISTED, (), "amd arm none"),
        ],
    )
    def test_platforms(
        self, platforms: Required, listed: tuple[Platform, ...], needed: str
    ) -> None:
        """
        Of an index: all entries, none, or those of some platforms.
        """
        children = {
            "amd": {
                **image(b"1").descriptor,
                "platform": {"architecture": "amd64", "os": "linux"},
            },
            "arm": {
                **image(b"2").descriptor,
                "platform": {"architecture": "arm64", "os": "linux", "variant": "v8"},
            },
            "none": image(b"3").descriptor,
        }
        manifest = index(*children.values(), *children.values()).manifest
        validation = Validation(platforms=platforms, platform_list=listed)
        expected = tuple(Digest.parse(children[name]["digest"]) for name in needed.split())
        assert validation.check(manifest).manifests == expected
        assert Validation(disabled=True).check(manifest).manifests == ()


class ClassesTests:
    """
    Which kinds of manifests are wanted.
    """

    @pytest.mark.parametrize(
        ("classes", "config", "message"),
        [
            ((), "a/b", ""),
            (("image",), media_types.DOCKER_IMAGE_CONFIG, ""),
            (("image",), media_types.OCI_IMAGE_CONFIG, ""),
            (("plugin",), media_types.DOCKER_PLUGIN_CONFIG, ""),
            (
                ("image",),
                media_types.DOCKER_PLUGIN_CONFIG,
                "registry does not allow plugin manifest",
            ),
            (
                ("plugin",),
                media_types.OCI_IMAGE_CONFIG,
                "registry does not allow image manifest",
            ),
            (("image", "plugin"), "a/b", "unknown manifest class for a/b"),
        ],
    )
    def test_class(self, classes: tuple[str, ...], config: str, message: str) -> None:
        """
        The config's type tells the class, and distribution's words tell what is wrong.
        """
        validation = Validation(classes=classes)
        manifest = image(config=b"{}").payload.replace(
            media_types.OCI_IMAGE_CONFIG.encode(), config.encode()
        )
        parsed = parse_manifest("", manifest)
        if not message:
            validation.check(parsed)
            return
        with pytest.raises(Denied) as caught:
            validation.check(parsed)
        assert caught.value.message == message

    def test_lists(self) -> None:
        """
        Indexes are of no class, and pass.
        """
        Validation(classes=("plugin",)).check(index().manifest)
