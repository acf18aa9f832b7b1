"""What a right answer is."""

import pytest

from workshop.bench import DATE, Case
from workshop.bench.cases import (
    WrongAnswer,
    all_judged,
    declared,
    from_data,
    judged,
    parse,
    to_data,
)
from workshop.errors import WorkshopError

HELLO = Case("hello", b"GET / HTTP/1.1\r\n\r\n", 200, {"a": "1"}, b"hi")
RIGHT = b"HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 2\r\n\r\nhi"
DATED = RIGHT.replace(b"A: 1", b"A: 1\r\nDate: %s")


def test_an_answer_is_taken_apart():
    answer = judged(HELLO, RIGHT)

    assert answer.status == 200
    assert answer.fields == {"a": "1", "content-length": "2"}
    assert answer.content == b"hi"
    assert answer.length == len(RIGHT)


def test_an_answer_is_awaited_to_its_last_byte():
    parsed = [parse(RIGHT[:size]) for size in range(len(RIGHT))]

    assert parsed == [None] * len(RIGHT)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (RIGHT.replace(b"200 OK", b"201 OK"), "status is 201, not 200"),
        (RIGHT.replace(b"hi", b"ho"), "content is b'ho', not b'hi'"),
        (RIGHT.replace(b"A: 1", b"A: 2"), "field a is '2', not '1'"),
        (RIGHT.replace(b"A: 1", b"B: 1"), "field a is None, not '1'"),
        (RIGHT[:-1], "incomplete"),
        (RIGHT + b"!", "b'!' follows the answer"),
        (RIGHT.replace(b": 2", b": two"), "does not say its content-length"),
        (RIGHT.replace(b"HTTP/1.1", b"HTTP/2"), "the status line is"),
        (DATED % b"today", "field date is 'today'"),
        (DATED % b"Sun, 06 Nov 1994 08:49:37 UTC", "field date"),
    ],
)
def test_a_wrong_answer_is_told_by_what_is_wrong(data, reason):
    with pytest.raises(WrongAnswer) as raised:
        judged(HELLO, data)

    assert reason in raised.value.reason


THREE = Case("3", b"GET", 200, {"a": "1"}, b"hi", pipelined=3)


def test_pipelined_answers_are_judged_one_by_one():
    answers = all_judged(THREE, RIGHT * 3)

    assert [answer.content for answer in answers] == [b"hi"] * 3


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (RIGHT.replace(b"hi", b"ho") + RIGHT * 2, "content is b'ho'"),
        (RIGHT * 2 + RIGHT.replace(b"hi", b"ho"), "content is b'ho'"),
        (RIGHT * 2, "incomplete"),
        (RIGHT + b"nonsense\r\n\r\n", "the status line is"),
        (RIGHT * 4, "follows the answer"),
    ],
)
def test_one_wrong_answer_among_pipelined_ones_is_told(data, reason):
    with pytest.raises(WrongAnswer) as raised:
        all_judged(THREE, data)

    assert reason in raised.value.reason


def test_a_case_tells_what_is_sent_segment_by_segment():
    cut = Case("cut", b"GET /", cuts=(1, 4))

    assert THREE.segments == [b"GETGETGET"]
    assert cut.segments == [b"G", b"ET ", b"/"]
    assert [from_data(to_data(case)) for case in (THREE, cut)] == [THREE, cut]


def test_a_date_is_judged_by_its_grammar():
    dated = DATED % b"Sun, 06 Nov 1994 08:49:37 GMT"

    assert DATE.fullmatch(judged(HELLO, dated).fields["date"])


def test_a_declared_date_must_come():
    dated = Case("hello", b"", 200, {"date": DATE}, b"hi")

    with pytest.raises(WrongAnswer, match="field date is None"):
        judged(dated, RIGHT)


def test_a_folder_declares_fields_but_not_the_request(tmp_path):
    (tmp_path / "bench.py").write_text(
        "from workshop.bench import Case\n"
        "CASES = [Case('hello', b'easier', 200, {'b': '2'}, b'else')]\n"
    )

    own = declared(tmp_path, HELLO)

    assert own == Case("hello", HELLO.request, 200, {"b": "2"}, b"hi")


def test_a_folder_without_bench_is_asked_the_same(tmp_path):
    assert declared(tmp_path, HELLO) == HELLO


def test_a_broken_bench_is_told_by_file_and_line(tmp_path):
    (tmp_path / "bench.py").write_text("\nx = = 1\n")

    with pytest.raises(WorkshopError, match=r"bench.py, line 2: SyntaxError"):
        declared(tmp_path, HELLO)
