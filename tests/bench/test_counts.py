"""Exact counts: of programs known by hand, and of the steps."""

import dis
from dataclasses import replace

import pytest

from workshop.bench import Case, counts
from workshop.bench.arms import Arm, extended, extensions_of, step_arms
from workshop.bench.cases import WrongAnswer
from workshop.bench.counter import Counter
from workshop.bench.counts import Inexact, count, new_meter
from workshop.bench.experiment import find
from workshop.bench.shapes import PIPELINED, PLAINTEXT
from workshop.errors import WorkshopError
from workshop.steps import all_steps
from workshop.steps import find as step_called

ANSWER = "HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nhi"
CASE = Case("tiny", b"GET / HTTP/1.1\r\n\r\n", 200, {}, b"hi")
HELLO = find("ladder").HELLO
CROWD = """
for number in range({}):
    app.route(f"/groups/{{number}}/{{{{name}}}}")(hello)
"""

TINY = f"""
ANSWER = b"{ANSWER}"

class Protocol:
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        answer(self.transport, len(data))

def answer(transport, size):
    transport.write(ANSWER)
"""

TASK = f"""
import asyncio

ANSWER = b"{ANSWER}"

class Protocol:
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.task = asyncio.get_running_loop().create_task(self.answer())

    async def answer(self):
        await asyncio.sleep(0)
        self.transport.write(ANSWER[:5])
        self.transport.write(ANSWER[5:])
"""

CLOCK = f"""
import time

ANSWER = b"{ANSWER}"

class Protocol:
    started = time.perf_counter_ns()

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        for _ in range((time.perf_counter_ns() - self.started) % 7):
            len(data)
        self.transport.write(ANSWER)
"""

GROWING = f"""
ANSWER = b"{ANSWER}"

class Protocol:
    seen = 0

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.seen += 1
        for _ in range(self.seen):
            len(data)
        self.transport.write(ANSWER)
"""


def folder_of(tmp_path, source):
    (tmp_path / "pico.py").write_text(source)
    return tmp_path


def instructions(function):
    """Count what a function without branches executes, by another way."""
    return sum(step.opname != "RESUME" for step in dis.Bytecode(function))


def test_counts_are_those_known_by_hand(tmp_path):
    names = {}
    exec(TINY, names)
    written = instructions(names["Protocol"].data_received)
    written += instructions(names["answer"])

    counts, answer = count(folder_of(tmp_path, TINY), CASE)

    assert counts.python_calls == 2  # data_received, answer
    assert counts.c_calls == 1  # len
    assert counts.bytecodes == written
    assert (counts.writes, counts.tasks) == (1, 0)
    assert answer.content == b"hi"


def test_tasks_and_writes_are_counted(tmp_path):
    counts, _ = count(folder_of(tmp_path, TASK), CASE)

    assert (counts.writes, counts.tasks) == (2, 1)


def test_time_stands_still_while_we_count(tmp_path):
    counts, _ = count(folder_of(tmp_path, CLOCK), CASE)

    assert counts.python_calls == 1
    assert counts.c_calls == 1  # perf_counter_ns; len never


def test_counts_that_grow_are_refused(tmp_path):
    with pytest.raises(Inexact, match="cannot be counted exactly"):
        count(folder_of(tmp_path, GROWING), CASE)


def test_a_wrong_answer_is_not_counted(tmp_path):
    wrong = TINY.replace("nhi", "nho")

    with pytest.raises(WrongAnswer, match="content is b'ho'"):
        count(folder_of(tmp_path, wrong), CASE)


def test_pipelined_requests_share_what_a_segment_costs(tmp_path):
    source = TINY.replace("write(ANSWER)", "write(ANSWER * 4)")
    four = replace(CASE, pipelined=4)

    one, _ = count(folder_of(tmp_path, TINY), CASE)
    each, _ = count(folder_of(tmp_path, source), four)

    assert (each.writes, each.tasks) == (0.25, 0)
    assert each.python_calls == one.python_calls / 4


def test_pipelined_answers_are_all_judged(tmp_path):
    lie = TINY.replace("(ANSWER)", "(ANSWER + ANSWER.replace(b'hi', b'ho'))")

    with pytest.raises(WrongAnswer, match="content is b'ho'"):
        count(folder_of(tmp_path, lie), replace(CASE, pipelined=2))


def test_each_segment_of_a_request_arrives_by_itself(tmp_path):
    source = TINY.replace(
        "answer(self.transport, len(data))",
        "data.endswith(b'\\r\\n\\r\\n') and answer(self.transport, 0)",
    )

    one, _ = count(folder_of(tmp_path, source), CASE)
    three, _ = count(folder_of(tmp_path, source), replace(CASE, cuts=(3, 9)))

    assert three.python_calls == one.python_calls + 2
    assert three.writes == one.writes == 1


def test_a_mistake_is_told_by_file_and_line(tmp_path):
    broken = TINY.replace("len(data))", "len(data)")

    with pytest.raises(WorkshopError, match=r"pico.py, line 9: SyntaxError"):
        count(folder_of(tmp_path, broken), CASE)


def test_a_program_that_serves_while_it_is_imported_is_told_and_ended(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(counts, "PATIENCE", 1, raising=False)
    (tmp_path / "pico.py").write_text(
        "from http.server import HTTPServer, SimpleHTTPRequestHandler\n"
        'server = HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)\n'
        "server.serve_forever()\n"
    )

    with pytest.raises(WorkshopError, match=r"pico\.py, line 3: it serves"):
        count(tmp_path, CASE)


def test_counts_are_equal_in_each_process_and_for_each_hash_seed():
    folder = step_called("04").folder
    every = extensions_of(folder)
    arm = extended("all", folder, HELLO, every)

    seen = set()
    for seed in ("0", "1", "2026", "random", "random"):
        env = {**arm.env, "PYTHONHASHSEED": seed}
        seen.add(count(folder, HELLO, arm.program, env)[0])

    assert len(seen) == 1


@pytest.fixture(scope="module")
def counted():
    return {step.number: count(step.folder, HELLO)[0] for step in all_steps()}


def test_python_calls_ascend_from_step_to_step(counted):
    calls = [counted[n].python_calls for n in ("01", "02", "03", "04")]

    assert calls == sorted(set(calls))


def test_step_05_is_below_step_04(counted):
    assert counted["05"].bytecodes < counted["04"].bytecodes
    assert counted["05"].python_calls < counted["04"].python_calls


def test_the_smallest_response_is_one_call_and_one_write(counted):
    smallest = counted["01"]

    assert (smallest.python_calls, smallest.writes) == (1, 1)
    assert smallest.bytecodes < 10


def test_each_step_answers_in_one_write(counted):
    assert {counts.writes for counts in counted.values()} == {1}


def test_step_05_writes_answers_together_that_were_asked_for_together():
    writes = [
        count(step_called(word).folder, PIPELINED, PLAINTEXT)[0].writes
        for word in ("04", "05")
    ]

    assert writes == [1, round(1 / 16, 2)]


def test_only_step_02_makes_a_task_for_each_request(counted):
    tasks = {number: counts.tasks for number, counts in counted.items()}

    assert tasks == {"01": 0, "02": 1, "03": 0, "04": 0, "05": 0}


def test_step_05_finds_one_of_a_thousand_routes_as_one_of_two(tmp_path):
    folder = step_called("05").folder
    app = (folder / "app.py").read_text("utf-8")
    found = []
    for number in (0, 100, 1_000):
        crowded = tmp_path / f"{number}_routes.py"
        crowded.write_text(f"{app}\n{CROWD.format(number)}", "utf-8")
        found.append(count(folder, HELLO, crowded)[0])

    assert found[0] == found[1] == found[2]


def test_the_meter_counts_what_is_known_by_hand():
    meter = new_meter()

    with meter:
        total = outer(["b", "a"])

    assert total == 2
    assert meter.python_calls == 2  # outer, inner; not this one
    assert meter.c_calls == 3  # sorted, len, len
    assert meter.bytecodes > 10


def outer(texts):
    total = 0
    for text in sorted(texts):
        total += len(text)
    return inner(total)


def inner(total):
    return max if total is None else total


# Many counts in one process


def test_one_process_counts_what_many_count():
    four, five = step_called("04").folder, step_called("05").folder
    arms = [
        *step_arms([], HELLO),
        Arm("16 pipelined", five, PIPELINED, PLAINTEXT),
        extended("all", four, HELLO, extensions_of(four)),
    ]

    with Counter() as counter:
        found = [counter.count(arm)[0] for arm in arms + arms[::-1]]

    each = [count(a.folder, a.case, a.program, a.env)[0] for a in arms]
    assert found == each + each[::-1]


def test_one_process_goes_on_after_what_is_wrong(tmp_path):
    tiny = Arm("tiny", folder_of(tmp_path, TINY), CASE)
    wrong = replace(tiny, case=replace(CASE, content=b"ho"))
    (growing := tmp_path / "growing").mkdir()
    (broken := tmp_path / "broken").mkdir()
    folder_of(growing, GROWING)
    folder_of(broken, "import nothing_at_all\n")

    with Counter() as counter:
        with pytest.raises(WrongAnswer):
            counter.count(wrong)
        with pytest.raises(Inexact):
            counter.count(replace(tiny, folder=growing))
        with pytest.raises(WorkshopError, match="nothing_at_all"):
            counter.count(replace(tiny, folder=broken))
        assert counter.count(tiny)[0].python_calls == 2
