"""
How much a client may send, and how long it may take.
"""

from __future__ import annotations

from attrs import frozen

KIB = 1024
MIB = 1024 * KIB


@frozen(kw_only=True)
class Limits:
    """
    The limits of a connection.  Times are in seconds, sizes in bytes.

    :param head: the head of a request: the request line and all field lines.
    :param headers: how many field lines a head may have.
    :param chunk_line: one line that begins a chunk, with its extensions.
    :param trailers: all that follows the last chunk.
    :param head_time: until a head is complete, from its first byte or, on a new connection, from
        its beginning.
    :param keep_alive: between an answer and the next request.
    :param body_idle: between two pieces of a body that somebody waits for.
    :param write_idle: while a client takes nothing of an answer.
    :param body_piece: of a body that comes slowly; less is given to its reader only at its end.
    :param body_buffer: of a body that comes faster than it is read; then its sender has to wait.
    :param body_buffers: of all bodies together; beyond it a body's sender waits as soon as
        anything is buffered.
    :param pipelined: of requests that wait for the answer to an earlier one.
    :param drain: of the rest of a body that nobody read, if the connection is to be kept.
    :param linger_idle: between two pieces of what a client still sends after the last answer.
    :param linger_time: for all of that together.
    :param connections: how many there may be at once.
    """

    head: int = 64 * KIB
    headers: int = 100
    chunk_line: int = 1 * KIB
    trailers: int = 8 * KIB
    head_time: float = 30
    keep_alive: float = 90
    body_idle: float = 60
    write_idle: float = 60
    body_piece: int = 4 * KIB
    body_buffer: int = 1 * MIB
    body_buffers: int = 64 * MIB
    pipelined: int = 16 * KIB
    drain: int = 64 * KIB
    linger_idle: float = 5
    linger_time: float = 30
    connections: int = 4096
