"""
``txregistry events``: looks into the outbox of a registry, whether that runs or not.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from attrs import frozen

from txregistry.configuration import Configuration
from txregistry.configuration.effective import masked
from txregistry.configuration.units import parse_duration
from txregistry.notifications.bell import BellRope
from txregistry.notifications.database import Unusable
from txregistry.notifications.deadletters import DeadLetter, DeadLetters
from txregistry.notifications.directory import OutboxDirectory, is_locked
from txregistry.notifications.entries import Cursor
from txregistry.notifications.intake import Intake
from txregistry.notifications.store import Store
from txregistry.service.keeping import outbox_place

_COLUMNS = ("ENDPOINT", "STATE", "PENDING", "WAITING SINCE", "LAST DELIVERED", "FAILURES", "URL")


class Refused(Exception):
    """
    It can't be done.
    """


@frozen
class Looked:
    """
    An outbox that is there.

    :param urls: of endpoints, by their names.
    """

    directory: OutboxDirectory
    store: Store
    urls: Mapping[str, str]

    def take_in(self) -> None:
        """
        Look at all that has happened by now.

        :raises Refused: if that can't be.
        """
        intake = Intake(self.store)
        try:
            intake.take()
        except Unusable as error:
            raise Refused(f"{self.directory.path}: {error}") from error
        finally:
            intake.close()

    def cursors(self) -> dict[str, Cursor]:
        """
        :return: how far endpoints have come.
        :raises Refused: if that can't be read.
        """
        try:
            return self.store.cursors()
        except Unusable as error:
            raise Refused(f"{self.directory.path}: {error}") from error

    def ring(self) -> None:
        """Wake who delivers."""
        rope = BellRope(self.directory.bell)
        rope.ring()
        rope.close()


def lines(
    configuration: Configuration, environ: Mapping[str, str], options: argparse.Namespace
) -> Iterator[str]:
    """
    Do what the command line asks for.

    :return: what is to be printed.
    :raises Refused: if that can't be done.
    """
    looked = look(configuration, environ)
    try:
        looked.take_in()
        if options.what == "status":
            yield from status(looked, as_json=options.json)
        elif options.what == "replay":
            yield replay(looked, options.endpoint, moment(options.since), moment(options.until))
        elif options.replay:
            yield replay_dead_letters(looked, options.endpoint)
        else:
            yield from list_dead_letters(looked, options.endpoint)
    finally:
        looked.store.close()


def look(configuration: Configuration, environ: Mapping[str, str]) -> Looked:
    """
    :return: the outbox of a registry.
    :raises Refused: if there is none.
    """
    place = outbox_place(configuration, environ)
    if not place:
        raise Refused("events of an inmemory registry are in its memory, unless outbox.path is set")
    directory = OutboxDirectory(place)
    if not os.path.exists(directory.database):
        raise Refused(
            f"{place}: there is no outbox; the registry makes it when it first starts, "
            "unless its log says that it keeps events in memory"
        )
    urls = {each.name: each.url for each in configuration.notifications.endpoints}
    return Looked(
        directory, Store(directory, None, configuration.notifications.outbox.maxsize), urls
    )


def status(looked: Looked, *, as_json: bool) -> Iterator[str]:
    """
    :return: lines that tell how every endpoint is.
    :raises Refused: if the outbox can't be read.
    """
    try:
        found = _status(looked)
    except Unusable as error:
        raise Refused(f"{looked.directory.path}: {error}") from error
    if as_json:
        yield json.dumps(found, indent=2)
        return
    yield (
        f"{found['path']}: {found['events']} events, {found['bytes'] / 2**20:.1f} MiB; "
        + ("a registry delivers" if found["delivers"] else "no registry runs that delivers")
    )
    yield from _table([_COLUMNS, *(_row(each) for each in found["endpoints"])])
    for each in found["endpoints"]:
        if each["problem"]:
            yield f"{each['name']}: {each['problem']}"


def replay(looked: Looked, endpoint: str, since: float, until: float) -> str:
    """
    Deliver once more what an endpoint had.

    :param since: seconds since 1970.
    :param until: the same.
    :return: a line that tells what will be.
    :raises Refused: if there is no such endpoint.
    """
    _demand(looked, endpoint)
    try:
        number = looked.store.repeat(endpoint, since, until, time.time())
    except Unusable as error:
        raise Refused(f"{looked.directory.path}: {error}") from error
    looked.ring()
    return f"{number} events are delivered to {endpoint} once more"


def list_dead_letters(looked: Looked, endpoint: str | None) -> Iterator[str]:
    """
    :param endpoint: of which; ``None`` for all.
    :return: a line of JSON for each.
    """
    for letter in DeadLetters(looked.directory):
        if endpoint in (None, letter.endpoint):
            yield letter.line().rstrip("\n")


def replay_dead_letters(looked: Looked, endpoint: str | None) -> str:
    """
    Put dead letters into the outbox again.

    :param endpoint: of which; ``None`` for all that there still are.
    :return: a line that tells what will be.
    :raises Refused: if there is no such endpoint, or they can't be put there.
    """
    names = set(looked.cursors())
    if endpoint is not None:
        _demand(looked, endpoint)
        names = {endpoint}

    def put(letters: list[DeadLetter]) -> None:
        now = time.time()
        # One by one: all at once may be too large.
        for letter in letters:
            looked.store.append([letter.entry(now)], durable=letter is letters[-1])

    def fits(letter: DeadLetter) -> bool:
        return len(letter.entry(0.0).payload) <= looked.store.most

    letters = DeadLetters(looked.directory)
    try:
        number = letters.take(lambda each: each.endpoint in names and fits(each), put)
    except (Unusable, OSError) as error:
        raise Refused(f"{looked.directory.path}: {error}") from error
    finally:
        looked.ring()
    left = sum(1 for each in letters if each.endpoint in names and not fits(each))
    large = f"; {left} are too large for the outbox, and stay" if left else ""
    return f"{number} dead letters are tried again{large}"


def moment(text: str) -> float:
    """
    :param text: a moment of ISO 8601, in UTC if it doesn't say otherwise, or a duration, such as
        ``2h``: so long ago.
    :return: seconds since 1970.
    :raises Refused: if it is none of them.
    """
    with suppress(ValueError):
        return time.time() - parse_duration(text) / 1e9
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"{text}: no moment, such as 2026-11-24T07:30:00Z or 2h") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _demand(looked: Looked, endpoint: str) -> None:
    names = looked.cursors()
    if endpoint not in names:
        known = ", ".join(sorted(names)) or "none"
        raise Refused(f"there is no endpoint {endpoint!r}; there are: {known}")


def _status(looked: Looked) -> dict[str, Any]:
    events, size = looked.store.totals()
    return {
        "path": looked.directory.path,
        "delivers": is_locked(looked.directory.delivering),
        "events": events,
        "bytes": size,
        "oldest": looked.store.oldest(),
        "endpoints": [
            _endpoint(looked, name, cursor) for name, cursor in sorted(looked.cursors().items())
        ],
        "dead letters": sum(1 for _ in DeadLetters(looked.directory)),
    }


def _endpoint(looked: Looked, name: str, cursor: Cursor) -> dict[str, Any]:
    state = json.loads(cursor.state or "{}")
    pending = looked.store.pending(name, cursor.seq)
    return {
        "name": name,
        "url": masked(looked.urls.get(name, "")),
        "state": state.get("state", "idle"),
        "pending": pending,
        "waiting_since": looked.store.oldest(cursor.seq) if pending else None,
        "delivered": state.get("delivered") or None,
        "failures": state.get("failures", 0),
        "problem": state.get("problem", ""),
    }


def _row(each: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        each["name"],
        each["state"],
        str(each["pending"]),
        _shown(each["waiting_since"]),
        _shown(each["delivered"]),
        str(each["failures"]),
        each["url"],
    )


def _shown(at: float | None) -> str:
    if at is None:
        return "-"
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
