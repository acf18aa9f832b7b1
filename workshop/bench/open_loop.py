"""Ask a server at a given rate, whether it keeps up or not.

Knows: sockets for a queue of requests, sending on time, a process for it.
Does not know: when a request is due, what its moments mean.

It obeys the orders of the closed loop, and one more: offer so many requests
a second, for some seconds, drawn from a seed. Requests are rendered before,
and no rubbish is collected meanwhile, so that it sends on time.
"""

import asyncio
import base64
import gc
import sys
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workshop.bench import load
from workshop.bench.arrivals import Queue, Trace, poisson
from workshop.bench.cases import Case, WrongAnswer
from workshop.bench.load import Builtin, Client, ClosedLoop

# Selectors round to milliseconds, and Windows sleeps for 16 at least: what is
# due sooner than this is waited for with open eyes.
SPIN = 0.002 if sys.platform != "win32" else 0.02
SOON = 0.01  # seconds from the order to the first request


@dataclass(frozen=True)
class Offered:
    """What became of an offer: the moments, as text for JSON."""

    wrong: str | None
    moments: dict[str, str]


# The generator's side


class OpenClient(Client):
    """One connection: it is told when to send."""

    load: "OpenLoop"

    def answered(self) -> None:
        queue = self.load.queue
        if queue is None:  # This is a closed loop's turn.
            super().answered()
        else:
            queue.answered(self)
            self.load.rest(self)


class OpenLoop(ClosedLoop):
    """Connections that share a queue of requests, each due at its time."""

    kind = OpenClient

    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.queue: Queue[Any] | None = None

    async def offer(self, due: Sequence[float]) -> Trace:
        """Send each request when it is due; return once all is answered."""
        self.done = asyncio.get_running_loop().create_future()
        start = time.perf_counter() + SOON
        intended = array("d", (start + moment for moment in due))
        self.queue = queue = Queue(
            intended, self.clients, time.perf_counter, OpenClient.ask
        )
        gc.collect()
        gc.disable()
        self.tick(start)
        try:
            async with asyncio.timeout(SOON + due[-1] + load.PATIENCE):
                await self.done
        except TimeoutError:
            self.fail(f"{queue.unanswered} requests were never answered")
        finally:
            gc.enable()
            self.queue = None
        return queue.trace

    def tick(self, expected: float) -> None:
        """Send what is due, and come back for the next one."""
        if self.queue is None:
            return
        self.queue.awake(expected)
        self.queue.send_due()
        ahead, loop = self.queue.ahead, asyncio.get_running_loop()
        if ahead is None:
            return
        now = time.perf_counter()
        if ahead > SPIN:
            loop.call_later(ahead - SPIN, self.tick, now + ahead)
        else:
            loop.call_soon(self.tick, now)

    def rest(self, client: Client) -> None:
        """A connection has no request now; that may be the end."""
        if self.queue is None or client not in self.clients:
            super().rest(client)
        elif not self.queue.unanswered and self.done:
            self.done.set_result(None)


async def obey(known: OpenLoop | None, order: dict[str, Any]) -> Any:
    """Do what one line asks for; return the load and what it brought."""
    if order["do"] != "offer":
        return await load.obey(known, order, OpenLoop)
    assert known
    due = poisson(order["rate"], order["seconds"], order["seed"])
    trace = await known.offer(due)
    return known, Offered(known.wrong, to_text(trace))


def to_text(trace: Trace) -> dict[str, str]:
    """Return the moments of a trace as text."""
    return {
        name: base64.b64encode(times.tobytes()).decode("ascii")
        for name, times in vars(trace).items()
    }


def from_text(moments: dict[str, str]) -> Trace:
    """Return the trace that `to_text` made into text.

    >>> trace = Trace(*(array("d", [number]) for number in range(4)))
    >>> from_text(to_text(trace)) == trace
    True
    """
    return Trace(
        **{
            name: array("d", base64.b64decode(text))
            for name, text in moments.items()
        }
    )


# The side of who measures


class OpenBuiltin(Builtin):
    """Our own generator, that can offer a load as well; one process."""

    program = "workshop.bench.open_loop"

    def __init__(self, connections: int = 32) -> None:
        super().__init__(1, connections)

    def offer(self, rate: float, seconds: float, seed: int) -> Trace:
        """Offer a load; WrongAnswer if one answer is not right."""
        (process,) = self.processes
        order = {"rate": rate, "seconds": seconds, "seed": seed}
        load.tell(process, {"do": "offer", "port": self.port, **order})
        offered = Offered(**load.told(process))
        if offered.wrong:
            raise WrongAnswer(offered.wrong)
        return from_text(offered.moments)


if __name__ == "__main__":
    load.main(obey)
