"""
What the load generator is told to send: ``load/plan.c`` says how it is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from attrs import field, frozen

LOCATION = "@"
"""A target that begins with it is the last ``Location``, with the rest added to its query."""


@frozen
class Body:
    """
    A part of the file of bodies.

    :param offset: where it begins, in bytes.
    :param length: in bytes.
    :param piece: it is sent in chunks of so many bytes; 0: with a ``Content-Length``.
    """

    offset: int
    length: int
    piece: int = 0


@frozen
class Request:
    """
    One request.

    :param status: the one that it must be answered with.
    :param follows: it is repeated for the next page, until there is none.
    """

    method: str
    target: str
    status: int = 200
    headers: Mapping[str, str] = field(factory=dict)
    body: Body | None = None
    follows: bool = False

    def lines(self) -> Iterator[str]:
        """
        The lines of the plan.
        """
        yield f"request {self.method} {self.status} {self.target}"
        for name, value in self.headers.items():
            yield f"header {name}: {value}"
        if self.body is not None:
            yield f"body {self.body.offset} {self.body.length}"
            if self.body.piece:
                yield f"chunked {self.body.piece}"
        if self.follows:
            yield "follow"


Job = Sequence[Request]
"""What one client does in a row."""


def write_plan(path: Path, jobs: Iterable[Job], bodies: Path | None = None) -> Path:
    """
    Write a plan.

    :param bodies: the file that the requests' bodies are parts of.
    :return: the path.
    """
    with path.open("w", encoding="ascii") as file:
        if bodies is not None:
            file.write(f"bodies {bodies}\n")
        for job in jobs:
            file.write("job\n")
            file.writelines(f"{line}\n" for request in job for line in request.lines())
    return path
