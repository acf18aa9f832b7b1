"""Decide when each request is sent, and note what became of it.

Knows: Poisson arrivals, a queue for connections, four moments of a request,
when the generator itself was stopped.
Does not know: sockets, HTTP, whose clock it is.

People do not wait for one another before they click: requests come at their
own times, however busy the server is. So each is due at a moment that was
drawn before, and its response time counts from there (coordinated omission:
who counts from the sending forgets that a slow server made us send late).
If all connections wait for an answer, a request queues; none is skipped.
"""

import random
from array import array
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

STOP = 0.002  # seconds: a turn of the loop takes less, with all answers there
Connection = TypeVar("Connection")
Times: TypeAlias = "array[float]"  # seconds


def poisson(rate: float, seconds: float, seed: int) -> Times:
    """Return when requests are due: `rate` a second, each by itself.

    The gaps of a seed are drawn once and stretched to the rate, so that all
    servers are asked in the same rhythm.

    >>> slow, fast = poisson(10, 1, seed=7), poisson(20, 1, seed=7)
    >>> slow[3] == 2 * fast[3]
    True
    """
    lot = random.Random(seed)
    due = array("d")
    moment = lot.expovariate(1) / rate
    drawn = moment * rate
    while moment < seconds:
        due.append(moment)
        drawn += lot.expovariate(1)
        moment = drawn / rate
    return due


def moments(number: int) -> Times:
    """Return so many moments that are not known yet."""
    return array("d", bytes(8 * number))


@dataclass(frozen=True)
class Trace:
    """Four moments of each request, in seconds of one clock."""

    intended: Times  # It was due.
    possible: Times  # It was due, and a connection was free.
    actual: Times  # It was sent.
    ended: Times  # Its answer was there, and was right.
    # How long the generator was not running, each time: others had its core.
    # Meanwhile it read no answer either, so that a server would look slow.
    stopped: Times = field(default_factory=lambda: moments(0))

    @property
    def response(self) -> Times:
        """How long people waited."""
        return between(self.intended, self.ended)

    @property
    def closed(self) -> Times:
        """How long a tool would say: it looks when it has sent."""
        return between(self.actual, self.ended)

    @property
    def late(self) -> Times:
        """By how much the generator itself was late: nobody else was."""
        return between(self.possible, self.actual)

    def reached(self, seconds: float) -> float:
        """Return which share of the offered load was answered in time.

        What was offered in some seconds was answered in these, and in the
        time that the queue then took to empty.
        """
        backlog = max(self.ended) - self.intended[-1]
        return seconds / (seconds + backlog)

    def in_system(self) -> float:
        """Return how many requests were waiting or served, on average.

        We count at each arrival and each end. Little's law says that it must
        be arrivals a second, times the mean response time.
        """
        steps = [(moment, 1) for moment in self.intended]
        steps += [(moment, -1) for moment in self.ended]
        steps.sort()
        there, area, last = 0, 0.0, steps[0][0]
        for moment, step in steps:
            area += there * (moment - last)
            there, last = there + step, moment
        return area / (last - steps[0][0])


def between(a: Iterable[float], b: Iterable[float]) -> Times:
    """Return how long it is from each moment to its other."""
    return array("d", (y - x for x, y in zip(a, b, strict=True)))


@dataclass
class Queue(Generic[Connection]):
    """Requests that are sent when they are due, or once one can.

    `clock` and `send` are given: a test turns the clock by hand.
    """

    intended: Times
    connections: Iterable[Connection]
    clock: Callable[[], float]
    send: Callable[[Connection], None]
    sent: int = 0
    answers: int = 0
    under_way: dict[Connection, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        number = len(self.intended)
        new = (moments(number) for _ in range(3))
        self.trace = Trace(self.intended, *new)
        # Who is free for longest is taken next.
        self.free = deque((each, 0.0) for each in self.connections)

    def send_due(self) -> None:
        """Send what is due, in its order, while a connection is free."""
        while self.free and self.sent < len(self.intended):
            due, now = self.intended[self.sent], self.clock()
            if due > now:
                return
            connection, since = self.free.popleft()
            self.trace.possible[self.sent] = max(due, since)
            self.trace.actual[self.sent] = now
            self.under_way[connection] = self.sent
            self.sent += 1
            self.send(connection)

    def answered(self, connection: Connection) -> None:
        """Note an end; the connection takes the next request that waits."""
        now = self.clock()
        self.trace.ended[self.under_way.pop(connection)] = now
        self.answers += 1
        self.free.append((connection, now))
        self.send_due()

    def awake(self, expected: float) -> None:
        """Note that the generator runs; it wanted to when it was expected."""
        away = self.clock() - expected
        if away > STOP:
            self.trace.stopped.append(away)

    @property
    def ahead(self) -> float | None:
        """Seconds until the next request is due; None: all are sent."""
        if self.sent == len(self.intended):
            return None
        return self.intended[self.sent] - self.clock()

    @property
    def unanswered(self) -> int:
        return len(self.intended) - self.answers
