"""
All the processes of a run.
"""

from __future__ import annotations

import selectors
import socket
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, Final, TextIO

from attrs import frozen
from twisted.internet.defer import Deferred, gatherResults

from txregistry.configuration import Configuration, Loaded
from txregistry.errors import CannotServe
from txregistry.web.shares import ABSENT, Shares
from txregistry.workers.channel import Order
from txregistry.workers.covers import Covers
from txregistry.workers.posts import Post
from txregistry.workers.process import IsTold, Surroundings, WorkerProcess
from txregistry.workers.rundir import RunDirectory
from txregistry.workers.sockets import Pair

BACKGROUND: Final = "background"
START_SECONDS: Final = 60.0
"""How long workers may take until they serve for the first time."""


@frozen(kw_only=True)
class Task:
    """
    What is to be served.

    :param loaded: the configuration.
    :param text: what it was read from.
    :param source: the file in which that stood.
    :param environ: the environment.
    :param reactor_name: the name of the reactor that twistd was told to use, if it was.
    :param output: where the processes' logs go; ``None`` is where ours goes.
    """

    loaded: Loaded
    text: str
    source: str
    environ: Mapping[str, str]
    reactor_name: str = ""
    output: TextIO | None = None

    @property
    def configuration(self) -> Configuration:
        """What is configured."""
        return self.loaded.configuration


class Crew:
    """
    The workers, and a process for background work if there is any.

    :param reactor: starts and watches them.
    :param task: what they are to serve.
    :param count: of workers.
    :param sockets: one for each worker, or one for all.
    :param inboxes: one for each worker, if each has a socket.
    :param run_directory: what they share.
    """

    def __init__(
        self,
        reactor: Any,
        task: Task,
        count: int,
        sockets: Sequence[socket.socket],
        inboxes: Sequence[Pair],
        run_directory: RunDirectory,
    ) -> None:
        self._reactor = reactor
        self._task = task
        self._sockets = sockets
        self._inboxes = inboxes
        self._run_directory = run_directory
        self._surroundings = Surroundings(environ=task.environ, log=task.output)
        self._shares = Shares(run_directory.shares_path, 0)
        self._covers = Covers(self._tell) if len(sockets) > 1 else None
        self._workers = [self._worker(index) for index in range(count)]
        self._background: Post | None = None

    def begin(self) -> None:
        """
        Start the workers, and wait until all of them serve: what keeps one from it now would keep
        its successors from it too.

        :raises CannotServe: if one of them can't; none is left then.
        """
        try:
            self._wait([post.begin() for post in self._workers])
        except OSError as error:
            self.kill()
            raise CannotServe(str(error)) from error
        except BaseException:  # it may be a signal
            self.kill()
            raise

    def begin_background(self) -> None:
        """Start the process for background work, if there is any.  It is in nobody's way now."""
        configuration = self._task.configuration
        purges = configuration.storage.maintenance.uploadpurging.enabled
        if purges or configuration.notifications.enabled:
            start = partial(self._start, BACKGROUND, len(self._workers), (), ())
            self._background = Post(f"the process for {BACKGROUND} work", self._reactor, start)
            self._background.fill()

    def stop(self) -> Deferred[Any]:
        """
        Let all end what they have begun.

        :return: fires when they are gone.
        """
        return gatherResults([post.stop() for post in self._posts])

    def kill(self) -> None:
        """End all of them now."""
        for post in self._posts:
            post.kill()

    @property
    def _posts(self) -> list[Post]:
        return [*self._workers, *([self._background] if self._background else [])]

    def _worker(self, index: int) -> Post:
        return Post(
            f"worker {index}",
            self._reactor,
            partial(self._start, str(index), index, self._sockets, self._inboxes),
            partial(self._filled, index),
            partial(self._vacated, index),
        )

    def _start(
        self,
        name: str,
        index: int,
        sockets: Sequence[socket.socket],
        inboxes: Sequence[Pair],
        told: IsTold,
    ) -> WorkerProcess:
        order = Order(
            text=self._task.text,
            source=self._task.source,
            reactor=self._task.reactor_name,
            sockets=len(sockets),
            inboxes=len(inboxes),
            context=self._run_directory.context(index),
        )
        given = [*sockets, *chain.from_iterable(inboxes)]
        return WorkerProcess(self._reactor, name, order, given, self._surroundings, told)

    def _wait(self, processes: Sequence[WorkerProcess]) -> None:
        """Hear each say that it serves, before the reactor runs."""
        deadline = self._reactor.seconds() + START_SECONDS
        with selectors.DefaultSelector() as selector:
            for process in processes:
                selector.register(process, selectors.EVENT_READ)
            while selector.get_map():
                events = selector.select(max(0.0, deadline - self._reactor.seconds()))
                if not events:
                    raise CannotServe(f"the workers don't serve after {START_SECONDS:.0f} s")
                for key, _ in events:
                    self._hear(key.fileobj)
                    selector.unregister(key.fileobj)
        for process in processes:
            process.watch()

    def _hear(self, process: Any) -> None:
        process.hear()
        failure = next((post.failure for post in self._workers if post.failure), "")
        if failure:
            raise CannotServe(failure)

    def _filled(self, index: int) -> None:
        if self._covers is not None:
            self._covers.came(index)

    def _vacated(self, index: int) -> None:
        self._shares.tell(ABSENT, index)
        if self._covers is not None:
            self._covers.went(index)

    def _tell(self, worker: int, word: str, number: int) -> None:
        self._workers[worker].say(word, number)
