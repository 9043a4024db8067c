"""
One endpoint: what becomes of the events that it is to be told.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence

from attrs import field, frozen
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from txregistry.deferreds import deferred
from txregistry.notifications.backoff import Backoff
from txregistry.notifications.counting import Counts
from txregistry.notifications.formats.message import Format
from txregistry.notifications.formats.signature import signed
from txregistry.notifications.life import Life, make_life
from txregistry.notifications.poster import Answer, Poster
from txregistry.notifications.reading import Reading, Waiting


@frozen(kw_only=True)
class Manner:
    """
    How an endpoint is told.

    :param format: writes events.
    :param batch: the most events in a message.
    :param secret: signs messages; ``b""`` for no signature.
    :param backoff: when it is tried again.
    """

    format: Format
    batch: int = 1
    secret: bytes = field(default=b"", repr=False)
    backoff: Backoff


class Endpoint:
    """
    Tells an endpoint of events, one message after the other, until it has them.

    :param name: of it.
    :param manner: how it is told.
    :param reading: what it is to be told.
    :param poster: posts to it.
    :param clock: calls when it is time to try again.
    :param counts: told what becomes of messages.
    :param changed: called when :attr:`position` or :meth:`state` are not what they were.
    """

    log = Logger()

    def __init__(
        self,
        name: str,
        manner: Manner,
        reading: Reading,
        poster: Poster,
        clock: IReactorTime,
        counts: Counts,
        changed: Callable[[], None],
    ) -> None:
        self.name = name
        self.counts = counts
        self.reading = reading
        self._manner = manner
        self._poster = poster
        self._clock = clock
        self._changed = changed
        self._failures = 0
        self._problem = ""
        self._last = 0.0
        self._woken = False
        self._state = "idle"
        self._again: IDelayedCall | None = None
        self._running: Deferred[None] = succeed(None)
        self._ended: Deferred[None] = Deferred()
        self._life: Life = make_life(self)

    def wake(self) -> None:
        """There may be something to deliver."""
        self._woken = True
        self._life.wake()

    def stop(self) -> Deferred[None]:
        """
        Deliver what there is, as long as that works.

        :return: fires at the end; to cancel it is to end now.
        """
        self._life.stop()
        return self._ended

    @deferred
    async def abandon(self) -> None:
        """End now, and close the connection."""
        self._running.cancel()
        await self._poster.close()

    @property
    def is_let_alone(self) -> bool:
        """Whether nothing is delivered before it is time to try again."""
        return self._again is not None

    @property
    def position(self) -> int:
        """Of the last event that it needs no more."""
        return self.reading.position

    def state(self) -> str:
        """
        :return: how it is, for who looks from outside: JSON.
        """
        return json.dumps(
            {
                "state": self._state,
                "failures": self._failures,
                "problem": self._problem,
                "delivered": self._last,
            }
        )

    # what the machine asks for

    def enter(self, state: str) -> None:
        self._state = state

    def deliver(self) -> None:
        self._running = self._deliver()

    def wait(self) -> None:
        self._try_in(self._manner.backoff.soon(self._failures))

    def let_alone(self) -> None:
        self._try_in(self._manner.backoff.later())

    def end(self) -> None:
        if self._again is not None:
            self._again.cancel()
            self._again = None
        if not self._ended.called:
            self._ended.callback(None)

    # inside

    def _try_in(self, seconds: float) -> None:
        self._again = self._clock.callLater(seconds, self._time_came)
        self._changed()

    def _time_came(self) -> None:
        self._again = None
        self._life.time_came()

    @deferred
    async def _deliver(self) -> None:
        try:
            while await self._deliver_one():
                pass
        except CancelledError:
            self._life.failed()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
            self._fail(Answer(False, problem=str(error)), 0)

    async def _deliver_one(self) -> bool:
        """:return: whether to go on."""
        self._woken = False
        waiting = await self.reading.next(self._manner.batch)
        if not waiting:
            if self._woken:
                return True
            self._changed()
            self._life.drained()
            return False
        answer = await self._post(waiting)
        if not answer.accepted:
            self._fail(answer, len(waiting))
            return False
        self.reading.passed(waiting)
        self.counts.delivered(len(waiting), answer.status)
        self._succeed()
        return True

    def _post(self, waiting: Sequence[Waiting]) -> Deferred[Answer]:
        message = self._manner.format([each.event for each in waiting])
        if self._manner.secret:
            message = signed(message, self._manner.secret, int(time.time()))
        return self._poster.post(message)

    def _succeed(self) -> None:
        if self._failures:
            self.log.info(
                "endpoint {name} takes events again, after {failures} failures",
                name=self.name,
                failures=self._failures,
            )
        self._failures, self._problem, self._last = 0, "", time.time()
        self._changed()
        self._life.delivered()

    def _fail(self, answer: Answer, number: int) -> None:
        if answer.status:
            self.counts.refused(number, answer.status)
        else:
            self.counts.failed(number)
        self._failures += 1
        self._problem = answer.problem
        breaks = self._manner.backoff.breaks(self._failures)
        if self._failures in {1, self._manner.backoff.threshold}:
            self.log.warn(  # noqa: G010 - Twisted's logger has no other
                "endpoint {name}: {problem} ({failures} failures in a row); its events wait in "
                "the outbox",
                name=self.name,
                problem=answer.problem,
                failures=self._failures,
            )
        if breaks:
            self._life.broke()
        else:
            self._life.failed()
