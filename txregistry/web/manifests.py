"""
``/v2/<name>/manifests/<reference>``: pulling, pushing and deleting manifests and tags.

OCI distribution specification, *Pulling manifests*, *Pushing manifests*, *Deleting manifests*.
"""

from __future__ import annotations

from attrs import field, frozen
from twisted.internet.defer import DeferredLock

from txregistry.deferreds import Threads
from txregistry.errors import ContentTooLarge, DigestInvalid, ManifestTooLarge, TooManyTags
from txregistry.model import media_types
from txregistry.model.byte_range import ByteRange
from txregistry.model.descriptor import Descriptor
from txregistry.model.digest import Digest
from txregistry.model.manifest import Manifest, parse_manifest, stored_manifest
from txregistry.model.name import Tag, parse_reference, parse_tag
from txregistry.web.call import BlobBody, Call, Header, Response
from txregistry.web.conditions import is_unchanged, tag_condition
from txregistry.web.urls import manifest_url

_SCHEMA_1 = (media_types.DOCKER_SCHEMA1, media_types.DOCKER_SCHEMA1_SIGNED)
_DEPRECATED = (
    b"Warning",
    (
        b'299 - "this image has a manifest of the deprecated schema 1: push it again with a '
        b'current client"'
    ),
)


HELD_IN_MEMORY = 64 * 1024
"""A manifest of more bytes is sent as a blob is: many clients that read slowly cost nothing."""

PARSED_AT_ONCE = 64 * 1024
"""
More bytes than this are parsed in a thread, since 4 MiB of JSON take a quarter of a second; and
only one such at a time, since they take ten times the memory.
"""


@frozen
class Manifests:
    """
    The manifests of a repository.

    :param threads: where big manifests are parsed.
    :param maximum: the greatest size of a manifest in bytes.
    :param maximum_tags: the most ``tag`` parameters of one push.
    """

    threads: Threads
    maximum: int = 4 * 1024 * 1024
    maximum_tags: int = 100
    _big: DeferredLock = field(factory=DeferredLock, init=False)

    async def get(self, call: Call) -> Response:
        """Answer GET and HEAD."""
        reference = parse_reference(call.variables["reference"])
        manifests = call.repository.manifests
        descriptor = await manifests.stat(reference)
        if descriptor.media_type == media_types.DOCKER_LIST and isinstance(reference, str):
            descriptor = await _fitting(call, descriptor)
        tag = str(descriptor.digest).encode("ascii")
        facts: tuple[Header, ...] = (
            (b"Docker-Content-Digest", tag),
            (b"ETag", b'"%s"' % tag),
        )
        if is_unchanged(call.request, tag):
            return Response(304, facts)
        if descriptor.media_type in _SCHEMA_1:
            facts = (*facts, _DEPRECATED)
        headers = ((b"Content-Type", descriptor.media_type.encode("utf-8")), *facts)
        if call.is_head:
            return Response(200, (*headers, (b"Content-Length", b"%d" % descriptor.size)))
        if descriptor.size <= HELD_IN_MEMORY:
            return Response(200, headers, (await manifests.get(descriptor.digest)).payload)
        content = await manifests.open(descriptor.digest)
        return Response(200, headers, BlobBody(content, (ByteRange(0, descriptor.size),)))

    async def put(self, call: Call) -> Response:
        """Answer PUT."""
        reference = parse_reference(call.variables["reference"])
        tags = [reference] if isinstance(reference, str) else self._tags(call)
        try:
            payload = await call.request.body.read_all(self.maximum)
        except ContentTooLarge as error:
            raise ManifestTooLarge(error.limit) from None
        content_type = (call.request.header(b"content-type") or b"").decode("latin-1")
        if len(payload) <= PARSED_AT_ONCE:
            manifest, digest = _parse(reference, content_type, payload)
        else:
            manifest, digest = await self._big.run(
                self.threads.run, _parse, reference, content_type, payload
            )
        condition = tag_condition(call.request) if isinstance(reference, str) else None
        await call.repository.manifests.put(manifest, payload, digest, tags, condition)
        return _created(call, manifest, digest, () if isinstance(reference, str) else tags)

    async def delete(self, call: Call) -> Response:
        """Answer DELETE: by tag the tag only, by digest the manifest and its tags."""
        reference = parse_reference(call.variables["reference"])
        if isinstance(reference, Digest):
            await call.repository.manifests.delete(reference)
        else:
            await call.repository.tags.delete(reference)
        return Response(202)

    def _tags(self, call: Call) -> list[Tag]:
        texts = call.query("tag")
        if len(texts) > self.maximum_tags:
            raise TooManyTags({"limit": self.maximum_tags})
        return list(dict.fromkeys(parse_tag(text) for text in texts))


def _parse(reference: Tag | Digest, content_type: str, payload: bytes) -> tuple[Manifest, Digest]:
    """:return: what a manifest says, and the digest under which it is stored."""
    return parse_manifest(content_type, payload), _digest(reference, payload)


def _digest(reference: Tag | Digest, payload: bytes) -> Digest:
    """
    :return: the digest under which a manifest is stored.
    :raises DigestInvalid: if it was pushed by another.
    """
    if not isinstance(reference, Digest):
        return Digest.of(payload)
    computed = Digest.of(payload, reference.algorithm)
    if computed != reference:
        raise DigestInvalid({"digest": str(reference), "reason": f"the content is {computed}"})
    return reference


async def _fitting(call: Call, listed: Descriptor) -> Descriptor:
    """
    Give an old client the image that it can read.

    :param listed: a Docker list.
    :return: its ``linux``/``amd64`` child, if the client names schema 2 and no list in its
        ``Accept``; else the list itself.
    """
    accepted = {
        media_types.bare(text)
        for line in call.request.headers(b"accept")
        for text in line.decode("latin-1").split(",")
    }
    if media_types.DOCKER_MANIFEST not in accepted or accepted & media_types.LISTS:
        return listed
    manifests = call.repository.manifests
    manifest = stored_manifest((await manifests.get(listed.digest)).payload)
    for child in manifest.children if manifest else ():
        platform = child.platform
        if platform and (platform.os, platform.architecture) == ("linux", "amd64"):
            fitting: Descriptor = await manifests.stat(child.descriptor.digest)
            return fitting
    return listed


def _created(
    call: Call, manifest: Manifest, digest: Digest, tags: list[Tag] | tuple[()]
) -> Response:
    headers: list[Header] = [
        (b"Location", manifest_url(call.base(), call.repository.name, digest)),
        (b"Docker-Content-Digest", str(digest).encode("ascii")),
    ]
    if manifest.subject is not None:
        headers.append((b"OCI-Subject", str(manifest.subject.digest).encode("ascii")))
    headers.extend((b"OCI-Tag", tag.encode("ascii")) for tag in tags)
    return Response(201, headers)
