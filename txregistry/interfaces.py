"""
The contracts between the rooms, and with plug-ins.  No logic.

A method whose return type is a Deferred has started when it returns and can be cancelled.
Where a docstring says *raises*, a method that returns a Deferred fails it with that error.
Beyond the errors that are named, any :class:`~txregistry.errors.DriverError` may come from
storage; it means that the storage, not the request, is at fault.
"""
# Interfaces have methods without self and without a body: that is their notation.
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, BinaryIO

from attrs import field, frozen
from twisted.internet.defer import Deferred
from twisted.plugin import IPlugin
from zope.interface import Attribute, Interface

from txregistry.model.access import Access, Credentials, Decision, Identity, Requester
from txregistry.model.byte_range import ContentRange
from txregistry.model.descriptor import Descriptor, ReferrerDescriptor
from txregistry.model.digest import CANONICAL, Digest
from txregistry.model.event import Event
from txregistry.model.manifest import Manifest
from txregistry.model.name import Reference, RepositoryName, Tag

# --- storage drivers ---------------------------------------------------------------------


@frozen
class FileInfo:
    """
    What a driver knows of a path.

    :param path: absolute below the driver's root.
    :param size: in bytes; 0 for a directory.
    :param modified: seconds since the epoch.
    :param is_directory: whether it has children instead of content.
    """

    path: str
    size: int
    modified: float
    is_directory: bool


@frozen
class LocalFile:
    """
    A file of this machine, open for reading.

    :param file: unbuffered; whoever got it closes it.
    :param size: in bytes.
    """

    file: BinaryIO
    size: int


class Walk(Enum):
    """What a visitor wants next."""

    ON = "go on"
    SKIP = "do not enter this directory"
    STOP = "visit nothing more"


class IFileReader(Interface):
    """
    A stream of a stored file's bytes.
    """

    def read(maximum: int) -> Deferred[bytes]:
        """
        Read on.

        :param maximum: the most bytes that are wanted, at least 1.
        :return: fires with some bytes, or with ``b""`` at the end and ever after.
        """

    def close() -> Deferred[None]:
        """Let go of the file.  May be called twice."""


class IFileWriter(Interface):
    """
    A file that is being written.  Nobody else writes to its path until it is closed or
    cancelled: also not between :meth:`commit` and :meth:`close`, so that what was committed can
    be moved away first.

    After :meth:`close`, :meth:`commit` or :meth:`cancel` every other method raises
    :class:`~txregistry.errors.WriterClosed`, but for ``close``, which may always be called.
    """

    size = Attribute("How many bytes it has, including those of earlier writers.  int")

    def write(*pieces: bytes) -> Deferred[None]:
        """
        Append some bytes, in one or more pieces.

        :raises NoSpace: if the storage is full; some of the bytes may have been written, and
            ``size`` says how many.
        """

    def truncate(size: int) -> Deferred[None]:
        """
        Drop the last bytes.

        :param size: how many to keep, not less than there were when it was opened.
        """

    def close() -> Deferred[None]:
        """
        Let go of the path, and keep what was written, so that a later writer can append to it,
        in another process too.  It need not survive a power cut, and readers need not see it yet,
        but :meth:`IStorageDriver.stat` tells its size.  After :meth:`commit` it only lets go.

        :raises PathNotFound: if the file was deleted meanwhile.
        """

    def commit(durable: bool = True) -> Deferred[None]:
        """
        Make durable what was written, by this writer and by earlier ones, and let readers see
        it.

        :param durable: if not, only let readers see it: the file is about to be moved by
            :meth:`IStorageDriver.change`, which makes it durable itself.
        :raises PathNotFound: if the file was deleted meanwhile.
        """

    def cancel() -> Deferred[None]:
        """Remove the file."""


@frozen
class Put:
    """
    A change: a small file is written whole, in place of what was there.

    :param once: if it is there with this content already, it is settled instead.
    """

    path: str
    content: bytes
    once: bool = False


@frozen
class Move:
    """
    A change: a file is moved, in place of what is at its destination.  Its bytes need not be
    durable before.
    """

    source: str
    destination: str


@frozen
class Settle:
    """
    A change: that a file is there survives a power cut.
    """

    path: str


@frozen
class Discard:
    """
    A change: a path and all below it is removed, if it is there and if that is possible.  It
    need not stay removed after a power cut.
    """

    path: str


class INote(Interface):
    """
    What is written down somewhere else of changes that are made in a thread, there and then.

    None of it raises anything: the changes stand, whatever becomes of the note.
    """

    def write(*others: INote) -> None:
        """
        Write it, and leave it to the kernel: called in a thread that others wait for.

        :param others: what is written at the same time, after it.
        """

    def fileno() -> int:
        """:return: the descriptor of the file in which it was written; -1 for none."""

    def sync() -> None:
        """Make it durable, unless it is."""

    def done() -> None:
        """Hear, in the reactor's thread, that the changes were made, be it written or not."""


@frozen
class Tell:
    """
    No change, but a call in the reactor's thread, as soon as the changes before it can be seen, be
    they durable yet or not.  What fails before is not told.

    :param call: raises nothing.
    :param note: a driver that makes its changes in a thread may write this instead, and not call;
        it then makes it durable together with the step.
    """

    call: Callable[[], None]
    note: INote | None = None


Change = Put | Move | Settle | Discard | Tell
"""What :meth:`IStorageDriver.change` does."""


class IStorageDriver(Interface):
    """
    Bytes at paths.

    A path is absolute, its components are of ``[A-Za-z0-9._-]`` and none is ``.`` or ``..``; ``/``
    itself is a path for :meth:`stat`, :meth:`list` and :meth:`walk` only.  Directories come and
    go with the files in them.  Every method raises :class:`~txregistry.errors.InvalidPath` for
    what is no path.

    What a method has changed when it fires survives a power cut, and readers see every change
    whole or not at all.  The suite in ``txregistry.testing.drivers`` proves a driver.
    """

    name = Attribute("The name under which it is configured.  str")

    def get_content(path: str) -> Deferred[bytes]:
        """
        Read a small file whole.

        :raises PathNotFound: if there is no such file.
        """

    def put_content(path: str, content: bytes, durable: bool = True) -> Deferred[None]:
        """
        Write a small file whole, in place of what was there.

        :param durable: whether it must survive a power cut; if not, the end of the process.
        """

    def reader(path: str, offset: int = 0) -> Deferred[IFileReader]:
        """
        Read a file as a stream.

        :param offset: in bytes from its beginning; beyond the end there is nothing to read.
        :raises PathNotFound: if there is no such file, whatever the offset.
        :raises InvalidOffset: if the offset is negative.
        """

    def writer(path: str, append: bool = False) -> Deferred[IFileWriter]:
        """
        Write a file as a stream.

        :param append: go on where an earlier writer was closed (a file that isn't there
            counts as an empty one), instead of starting afresh.
        :raises PathBusy: if another writer has the path open, in whatever process.
        """

    def stat(path: str) -> Deferred[FileInfo]:
        """
        Tell the facts of a path.

        :raises PathNotFound: if nothing is there.
        """

    def list(path: str) -> Deferred[Sequence[str]]:
        """
        :return: fires with the absolute paths of the direct children, in any order.
        :raises PathNotFound: if there is no such directory; ``/`` is always there.
        """

    def children(
        path: str, after: str = "", limit: int | None = None, having: str = ""
    ) -> Deferred[Sequence[str]]:
        """
        Page through a directory.  What was written or deleted before it is asked has been
        noticed, whoever did it.

        :param after: any text; children up to this name are left out.
        :param limit: how many are wanted at most; ``None``: all.
        :param having: a path below a child, without the ``/`` before it: children that have
            nothing there are left out.  That it vanished while the child stayed, which nobody
            does on purpose, may be noticed some seconds later.
        :return: fires with the names of direct children, in the order of their bytes.
        :raises PathNotFound: if there is no such directory.
        """

    def children_of(path: str, names: Sequence[str]) -> Deferred[Sequence[Sequence[str]]]:
        """
        List several children of a directory at once.

        :param names: of direct children.
        :return: fires for each, in the same order, with the names of its own children, in the
            order of their bytes; none where there is no such directory (any more).
        """

    def move(source: str, destination: str) -> Deferred[None]:
        """
        Move a file, in place of what is at its destination.

        :raises PathNotFound: if there is no source; the destination is left as it was.
        """

    def settle(path: str) -> Deferred[None]:
        """
        Make sure that a file which can be seen survives a power cut: whoever wrote it may not
        have come so far, or not have lived to do so.

        :raises PathNotFound: if there is no such file.
        """

    def delete(path: str, durable: bool = True) -> Deferred[None]:
        """
        Remove a path and all below it.

        :param durable: whether it must stay removed after a power cut.
        :raises PathNotFound: if nothing is there.
        """

    def change(*steps: Sequence[Change]) -> Deferred[None]:
        """
        Make several changes, one step after the other: whatever is seen, and whatever is left
        by a power cut, nothing of a step is there without all of the steps before.  Within a
        step, changes are seen in their order, and what a power cut leaves of them is open until
        the step is done.

        If something fails, what was changed before stays.

        :raises PathNotFound: if what is to be moved or settled isn't there.
        """

    def walk(
        path: str, visit: Callable[[FileInfo], Walk | None], start_after: str = ""
    ) -> Deferred[None]:
        """
        Visit everything below a path, depth first, children in the order of their names' bytes.

        :param visit: called for each file and directory, in the reactor's thread; ``None``
            means :attr:`Walk.ON`.
        :param start_after: a path below ``path``; what comes before it in the order, and
            itself, is not visited, but for directories on the way to it.
        :raises PathNotFound: if there is no such directory.  What vanishes meanwhile is left
            out.
        """

    def redirect_url(method: str, path: str) -> Deferred[str | None]:
        """
        :param method: ``GET`` or ``HEAD``.
        :return: fires with a URL where the client itself gets the content, or ``None`` if it must
            be sent by the registry.
        """

    def local_file(path: str) -> Deferred[LocalFile | None]:
        """
        :return: fires with the open file, or ``None`` if the bytes are not a file of this
            machine.
        :raises PathNotFound: if there is no such file.
        """

    def close() -> Deferred[None]:
        """Let go of threads and connections; nothing may be called afterwards."""


# --- the registry ------------------------------------------------------------------------


class IByteStream(Interface):
    """
    Bytes that come, for instance the body of a request.
    """

    def read() -> Deferred[bytes]:
        """
        :return: fires with the next bytes, or with ``b""`` at the end.
        :raises ClientDisconnected: if there will be no more.
        :raises BodyInvalid: if the framing is broken.
        :raises RequestTimeout: if the next bytes don't come in time.
        """


@frozen
class Page:
    """
    A part of a list.

    :param items: in byte order.
    :param more: whether something follows.
    """

    items: tuple[str, ...]
    more: bool


@frozen
class ReferrersPage:
    """
    A part of a list of referrers.

    :param items: the descriptors.
    :param next: what to give as ``last`` to go on, or ``""`` at the end.
    """

    items: tuple[ReferrerDescriptor, ...]
    next: str


@frozen
class Stored:
    """
    Some content that a repository has, and where it is.

    :param descriptor: its media type, the digest by which it is found, its size.
    :param target: the digest under which its bytes are stored: mostly the same, but a link may
        name another.
    """

    descriptor: Descriptor
    target: Digest


@frozen
class StoredManifest:
    """
    A manifest as it was pushed.

    :param descriptor: its media type, the digest by which it was found, its size.
    :param payload: its bytes.
    :param target: the digest under which its bytes are stored.
    """

    descriptor: Descriptor
    payload: bytes = field(repr=False)
    target: Digest


@frozen
class TagCondition:
    """
    What must hold of a tag for it to be moved (RFC 9110 §13.1).

    :param match: the tag must name one of these digests; ``None``: no such wish.
    :param match_any: the tag must exist.
    :param absent: the tag must not exist.
    :param none_match: the tag must name none of these digests.
    """

    match: tuple[str, ...] | None = None
    match_any: bool = False
    absent: bool = False
    none_match: tuple[str, ...] = ()


class IAlongside(Interface):
    """
    Who is told of something new when it can be seen.  Nothing here fails.
    """

    def tell(descriptor: Descriptor) -> Deferred[None]:
        """
        Hear of it.

        :return: is waited for before whoever made it is told.
        """

    def note(descriptor: Descriptor) -> INote | None:
        """
        :return: what may be written instead where it is made, of which this is asked before;
            ``None`` to be told in any case.
        """


class IBlobContent(Interface):
    """
    A blob that is about to be sent.
    """

    descriptor = Attribute("Its descriptor.  Descriptor")
    target = Attribute("The digest under which its bytes are stored.  Digest")

    def redirect_url(method: str) -> Deferred[str | None]:
        """As :meth:`IStorageDriver.redirect_url`."""

    def local_file() -> Deferred[LocalFile | None]:
        """
        As :meth:`IStorageDriver.local_file`.

        :raises BlobUnknown: if it has vanished.
        """

    def reader(offset: int) -> Deferred[IFileReader]:
        """
        As :meth:`IStorageDriver.reader`.

        :raises BlobUnknown: if it has vanished.
        """


class IBlobs(Interface):
    """
    The blobs that a repository may show.
    """

    def stat(digest: Digest) -> Deferred[Descriptor]:
        """
        :return: fires with the descriptor, under the digest that was asked.
        :raises BlobUnknown: if the repository doesn't have it.
        """

    def open(digest: Digest) -> Deferred[IBlobContent]:
        """
        :raises BlobUnknown: if the repository doesn't have it.
        """

    def mount(digest: Digest, source: RepositoryName) -> Deferred[Descriptor]:
        """
        Let this repository show a blob of another.  Whether the requester may is not asked here.

        :raises BlobUnknown: if the source doesn't have it.
        """

    def delete(digest: Digest) -> Deferred[None]:
        """
        Show the blob no longer.  Its bytes stay for other repositories.

        :raises BlobUnknown: if the repository doesn't have it.
        """


class IUpload(Interface):
    """
    A blob that is not finished.
    """

    id = Attribute("A UUID.  str")
    size = Attribute("How many bytes it has.  int")

    def append(
        stream: IByteStream, content_range: ContentRange | None = None, length: int | None = None
    ) -> Deferred[int]:
        """
        Add what comes.  If the stream breaks off, what came stays.

        :param content_range: which part of the blob it is said to be.
        :param length: how many bytes are announced, where that is known.
        :return: fires with the new size in bytes.
        :raises RangeInvalid: if the part doesn't begin where the upload ends; nothing is read.
        :raises SizeInvalid: if length or stream disagree with the part; the upload is as before.
        :raises UploadBusy: if somebody else is writing to it.
        :raises BlobUploadUnknown: if it was committed or cancelled meanwhile.
        """

    def commit(
        digest: Digest,
        stream: IByteStream | None = None,
        content_range: ContentRange | None = None,
        length: int | None = None,
        alongside: IAlongside | None = None,
    ) -> Deferred[Descriptor]:
        """
        Add what comes, if anything, and make a blob of it all.

        Parameters and errors as for :meth:`append`, and:

        :param alongside: asked once when the blob can be seen, even if whoever commits has been
            cancelled by then; not at all if it comes to nothing.
        :raises DigestInvalid: if the digest is not that of the content; the upload is
            cancelled.
        """

    def cancel() -> Deferred[None]:
        """
        Throw it away.

        :raises UploadBusy: if somebody else is writing to it.
        """


class IUploads(Interface):
    """
    The unfinished blobs of a repository.
    """

    def start(algorithm: str = CANONICAL) -> Deferred[IUpload]:
        """
        Begin one, bound to the requester.

        :param algorithm: of the digest that will be given at the end; another one is possible,
            but costs a second reading.
        """

    def resume(id: str) -> Deferred[IUpload]:
        """
        Find one.

        :raises BlobUploadUnknown: if there is none, or it is somebody else's.
        """


class IManifests(Interface):
    """
    The manifests of a repository.
    """

    def stat(reference: Reference) -> Deferred[Descriptor]:
        """
        :return: fires with the descriptor, with the digest that was asked or that the tag names.
        :raises ManifestUnknown: if there is no such tag or manifest.
        """

    def get(reference: Reference) -> Deferred[StoredManifest]:
        """
        :raises ManifestUnknown: if there is no such tag or manifest.
        """

    def open(reference: Reference) -> Deferred[IBlobContent]:
        """
        As :meth:`get`, for a manifest that is too big to be held in memory for a client that may
        be slow.

        :raises ManifestUnknown: if there is no such tag or manifest.
        """

    def put(
        manifest: Manifest,
        payload: bytes,
        digest: Digest,
        tags: Sequence[Tag] = (),
        condition: TagCondition | None = None,
        alongside: IAlongside | None = None,
    ) -> Deferred[None]:
        """
        Store a manifest and set tags to it, all or nothing.

        :param manifest: what ``payload`` says.
        :param digest: of ``payload``.
        :param condition: what must hold of the tag, where there is exactly one.
        :param alongside: as for :meth:`IUpload.commit`.  Those of pushes that set the same tag
            are asked in the order in which it is set.
        :raises ManifestBlobUnknown: if something that it names is missing here.
        :raises ManifestInvalid: if a URL in it is not allowed.
        :raises PreconditionFailed: if the condition doesn't hold.
        """

    def delete(digest: Digest) -> Deferred[Sequence[Tag]]:
        """
        Remove a manifest, the tags that name it, and its entry in its subject's referrers.

        :return: fires with the tags that were removed.
        :raises ManifestUnknown: if the repository doesn't have it.
        """


class ITags(Interface):
    """
    The tags of a repository.
    """

    def get(tag: Tag) -> Deferred[Digest]:
        """
        :raises ManifestUnknown: if there is no such tag.
        """

    def page(limit: int | None = None, last: str = "") -> Deferred[Page]:
        """
        List tags in byte order.

        :param limit: the most that are wanted; ``None`` for all.
        :param last: only those after this text.
        :raises NameUnknown: if there is no such repository.
        """

    def delete(tag: Tag) -> Deferred[None]:
        """
        Remove a tag; the manifest stays.

        :raises ManifestUnknown: if there is no such tag.
        """


class IReferrers(Interface):
    """
    Who refers to whom in a repository.
    """

    def page(
        subject: Digest, limit: int, last: str = "", artifact_types: Sequence[str] = ()
    ) -> Deferred[ReferrersPage]:
        """
        List the manifests whose subject is this digest; none for what nobody knows.

        :param limit: the most that are wanted.
        :param last: :attr:`ReferrersPage.next` of the page before.
        :param artifact_types: only these; all if there are none.
        """


class IRepository(Interface):
    """
    A named collection, opened for a requester.
    """

    name = Attribute("Its name.  RepositoryName")
    blobs = Attribute("IBlobs")
    uploads = Attribute("IUploads")
    manifests = Attribute("IManifests")
    tags = Attribute("ITags")
    referrers = Attribute("IReferrers")


class IRegistry(Interface):
    """
    The set of all repositories.
    """

    def repository(name: RepositoryName, requester: Requester) -> IRepository:
        """
        Open a repository, which need not exist yet.  Touches no storage.
        """

    def page(limit: int, last: str = "") -> Deferred[Page]:
        """
        List the names of repositories that have (had) manifests, in byte order.

        :param limit: the most that are wanted.
        :param last: only those after this text.
        """

    def holders(digest: Digest) -> Deferred[Sequence[RepositoryName]]:
        """
        Guess which repositories have a blob, to mount it from.  Not all need be known, and each
        is to be checked.
        """


class IContents(Interface):
    """
    The bytes of blobs and manifests, whoever may see them: that is not asked here.
    """

    def open(stored: Stored) -> IBlobContent:
        """
        Send what is known to be there.  Touches no storage.
        """

    def read(target: Digest) -> Deferred[bytes]:
        """
        Read a small one whole.

        :raises PathNotFound: if it isn't there.
        :raises ContentDamaged: if it isn't what was stored: that is never served.
        """


class ILocks(Interface):
    """
    Keeps apart what must not happen at once.
    """

    def hold(keys: Sequence[str]) -> Deferred[Callable[[], None]]:
        """
        Wait until nobody else holds any of these keys, and hold them all.

        Who waits while holding other keys asks for greater ones only, so nobody waits in a
        circle.

        :param keys: any texts, in any order.
        :return: fires with what lets go of them.
        """


# --- what is known without asking storage ------------------------------------------------


@frozen
class Ticket:
    """
    The right to tell a cache what storage was asked from now on.

    :param epoch: the cache's own affair; ``None`` if it wants to be told nothing.
    """

    epoch: Any


class IBlobDescriptorCache(Interface):
    """
    What repositories were seen to have: blobs, or manifests, each in a cache of their own.

    It spares asking storage and is never the truth.  It fails nobody: what goes wrong in it is
    a miss.  It never outlives a delete: when :meth:`clear` has fired, nobody who shares the cache
    finds what was cleared, until it is put again by somebody who has asked storage since.  The
    suite in ``txregistry.testing.cache`` proves a cache.
    """

    def look_up(name: RepositoryName, digest: Digest) -> Deferred[Stored | Ticket]:
        """
        :return: fires with what the repository has, or with a ticket if that must be asked of
            storage.
        """

    def ticket(name: RepositoryName) -> Deferred[Ticket]:
        """
        To be had before something is added to a repository that shall be put here.
        """

    def put(name: RepositoryName, stored: Stored, ticket: Ticket) -> Deferred[None]:
        """
        Tell what storage has, unless something of the repository was cleared since the ticket was
        given.
        """

    def clear(name: RepositoryName, digest: Digest) -> Deferred[None]:
        """
        Forget what a repository has, and refuse what is on its way here.

        To be called before storage is changed, so that nothing is left of it after a crash, and
        again when it has been changed.
        """


# --- access ------------------------------------------------------------------------------


@frozen
class Grant:
    """
    What an access controller allowed.

    :param actor: the name of the user, ``""`` for nobody in particular.
    :param rule: what granted it, for the audit log; ``""`` where that isn't known.
    """

    actor: str = ""
    rule: str = ""


class IAccessController(Interface):
    """
    Decides who may do what.

    One may be wrapped in others: policies, an audit log.
    """

    def authorize(credentials: Credentials, accesses: Sequence[Access]) -> Deferred[Grant]:
        """
        :param accesses: everything that the request wants; none means that it is enough to be
            known.  A pull beside the catalog means that a repository is to be shown there, for
            which a token need not name it.
        :raises Unauthorized: if other credentials might help; its challenge says which.
        :raises Denied: if nothing would help.
        :raises TooManyRequests: if the address or the user has failed too often of late.
        """


class IUsers(Interface):
    """
    Knows the passwords of users.
    """

    def verify(user: str, password: str, address: str, proxy: str = "") -> Deferred[bool]:
        """
        Check a password, in a time that doesn't tell whether there is such a user.

        :param password: bytes of it that are no UTF-8 stand as ``surrogateescape`` has them (PEP
            383).
        :param address: the client's, which is slowed down when it guesses.
        :param proxy: who says that the client has this address, as
            :attr:`~txregistry.model.access.Credentials.proxy`.
        :return: fires with whether it is right.
        :raises TooManyRequests: if the address or the user has failed too often of late.
        :raises Unavailable: if the passwords can't be read: then nobody is let in.
        """


class IUserMarks(Interface):
    """
    Notices when a user's password is changed.  Whoever knows users may provide it too; without it
    nobody can stay logged in without his password.
    """

    def mark(user: str) -> Deferred[str]:
        """
        :return: fires with a text that is another one when the user's password is, and that tells
            nothing of it; with ``""`` if there is no such user (any more).
        :raises Unavailable: if that can't be found out.
        """


@frozen
class TokenWish:
    """
    What a client wants a token for.

    :param service: for whom it shall be; ``""`` where that isn't said.
    :param scopes: what it shall allow, each of the form ``type:name:action,action``.
    :param lasting: whether a token to get others with is wanted too.
    """

    service: str = ""
    scopes: tuple[str, ...] = ()
    lasting: bool = False


@frozen
class IssuedToken:
    """
    A token, fresh from whoever issues it.

    :param token: what to present to the registry.
    :param scope: what it allows, which may be less than was asked for, and nothing.
    :param expires_in: seconds until it expires.
    :param issued_at: when it was issued.
    :param refresh_token: what to get others with, ``""`` for none.
    :param user: whose it is, ``""`` for nobody in particular.
    """

    token: str = field(repr=False)
    scope: str
    expires_in: int
    issued_at: datetime
    refresh_token: str = field(default="", repr=False)
    user: str = ""


class ITokenService(Interface):
    """
    Issues the tokens that the registry takes.

    Every method raises :class:`~txregistry.errors.Unauthorized` for whoever doesn't show that he is
    somebody, with a challenge that asks for a password;
    :class:`~txregistry.errors.BadRequest` for a wish that makes no sense; and what
    :class:`IUsers` raises.
    """

    def issue(credentials: Credentials, wish: TokenWish) -> Deferred[IssuedToken]:
        """
        To whoever presents a name and a password, or nothing: then it allows what is allowed to
        everybody.
        """

    def issue_for_password(
        user: str, password: str, address: str, wish: TokenWish, proxy: str = ""
    ) -> Deferred[IssuedToken]:
        """
        To whoever knows a password.

        :param address: the client's.
        :param proxy: as with :class:`IUsers`.
        """

    def refresh(token: str, address: str, wish: TokenWish) -> Deferred[IssuedToken]:
        """
        To whoever was given a token to get others with.

        :param address: the client's.
        """

    def key_set() -> bytes:
        """:return: the public keys that verify the tokens, as a JSON Web Key Set."""


class IAttempts(Interface):
    """
    Slows down who guesses passwords.  Bounded, and shared by all workers.

    Everywhere ``proxy`` is who says that the client has this address, as
    :attr:`~txregistry.model.access.Credentials.proxy`: ``""`` where it is the client itself that is
    at the other end.
    """

    def admit(user: str, address: str, proxy: str = "") -> Deferred[None]:
        """
        Wait for the turn of an attempt, which then is being checked until it is told how it ended,
        once, by one of the others.  It may have to wait for others that are being checked; to
        cancel the wait gives it up, and nothing is to be told of it.

        :raises TooManyRequests: if there were too many failures of late, or too many are waiting.
        """

    def failed(user: str, address: str, proxy: str = "") -> None:
        """Note that an attempt failed: only this counts."""

    def succeeded(user: str, address: str, proxy: str = "") -> None:
        """Note that an attempt succeeded: the password was right."""

    def withdrawn(user: str, address: str, proxy: str = "") -> None:
        """
        Note that an attempt wasn't one: nothing was tried, or nothing new, or nobody knows how it
        ended.
        """


class IPolicy(Interface):
    """
    The operator's rules: who may do what.  Pure: it waits for nothing.
    """

    def decide(identity: Identity, access: Access) -> Decision:
        """
        :return: whether somebody may do something, and which rule says so.
        """


# --- notifications -----------------------------------------------------------------------


class ISink(Interface):
    """
    Where events go.
    """

    def write(events: Sequence[Event]) -> Deferred[None]:
        """
        Take events, which stay together and in their order; what is written later comes later.

        Whoever writes doesn't wait for any endpoint, never cancels, and carries on if it fails.

        :param events: those of one request, at least one.
        :return: fires when they are as durable as they need be: a push, a mount or a delete
            survives a power cut; where all are pulls, they may be synced later, with others.
        """

    def leave(encoded: bytes) -> None:
        """
        Take an event for which nobody waits, and which need not survive a power cut.

        :param encoded: as ``txregistry.model.event`` encodes it.
        """

    def note(encoded: Callable[[], Sequence[bytes]]) -> INote | None:
        """
        Take events that happen when they are written down, in a thread.

        :param encoded: makes them then, as ``txregistry.model.event`` encodes them.
        :return: what to write; ``None`` if they can only be taken by :meth:`write`.
        """

    def close() -> Deferred[None]:
        """
        Take no more, and fire when all that was taken is where it has to be.  May be called
        twice.
        """


# --- observation -------------------------------------------------------------------------


@frozen
class Exchange:
    """
    A request that has been answered, for the log.

    :param request_id: a UUID.
    :param address: the client's, behind all trusted proxies.
    :param actor: the name of the user, ``""`` for nobody in particular.
    :param method: as it came.
    :param uri: the request target as it came.
    :param protocol: the version of HTTP, as ``HTTP/1.1``.
    :param host: the request's ``Host``.
    :param referer: what the client came from.
    :param user_agent: what the client calls itself.
    :param content_type: the type of the answer.
    :param route: the name of the route, ``""`` where there was none.
    :param variables: what the path said.
    :param status: of the answer; 499 where the client went away before.
    :param written: bytes of the answer's body.
    :param seconds: how long it took.
    :param errors: what stood in the error envelope.
    :param received: bytes of the request's body that came.
    """

    request_id: str
    address: str
    actor: str
    method: str
    uri: str
    protocol: str
    host: str
    referer: str
    user_agent: str
    content_type: str
    route: str
    variables: Mapping[str, str]
    status: int
    written: int
    seconds: float
    errors: Sequence[Mapping[str, Any]]
    received: int = 0


class IMetrics(Interface):
    """
    What drivers, caches and sinks count on.
    """

    def count(name: str, labels: Mapping[str, str], by: int = 1) -> None:
        """Count something that happened."""

    def level(name: str, labels: Mapping[str, str], value: float) -> None:
        """Tell how much there is of something now."""

    def observe(name: str, labels: Mapping[str, str], seconds: float) -> None:
        """Note how long something took."""


class IClock(Interface):
    """
    The time of day.
    """

    def now() -> datetime:
        """:return: now, in UTC."""


# --- plug-ins ----------------------------------------------------------------------------


class IAccessControllerFactory(IPlugin):
    """
    Makes access controllers.
    """

    name = Attribute("The key below ``auth`` that chooses it.  str")

    def create(reactor: Any, options: Mapping[str, Any], attempts: IAttempts) -> IAccessController:
        """
        :param options: what stands below that key.
        :param attempts: to be asked before a password is checked, and told of the outcome.
        :return: a controller.  If it provides :class:`IUsers` too, the token service can ask it.
            If it provides ``IService``, it is started and stopped with the daemon.
        :raises ConfigurationError: if an option is missing or wrong.
        """


class IStorageDriverFactory(IPlugin):
    """
    Makes storage drivers.  A plug-in offers one in a module of ``twisted.plugins``.
    """

    name = Attribute("The key below ``storage`` that chooses it.  str")

    def create(reactor: Any, parameters: Mapping[str, Any]) -> IStorageDriver:
        """
        :param parameters: what stands below that key.
        :raises ConfigurationError: if a parameter is missing or wrong.
        """


class IStorageMiddlewareFactory(IPlugin):
    """
    Wraps storage drivers.
    """

    name = Attribute("The name in ``middleware.storage`` that chooses it.  str")

    def create(reactor: Any, driver: IStorageDriver, options: Mapping[str, Any]) -> IStorageDriver:
        """
        :param driver: what is to be wrapped.
        :raises ConfigurationError: if an option is missing or wrong.
        """


class IRegistryMiddlewareFactory(IPlugin):
    """
    Wraps registries.
    """

    name = Attribute("The name in ``middleware.registry`` that chooses it.  str")

    def create(reactor: Any, registry: IRegistry, options: Mapping[str, Any]) -> IRegistry:
        """
        :param registry: what is to be wrapped.
        :raises ConfigurationError: if an option is missing or wrong.
        """


class IRepositoryMiddlewareFactory(IPlugin):
    """
    Wraps repositories.
    """

    name = Attribute("The name in ``middleware.repository`` that chooses it.  str")

    def create(
        reactor: Any, options: Mapping[str, Any]
    ) -> Callable[[IRepository, Requester], IRepository]:
        """
        Called once, at the start.

        :return: what wraps each repository that is opened.
        :raises ConfigurationError: if an option is missing or wrong.
        """
