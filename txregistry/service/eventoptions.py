"""
The command line of ``txregistry events``.  Reading it takes nothing of what the command needs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

_REPLAY = """
The events go into the outbox once more, for this endpoint alone, with the ids that they had, and
are delivered after what waits there.  A moment is of ISO 8601 (2026-11-24T07:30:00Z; UTC if it
doesn't say otherwise), or a duration (90m, 2h30m): so long ago.
"""


def add_events(
    parser: argparse.ArgumentParser, configuration: Callable[[argparse.ArgumentParser], None]
) -> None:
    """
    :param configuration: adds the argument that names the configuration.
    """
    commands = parser.add_subparsers(metavar="COMMAND", required=True, dest="what")
    status = commands.add_parser(
        "status",
        help="tell how every endpoint is, and what waits for it",
        description=(
            "Tell how every endpoint is, what waits for it and since when, and what was wrong "
            "last.  What is secret in URLs is masked."
        ),
    )
    status.add_argument("--json", action="store_true", help="as JSON")
    replay = commands.add_parser(
        "replay",
        help="deliver once more what an endpoint had",
        description="Deliver once more what an endpoint had.",
        epilog=_REPLAY,
    )
    replay.add_argument("--endpoint", required=True, metavar="NAME", help="which")
    replay.add_argument("--since", required=True, metavar="MOMENT", help="from when on")
    replay.add_argument("--until", metavar="MOMENT", default="0", help="to when (default: now)")
    dead = commands.add_parser(
        "dead-letters",
        help="tell what was given up, or try it again",
        description=(
            "Print what was given up since the outbox was full or an event too old: a line of "
            "JSON for each event that an endpoint never got."
        ),
    )
    dead.add_argument("--endpoint", metavar="NAME", help="only what was for this one")
    dead.add_argument(
        "--replay", action="store_true", help="put them into the outbox again, and print none"
    )
    for each in (status, replay, dead):
        configuration(each)
