"""
From a file and the environment to a configuration, or to everything that is wrong with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from attrs import field, frozen

from txregistry.configuration import deprecated
from txregistry.configuration.caching import judge_caching
from txregistry.configuration.document import LARGEST, Malformed, parse_document
from txregistry.configuration.effective import effective
from txregistry.configuration.environment import overlay
from txregistry.configuration.policychecks import judge_auth, judge_limits, judge_policies
from txregistry.configuration.report import Place, Report
from txregistry.configuration.schema import Section, shape_of
from txregistry.configuration.sections import Configuration
from txregistry.configuration.shape import Structure, grafted, warn_of_unknown_keys
from txregistry.configuration.tree import Node, Origin, Table, is_null, kind_of, origins
from txregistry.configuration.unbuilt import UNBUILT, judge_unbuilt
from txregistry.errors import ConfigurationError, Problem


@frozen(kw_only=True)
class Loaded:
    """
    A configuration that can be used.

    :param configuration: its sections.
    :param warnings: what is odd about it.
    :param origins: where each key was written, for those who find more to say about one.
    """

    configuration: Configuration
    warnings: tuple[Problem, ...] = ()
    origins: Mapping[str, Origin] = field(factory=dict, repr=False)

    def problem(self, key: str, text: str) -> Problem:
        """
        :param key: a key in its full length.
        :return: an error that names the key, and where it was written.
        """
        origin = self.origins.get(key) or self.origins.get("") or Origin("")
        line = origin.line if key in self.origins else None
        return Problem(key=key, text=text, source=origin.source, line=line)


def load(path: str, environ: Mapping[str, str]) -> Loaded:
    """
    :param path: a YAML file.
    :param environ: the environment, whose ``REGISTRY_`` variables override the file.
    :raises ConfigurationError: with every problem, if there is an error among them.
    """
    return parse(read_text(path), environ, source=path)


def parse(text: str, environ: Mapping[str, str], source: str = "<configuration>") -> Loaded:
    """
    :param text: a YAML document.
    :param source: what it is called in problems.
    :raises ConfigurationError: with every problem, if there is an error among them.
    """
    report = Report()
    tree = _tree(text, source, report)
    place = Place(report, Origin(source))
    if tree is not None:
        tree = overlay(tree, environ, shape(), report)
    if not isinstance(tree, Table):
        raise ConfigurationError(report.sorted())
    warn_of_unknown_keys(tree, shape(), place)
    judge_unbuilt(tree, place)
    judge_auth(tree, place)
    judge_policies(tree, place)
    judge_limits(tree, place)
    tree = deprecated.migrate(tree, place)
    section = Section(Configuration)
    values = section.values(tree, place)
    _demand(tree, place)
    configuration = None
    if "storage" in values:
        configuration = Configuration(**values)
        section.judge(configuration, values.keys(), tree, place)
        judge_caching(configuration.storage.cache, configuration.redis, tree, place)
    if configuration is None or report.errors:
        raise ConfigurationError(report.sorted())
    return Loaded(
        configuration=configuration,
        warnings=tuple(report.sorted()),
        origins=dict(origins(tree)),
    )


def check(path: str, environ: Mapping[str, str]) -> tuple[tuple[Problem, ...], str | None]:
    """
    :return: every problem, and the effective configuration, if there is one.
    """
    try:
        loaded = load(path, environ)
    except ConfigurationError as error:
        return error.problems, None
    return loaded.warnings, effective(loaded.configuration)


@cache
def shape() -> Structure:
    """
    :return: all keys that are known, read here or not.
    """
    whole = shape_of(Configuration)
    for part in UNBUILT:
        whole = grafted(whole, part.key, part.shape)
    for key, old in deprecated.SHAPES.items():
        whole = grafted(whole, key, old)
    return whole


def read_text(path: str) -> str:
    """
    :return: what stands in a file, for :func:`parse`.
    :raises ConfigurationError: if it can't be read.
    """

    def fault(text: str, line: int | None = None) -> ConfigurationError:
        return ConfigurationError([Problem(text=text, source=path, line=line)])

    try:
        with open(path, "rb") as file:
            data = file.read(4 * LARGEST + 1)
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise fault("is not valid UTF-8", line) from None
    except OSError as error:
        raise fault(f"can't be read: {error.strerror}") from None
    except ValueError:
        raise fault("can't be read: this is no name of a file") from None


def _tree(text: str, source: str, report: Report) -> Node | None:
    """
    :return: the document's tree; None, with a problem reported, where there is none.
    """
    try:
        tree = parse_document(text, source)
    except Malformed as error:
        Place(report, Origin(source, error.line)).error(error.text)
        return None
    if tree is None or is_null(tree):
        return Table({}, Origin(source))
    if not isinstance(tree, Table):
        Place(report, tree.origin).error(
            f"must be a mapping that begins with `version: 0.1`, not {kind_of(tree)}"
        )
        return None
    return tree


def _demand(tree: Table, place: Place) -> None:
    """
    Report the keys that must be there and are not.
    """
    if is_null(tree.entries.get("version")):
        place.child("version").error('unsupported version: ""; write `version: 0.1`')
    if is_null(tree.entries.get("storage")):
        place.child("storage").error("no storage configuration provided")
