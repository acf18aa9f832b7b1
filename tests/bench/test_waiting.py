"""When async wins and when not: servers, windows, bounds, conclusions."""

import asyncio
import dataclasses
import io
import json
from xml.etree import ElementTree

import pytest
from rich.console import Console

from workshop.bench import crowd, descriptors, waiters
from workshop.bench.cases import Case, WrongAnswer
from workshop.bench.crowd import ASYNC, BUG, EACH, POOL
from workshop.bench.experiment import find, lab
from workshop.bench.servers import Server, Usage
from workshop.bench.study import Options, conduct
from workshop.errors import WorkshopError
from workshop.exchange import Wire
from workshop.serving import launched

WAITING = find("waiting")
ARMS = crowd.arms()
TINY = crowd.Much((2,), 1, 0.2, 0.05, 1, ())
SOON = {"WAIT": "0.001", "WORK": "0.001"}
CLOSE = b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
KEEP = b" HTTP/1.1\r\nHost: x\r\n\r\n"


def point(arm, connections, rate, cpu_us=20.0, share=0.5, **more):
    """Return a point of one launch."""
    seen = {"rate": rate, "cpu_us": cpu_us, "memory": 2**20 * 30}
    seen |= {"server_share": share, "our_share": 0.1, **more}
    name = f"{arm}, {connections:,}"
    return {
        "name": name,
        "arm": arm,
        "connections": connections,
        "wrong": None,
        "samples": [seen],
    }


def tiny(arm, kind, took):
    """Return a point of a tiny request."""
    return {
        "name": f"{arm}, tiny {kind}",
        "arm": arm,
        "connections": None,
        "wrong": None,
        "samples": [{"p50_ms": took, "took_ms": [took]}],
    }


def told(quick=False, asyncio_us=20.0, one=49, computing=(45.0, 8.0)):
    """Return a result as it is expected, unless told otherwise."""
    points = [
        point(ASYNC, 1, one),
        *[point(arm, 1, 49) for arm in (EACH, POOL, BUG)],
        point(ASYNC, 1000, 20_000, asyncio_us, share=0.99),
        point(EACH, 1000, 9_000, 80.0, share=0.99),
        point(POOL, 1000, 1_580, 70.0),
        point(BUG, 1000, 50),
        tiny(ASYNC, "behind", computing[0]),
        tiny(EACH, "behind", computing[1]),
    ]
    plan = {"connections": [1, 100, 1000], "quick": quick}
    return {"points": points, "plan": plan}


@pytest.mark.parametrize("name", [ASYNC, EACH, POOL])
def test_each_server_answers_one_after_another_and_several_at_once(name):
    arm = ARMS[name]
    path = arm.case.request.split()[1]
    asks = [b"GET " + path + KEEP, b"GET /tiny" + KEEP, b"GET /tiny" + CLOSE]
    with launched(arm.folder, arm.program, {**arm.env, **SOON}) as running:
        exchange = Wire(running.url).send(b"".join(asks))
        server = Server(running.host, running.port, running.process.pid)
        took = asyncio.run(
            waiters.behind(server, crowd.DEAR, crowd.TINY, number=2)
        )

    contents = [answer.content for answer in exchange.answers]
    assert contents == [b"waited", b"tiny", b"tiny"]
    assert len(took) == 2


def test_more_connections_than_threads_are_all_served():
    arm = ARMS[POOL]
    env = {**arm.env, **SOON, "THREADS": "1"}

    async def three(server):
        load = waiters.Window(arm.case)
        await load.open(server.host, server.port, 3)
        run = await load.verify()  # all of them, with one thread
        load.close()
        return run

    with launched(arm.folder, arm.program, env) as running:
        server = Server(running.host, running.port, running.process.pid)
        run = asyncio.run(three(server))

    assert (run.answers, run.wrong) == (3, None)


@pytest.mark.parametrize(
    ("arm", "connections", "allowed"),
    [
        (ASYNC, 1000, 50_000),
        (EACH, 10, 500),
        (POOL, 10, 500),
        (POOL, 1000, 1_600),
        (BUG, 1, 50),
        (BUG, 1000, 50),
    ],
)
def test_bound_is_who_may_wait_together_by_the_wait(arm, connections, allowed):
    assert crowd.bound(arm, connections) == pytest.approx(allowed)


@pytest.mark.parametrize(
    ("rate", "cpu_us", "server", "ours", "limit"),
    [
        (4_900, 20, 0.1, 0.1, "wait"),
        (4_000, 60, 0.3, 0.1, "wait"),  # 6 ms of work stand behind 20
        (4_000, 60, 0.9, 0.1, "wait"),
        (2_000, 400, 0.9, 0.1, "server"),
        (1_650, 400, 0.7, 0.1, "server"),
        (2_000, 20, 0.1, 0.99, "generator"),
        (2_000, 20, 0.1, 0.5, "unclear"),
        (6_500, 20, 0.1, 0.1, "unclear"),  # more than can be
    ],
)
def test_what_limits_an_arm(rate, cpu_us, server, ours, limit):
    seen = {"rate": rate, "cpu_us": cpu_us}
    seen |= {"server_share": server, "our_share": ours}

    assert crowd.limit(ASYNC, 100, seen) == limit


def test_response_time_of_a_crowd_is_littles_law():
    assert crowd.response_ms(point(BUG, 1000, 50)) == 20_000
    assert crowd.response_ms(tiny(ASYNC, "alone", 0.4)) == 0.4


def test_median_is_that_of_the_launches():
    found = point(ASYNC, 1, 40)
    found["samples"] += [{"rate": 60}, {"rate": 50}]

    assert crowd.middle(found, "rate") == 50
    assert crowd.middle(found, "nothing") is None


ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b"
ASKED = Case("tiny", b"GET / HTTP/1.1\r\n\r\n", 200, {}, b"hi")


class Fixed(asyncio.Protocol):
    """A server that gives one answer, or none."""

    def __init__(self, content):
        self.content = content

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        if self.content is not None:
            length = len(self.content)
            self.transport.write(ANSWER % (length, self.content))


class Fake(Server):
    """A server whose clock goes on by 3 s at each look."""

    looks = 0

    def usage(self):
        Fake.looks += 1
        return Usage(3.0 * Fake.looks, 0, 7)


async def seen(content, work):
    """Return what `work` sees of a server that gives this content."""
    loop = asyncio.get_running_loop()
    address = "127.0.0.1", 0
    server = await loop.create_server(lambda: Fixed(content), *address)
    async with server:
        port = server.sockets[0].getsockname()[1]
        return await work(Fake("127.0.0.1", port, 0))


def watched(server):
    return waiters.watch(server, ASKED, 2, 0.01, 0.1)


def test_a_window_counts_answers_and_the_clock_between():
    found = asyncio.run(seen(b"hi", watched))

    number = 3e6 / found.cpu_us
    assert number == pytest.approx(round(number))
    assert found.rate > 0
    assert found.server_share / 3 == pytest.approx(found.rate / number)
    assert found.memory == 7


def test_what_came_before_a_window_does_not_count():
    many = 10**7

    async def later(server):
        load = waiters.Window(ASKED)
        load.answers = many
        await load.open(server.host, server.port, 2)
        found = await load.watch(0.01, 0.1, server.usage)
        load.close()
        return found

    assert 0 < asyncio.run(seen(b"hi", later)).rate < many


def test_a_wrong_answer_in_a_window_is_told():
    with pytest.raises(WrongAnswer, match="content is b'ho'"):
        asyncio.run(seen(b"ho", watched))


def test_no_answer_in_a_window_is_wrong():
    with pytest.raises(WrongAnswer, match="nothing was answered in time"):
        asyncio.run(seen(None, watched))


def test_a_wrong_answer_behind_another_is_told():
    with pytest.raises(WrongAnswer, match="content is b'ho'"):
        asyncio.run(
            seen(b"ho", lambda s: waiters.behind(s, None, ASKED, number=1))
        )


class Limits:
    """A system that allows so many open files."""

    RLIM_INFINITY, RLIMIT_NOFILE = -1, 7

    def __init__(self, soft, hard):
        self.limits = soft, hard

    def getrlimit(self, which):
        return self.limits

    def setrlimit(self, which, limits):
        if limits[0] > self.limits[1]:
            raise ValueError
        self.limits = limits


@pytest.mark.parametrize(
    ("soft", "after"), [(256, 1256), (5000, 5000), (-1, -1)]
)
def test_descriptors_are_raised_as_far_as_needed(monkeypatch, soft, after):
    limits = Limits(soft, 9999)
    monkeypatch.setattr(descriptors, "resource", limits)

    descriptors.allow(1000)

    assert limits.limits == (after, 9999)


def test_too_few_descriptors_are_told_with_what_helps(monkeypatch):
    monkeypatch.setattr(descriptors, "resource", Limits(256, 512))

    with pytest.raises(WorkshopError, match="`ulimit -n 1256`"):
        descriptors.allow(1000)


def test_a_system_without_descriptors_is_left_alone(monkeypatch):
    monkeypatch.setattr(descriptors, "resource", None)

    descriptors.allow(10**9)


def test_async_is_no_faster_but_wins_when_many_wait():
    said = WAITING.sentences(told())

    assert "async is no faster" in said[0]
    assert "49 answers a second of 50 possible" in said[0]
    assert "asyncio gives 20,000 answers a second with 30 MiB" in said[1]
    assert "cannot give more than 1,600" in said[1]
    assert "4.0 times fewer CPU seconds" in said[2]
    assert "50 answers a second to 1,000 connections" in said[3]
    assert "45.0 ms with asyncio, 8.0 ms with thread each" in said[4]
    assert "async does not win where tasks compute" in said[4]
    assert len(said) == 5


def test_what_is_otherwise_is_told_otherwise():
    other = told(True, asyncio_us=79.0, one=80, computing=(8.0, 45.0))
    said = WAITING.sentences(other)

    assert "async is faster" in said[0]
    assert "async did not win here" in said[2]
    assert "threads did not help" in said[4]
    assert "asyncio, 1" in said[5]  # 80 of 50 possible
    assert "quick" in said[6]


def test_a_row_says_what_limits():
    crowded = WAITING.row(point(POOL, 1000, 1_580))
    alone = WAITING.row(tiny(ASYNC, "alone", 0.4))
    empty = WAITING.row({**point(ASYNC, 10, 1), "samples": []})

    assert crowded == [
        *["pool of 32, 1,000", "1,580", "1,600"],
        *["20.0", "30.0", "632.9", "wait"],
    ]
    assert alone[1:] == ["-", "-", "-", "-", "0.4", "-"]
    assert empty[1:] == ["-", "500", "-", "-", "-", "-"]


def test_the_picture_draws_each_bound():
    drawn = WAITING.picture(told())

    root = ElementTree.fromstring(drawn)
    dotted = [e for e in root.iter() if e.get("stroke-dasharray")]
    texts = [e.text for e in root.iter() if e.tag.endswith("text")]
    assert len(dotted) == 3
    assert {ASYNC, EACH, POOL, BUG, "bound"} <= set(texts)


@pytest.fixture
def conducted(tmp_path, monkeypatch, validate_study):
    """Return a function that conducts a tiny run: its status and result."""
    for name, arm in ARMS.items():
        soon = dataclasses.replace(arm, env={**arm.env, **SOON})
        monkeypatch.setitem(ARMS, name, soon)
    monkeypatch.setattr(WAITING, "QUICK", TINY)
    monkeypatch.setattr(crowd, "arms", lambda: dict(ARMS))

    def run():
        kept, drawn = tmp_path / "o.json", tmp_path / "o.svg"
        paper = Console(file=io.StringIO(), width=100)
        more = Options(quick=True, json=kept, svg=drawn)
        status = conduct(lab("waiting", more, WAITING, paper))
        result = json.loads(kept.read_text("utf-8"))
        validate_study(result)
        return status, result

    return run


def test_a_wrong_answer_makes_the_run_invalid(conducted, monkeypatch):
    liar = dataclasses.replace(ARMS[ASYNC], case=crowd.case("wait", "lies"))
    monkeypatch.setitem(ARMS, ASYNC, liar)

    status, result = conducted()

    points = {found["name"]: found for found in result["points"]}
    assert status == 1
    assert "content is b'waited'" in points["asyncio, 2"]["wrong"]
    assert points["asyncio, 2"]["samples"] == []
    others = [points[f"{arm}, 2"] for arm in (EACH, POOL, BUG)]
    assert [len(found["samples"]) for found in others] == [1, 1, 1]


def test_a_slow_generator_makes_the_run_invalid(conducted, monkeypatch):
    monkeypatch.setattr(crowd, "limit", lambda *words: "generator")

    status, result = conducted()

    assert status == 1
    assert {p["wrong"] for p in result["points"]} == {
        "the generator was too slow for it"
    }


def test_tiny_requests_are_asked_alone_and_behind(conducted, monkeypatch):
    few = dataclasses.replace(TINY, connections=(), tiny_arms=(ASYNC,))
    monkeypatch.setattr(WAITING, "QUICK", few)
    monkeypatch.setattr(WAITING, "sentences", lambda result: [])

    status, result = conducted()

    names = [found["name"] for found in result["points"]]
    assert status == 0
    assert names == ["asyncio, tiny alone", "asyncio, tiny behind"]
    assert len(result["points"][1]["samples"][0]["took_ms"]) == 1
