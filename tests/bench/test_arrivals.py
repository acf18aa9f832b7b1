"""An open loop on a clock that is turned by hand: arithmetic, no sockets."""

import heapq
import math
from array import array
from itertools import pairwise

import pytest

from workshop.bench.arrivals import Queue, between, poisson
from workshop.bench.offered import percentiles

STALL, OVER = 5.0, 5.2  # seconds: nothing is answered between these


class World:
    """A server, a generator and their clock.

    `ends(now)` says when a request that is sent now is answered; `wakes(due)`
    when a generator that should send then really does.
    """

    def __init__(self, due, ends, connections=32, wakes=lambda due: due):
        self.now = 0.0
        self.ends, self.wakes = ends, wakes
        self.coming = []
        self.queue = Queue(
            due, range(connections), lambda: self.now, self.send
        )

    def send(self, connection):
        heapq.heappush(self.coming, (self.ends(self.now), connection))

    def run(self):
        """Turn the clock until all is answered; return the trace."""
        queue = self.queue
        while queue.unanswered:
            sending = self.sending()
            if self.coming and self.coming[0][0] <= sending:
                self.now, connection = heapq.heappop(self.coming)
                queue.answered(connection)
            else:
                self.now = sending
                queue.send_due()
        return queue.trace

    def sending(self):
        """Return when something can be sent next."""
        queue = self.queue
        if not queue.free or queue.sent == len(queue.intended):
            return math.inf
        return max(self.now, self.wakes(queue.intended[queue.sent]))


def stalling(now):
    """An answer takes no time, but for one stall."""
    return OVER if STALL <= now < OVER else now


def one_by_one(seconds):
    """Return a server that takes so long for each, and does one at a time."""
    busy = 0.0

    def ends(now):
        nonlocal busy
        busy = max(now, busy) + seconds
        return busy

    return ends


def regular(seconds):
    """Return 500 arrivals a second, at equal distances."""
    return array("d", (number / 500 for number in range(500 * seconds)))


# Arrivals


def test_arrivals_of_a_seed_are_the_same():
    assert poisson(500, 2, seed=1) == poisson(500, 2, seed=1)
    assert poisson(500, 2, seed=1) != poisson(500, 2, seed=2)


def test_a_rhythm_is_stretched_to_its_rate():
    slow, fast = poisson(500, 4, seed=1), poisson(1000, 2, seed=1)

    assert list(slow) == pytest.approx([2 * moment for moment in fast])


def test_arrivals_are_poisson():
    due = poisson(1000, 100, seed=2026)
    gaps = [b - a for a, b in pairwise(due)]
    mean = sum(gaps) / len(gaps)
    variance = sum((gap - mean) ** 2 for gap in gaps) / len(gaps)
    memory = sum(a * b for a, b in pairwise(gaps))

    assert mean == pytest.approx(0.001, rel=0.01)
    assert math.sqrt(variance) == pytest.approx(mean, rel=0.02)
    for times in (0.5, 1, 2):  # More than so many mean gaps: e^-times of all.
        longer = sum(gap > times * mean for gap in gaps) / len(gaps)
        assert longer == pytest.approx(math.exp(-times), rel=0.02)
    assert memory / len(gaps) == pytest.approx(mean**2, rel=0.02)
    assert min(due) > 0
    assert max(due) < 100


# The stall


@pytest.mark.parametrize("connections", [1, 32, 200])
def test_a_stall_of_200_ms_gives_the_percentiles_of_arithmetic(connections):
    # 100 of 5,000 requests are due in the stall; they wait 200, 198, ... 2 ms.
    trace = World(regular(10), stalling, connections).run()

    assert percentiles(trace.response) == {
        "p50": 0.0,
        "p90": 0.0,
        "p99": pytest.approx(102.0),  # the 51st of these 100
    }
    assert max(trace.response) == pytest.approx(0.2)


def test_percentiles_of_a_stall_fall_with_its_share():
    # The same 100 are a hundredth of 10,000 now.
    trace = World(regular(20), stalling).run()

    assert percentiles(trace.response) == {
        "p50": 0.0,
        "p90": 0.0,
        "p99": pytest.approx(2.0),
        "p99.9": pytest.approx(182.0),
    }


@pytest.mark.parametrize("connections", [1, 32])
def test_a_closed_loop_sees_a_stall_once_on_each_connection(connections):
    trace = World(regular(10), stalling, connections).run()

    assert sum(time > 0.001 for time in trace.closed) == connections
    assert percentiles(trace.closed)["p99"] == 0.0
    assert max(trace.closed) == pytest.approx(0.2)


def test_a_stall_delays_each_that_is_due_in_it_by_what_is_left():
    due = poisson(500, 10, seed=2026)

    trace = World(due, stalling).run()

    left = [OVER - at if STALL <= at < OVER else 0 for at in due]
    assert list(trace.response) == pytest.approx(left)
    assert percentiles(trace.response) == pytest.approx(
        percentiles(array("d", left))
    )


# Queueing


def test_nothing_is_skipped():
    due = poisson(2000, 1, seed=3)  # twice what the server can do

    trace = World(due, one_by_one(0.001), connections=4).run()

    assert trace.intended == due
    assert min(between(trace.intended, trace.actual)) >= 0
    assert list(trace.actual) == sorted(trace.actual)
    assert min(trace.closed) > 0
    assert max(trace.ended) == pytest.approx(due[0] + len(due) * 0.001)


@pytest.mark.parametrize("rate", [100, 500, 900, 1100])
def test_littles_law_holds(rate):
    trace = World(poisson(rate, 5, seed=4), one_by_one(0.001)).run()

    window = max(trace.ended) - trace.intended[0]
    arrivals = len(trace.intended) / window
    waited = sum(trace.response) / len(trace.response)
    assert trace.in_system() == pytest.approx(arrivals * waited, rel=1e-9)


def test_a_queue_is_as_long_as_theory_says():
    # One server, equal times, Poisson arrivals (M/D/1): at half of capacity
    # people wait half the time that one answer takes, and are then served.
    trace = World(poisson(500, 80, seed=5), one_by_one(0.001)).run()

    waited = sum(trace.response) / len(trace.response)
    assert waited == pytest.approx(0.0015, rel=0.02)


def test_what_was_reached_counts_the_backlog():
    due = array("d", (number / 1000 for number in range(1000)))

    kept_up = World(due, one_by_one(0.0005)).run()
    grew = World(due, one_by_one(0.002)).run()

    assert kept_up.reached(1) == pytest.approx(1, abs=0.001)
    assert grew.reached(1) == pytest.approx(0.5, abs=0.001)


# Who was late


def test_a_slowed_generator_is_late_itself():
    def every_5_ms(due):
        return math.ceil(due / 0.005) * 0.005

    due = array("d", (number / 1000 for number in range(1000)))
    trace = World(due, lambda now: now, 32, every_5_ms).run()

    assert percentiles(trace.late)["p99"] == pytest.approx(4.0)
    assert trace.response == trace.late
    assert max(trace.closed) == 0


def test_a_slow_server_makes_no_generator_late():
    trace = World(poisson(2000, 1, seed=6), one_by_one(0.001), 4).run()

    assert max(trace.late) == 0
    assert max(trace.response) > 0.5


def test_an_answer_excuses_no_generator_that_had_a_connection():
    # One connection is free all the time, another answers at 3: the request
    # that was due at 1 is sent only then, on the one that was free.
    now = 0.0
    sent = []
    queue = Queue(array("d", [0.0, 1.0]), "ab", lambda: now, sent.append)
    queue.send_due()
    now = 3.0

    queue.answered("a")

    assert sent == ["a", "b"]
    assert list(queue.trace.late) == [0.0, 2.0]
    assert queue.ahead is None


def test_a_generator_that_did_not_run_says_so():
    now = 1.0
    queue = Queue(array("d", [0.0]), "a", lambda: now, print)

    for expected in (1.5, 1.0, 0.9985, 0.75):  # early, on time, and late
        queue.awake(expected)

    assert list(queue.trace.stopped) == [0.25]
