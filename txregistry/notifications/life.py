"""
The life of an endpoint, as a state machine.  `docs/notifications-delivery.md` has a drawing of it.
"""

from __future__ import annotations

from typing import Protocol

from automat import TypeMachineBuilder


class Life(Protocol):
    """
    What happens to an endpoint.
    """

    def wake(self) -> None:
        """There may be something to deliver."""

    def drained(self) -> None:
        """There is nothing to deliver."""

    def delivered(self) -> None:
        """The endpoint has taken a message."""

    def failed(self) -> None:
        """It has not, as it happens."""

    def broke(self) -> None:
        """It has not, and not for the first time."""

    def time_came(self) -> None:
        """It is time to try again."""

    def stop(self) -> None:
        """Deliver what there is, if that works at once, and end."""


class Deeds(Protocol):
    """
    What is done about it.
    """

    def enter(self, state: str) -> None:
        """Note the state, for who looks from outside."""

    def deliver(self) -> None:
        """Deliver from now on, and tell of every message, and of the end."""

    def wait(self) -> None:
        """Tell when it is time to try again, which is soon."""

    def let_alone(self) -> None:
        """Tell when it is time to try again, which is later."""

    def end(self) -> None:
        """Do nothing more, whatever has been planned."""


_builder = TypeMachineBuilder(Life, Deeds)  # type: ignore[type-abstract]  # it takes protocols

idle = _builder.state("idle")
delivering = _builder.state("delivering")
waiting = _builder.state("waiting")
broken = _builder.state("broken")
probing = _builder.state("probing")
ending = _builder.state("ending")
ended = _builder.state("ended")


@idle.upon(Life.wake).to(delivering)
@waiting.upon(Life.time_came).to(delivering)
def _begin(_: Life, deeds: Deeds) -> None:
    deeds.enter("delivering")
    deeds.deliver()


@broken.upon(Life.time_came).to(probing)
def _probe(_: Life, deeds: Deeds) -> None:
    deeds.enter("probing")
    deeds.deliver()


@probing.upon(Life.delivered).to(delivering)
def _recover(_: Life, deeds: Deeds) -> None:
    deeds.enter("delivering")


@delivering.upon(Life.drained).to(idle)
@probing.upon(Life.drained).to(idle)
def _rest(_: Life, deeds: Deeds) -> None:
    deeds.enter("idle")


@delivering.upon(Life.failed).to(waiting)
@probing.upon(Life.failed).to(waiting)
def _wait(_: Life, deeds: Deeds) -> None:
    deeds.enter("waiting")
    deeds.wait()


@delivering.upon(Life.broke).to(broken)
@probing.upon(Life.broke).to(broken)
def _let_alone(_: Life, deeds: Deeds) -> None:
    deeds.enter("broken")
    deeds.let_alone()


@delivering.upon(Life.stop).to(ending)
@probing.upon(Life.stop).to(ending)
def _go_on(_: Life, deeds: Deeds) -> None:
    deeds.enter("ending")


@idle.upon(Life.stop).to(ending)
def _look_again(_: Life, deeds: Deeds) -> None:
    deeds.enter("ending")
    deeds.deliver()


@waiting.upon(Life.stop).to(ended)
@broken.upon(Life.stop).to(ended)
@ending.upon(Life.drained).to(ended)
@ending.upon(Life.failed).to(ended)
@ending.upon(Life.broke).to(ended)
def _end(_: Life, deeds: Deeds) -> None:
    deeds.enter("ended")
    deeds.end()


for _state in (delivering, waiting, broken, probing, ending, ended):
    _state.upon(Life.wake).loop().returns(None)
for _state in (delivering, ending):
    _state.upon(Life.delivered).loop().returns(None)
for _input in (Life.drained, Life.delivered, Life.failed, Life.broke, Life.time_came, Life.stop):
    ended.upon(_input).loop().returns(None)
ending.upon(Life.stop).loop().returns(None)

make_life = _builder.build()
"""Makes a machine in its first state, which is idle."""
