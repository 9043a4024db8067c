"""
The section ``storage``: where the bytes lie, and what is done with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from attrs import evolve, frozen

from txregistry.configuration.caching import Cache
from txregistry.configuration.kinds import (
    Boolean,
    Duration,
    Integer,
    Invalid,
    Kind,
    LeafKind,
    Options,
    Text,
    table_of,
    text_of,
)
from txregistry.configuration.report import Place
from txregistry.configuration.schema import Section, key, kinds_of, section, shape_of
from txregistry.configuration.shape import ANYTHING, Structure, mapped, names, nearest, normalised
from txregistry.configuration.tree import Node, Table, is_null


@frozen(kw_only=True)
class Delete:
    """
    ``storage.delete``.

    :param enabled: whether manifests, tags and blobs can be deleted.
    """

    enabled: bool = key(Boolean(), default=False)


@frozen(kw_only=True)
class Redirect:
    """
    ``storage.redirect``.

    :param disable: whether blobs go through the registry even where the driver has URLs for them.
    """

    disable: bool = key(Boolean(), default=False)


@frozen(kw_only=True)
class UploadPurging:
    """
    ``storage.maintenance.uploadpurging``: the removal of uploads that nobody finished.

    :param enabled: whether it happens.
    :param age: seconds after its start when an upload is taken for abandoned.
    :param interval: seconds between two runs.
    :param dryrun: whether it only logs what it would remove.
    """

    enabled: bool = key(Boolean(), default=True)
    age: float = key(Duration(), 168 * 3600.0)
    interval: float = key(Duration(positive=True), 24 * 3600.0)
    dryrun: bool = key(Boolean(), default=False)


@frozen(kw_only=True)
class ReadOnly:
    """
    ``storage.maintenance.readonly``.

    :param enabled: whether the registry takes no writes.
    """

    enabled: bool = key(Boolean(), default=False)


@frozen(kw_only=True)
class Maintenance:
    """
    ``storage.maintenance``.
    """

    uploadpurging: UploadPurging = section(UploadPurging)
    readonly: ReadOnly = section(ReadOnly)


@frozen(kw_only=True)
class Tag:
    """
    ``storage.tag``.

    :param concurrencylimit: look-ups of tags at once; 0 is the number of cores.
    """

    concurrencylimit: int = key(Integer(), 0)


@frozen
class Threads(LeafKind):
    """
    A number of threads; what is below the least becomes the least.  Quoted it is one, too.
    """

    least: int = 25

    def read(self, node: Node, place: Place) -> int:
        try:
            return Integer().checked(max(int(text_of(node)), self.least))
        except ValueError:
            raise Invalid("must be an integer") from None


@frozen(kw_only=True)
class FilesystemParameters:
    """
    ``storage.filesystem``.

    :param rootdirectory: the directory that holds everything.
    :param maxthreads: threads that work on it; fewer than 25 become 25.
    """

    rootdirectory: str = key(Text(filled=True), "/var/lib/registry")
    maxthreads: int = key(Threads(), 100)


@frozen(kw_only=True)
class InMemoryParameters:
    """
    ``storage.inmemory``: it has none.
    """


#: Drivers of this package, whose parameters are checked here.
PARAMETERS: Mapping[str, type[Any]] = {
    "filesystem": FilesystemParameters,
    "inmemory": InMemoryParameters,
}
#: Drivers of distribution that this version doesn't have.  What is named are the parameters that
#: environment variables could not spell otherwise.
ABSENT: Mapping[str, Structure] = {
    "s3": mapped(ANYTHING),
    "s3aws": mapped(ANYTHING),
    "azure": names("max_retries retry_delay", ANYTHING),
    "gcs": mapped(ANYTHING),
    "swift": mapped(ANYTHING),
    "oss": mapped(ANYTHING),
    "rados": mapped(ANYTHING),
}


@frozen(kw_only=True)
class Storage:
    """
    ``storage``: exactly one driver, and what holds for all of them.

    :param driver: the driver's name.
    :param parameters: what stands below that name; for a driver of this package with its defaults.
    """

    driver: str
    parameters: Mapping[str, Any] = key(Options(), MappingProxyType({}), show=False)
    delete: Delete = section(Delete)
    redirect: Redirect = section(Redirect)
    maintenance: Maintenance = section(Maintenance)
    tag: Tag = section(Tag)
    cache: Cache = section(Cache)


#: The keys of ``storage`` that name no driver.
SWITCHES = {name: kind for name, kind in kinds_of(Storage).items() if name != "parameters"}


@frozen
class StorageKind:
    """
    The kind of ``storage``, where a driver's name is a key.
    """

    @property
    def shape(self) -> Structure:
        known = {
            **{name: kind.shape for name, kind in SWITCHES.items()},
            **{name: shape_of(cls) for name, cls in PARAMETERS.items()},
            **ABSENT,
        }
        return Structure(known, others=ANYTHING, bare=True)

    def read(self, node: Node, place: Place) -> Storage:
        table = table_of(normalised(node, self.shape) or node)
        values = Section(Storage).values(_only_switches(table), place)
        driver = _driver_of(table)
        below = place.child(driver, table.entries[driver])
        parameters: Mapping[str, Any] = {}
        try:
            parameters = _parameters(driver, table.entries[driver], below)
        except Invalid as invalid:
            below.error(invalid.text)
        return Storage(**values, driver=driver, parameters=parameters)

    def dump(self, value: Storage) -> dict[str, Any]:
        kind: Kind[Any] = Options()
        switches = {name: kind.dump(getattr(value, name)) for name, kind in SWITCHES.items()}
        return {value.driver: kind.dump(value.parameters), **switches}


def _only_switches(table: Table) -> Table:
    entries = {name: child for name, child in table.entries.items() if name in SWITCHES}
    return evolve(table, entries=entries)


def _driver_of(table: Table) -> str:
    drivers = sorted(name for name in table.entries if name not in SWITCHES)
    if not drivers:
        raise Invalid("no storage configuration provided: name a driver, such as filesystem")
    if len(drivers) > 1:
        provided = ", ".join(f"{name} ({_where(table.entries[name])})" for name in drivers)
        raise Invalid(
            f"must provide exactly one storage type. Provided: [{provided}]{_slips(drivers)}"
        )
    return drivers[0]


def _slips(drivers: list[str]) -> str:
    """
    :return: questions for the names that look like a slip in another key of ``storage``, which
        passes for a driver.
    """
    known = {**dict.fromkeys(SWITCHES), **PARAMETERS, **ABSENT}
    return "".join(
        nearest(name, known).replace("; did", f"; for {name}, did")
        for name in drivers
        if name not in known
    )


def _where(node: Node) -> str:
    origin = node.origin
    return f"line {origin.line}" if origin.line else origin.source


def _parameters(driver: str, node: Node, place: Place) -> Mapping[str, Any]:
    """
    :return: the driver's parameters, checked where the driver is known here.
    """
    if driver in ABSENT:
        raise Invalid(
            f"the storage driver {driver} is not part of this version; there are"
            f" {', '.join(sorted(PARAMETERS))}, and those of plug-ins"
        )
    if is_null(node):
        node = Table({}, node.origin)
    if driver not in PARAMETERS:
        return Options().read(node, place)
    kind = Section(PARAMETERS[driver])
    return MappingProxyType(kind.dump(kind.read(node, place)))
