"""What step 01 promises, and the lies that it tells.

Knows: the bytes that go over the wire.
Does not know: what is behind them.
"""

import pytest

HELLO = b"GET /hello/bench HTTP/1.1\r\nHost: localhost\r\n\r\n"
ADA = b"GET /hello/ada HTTP/1.1\r\nHost: localhost\r\n\r\n"
NOWHERE = b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n"
DELETE = b"DELETE /hello/bench HTTP/1.1\r\nHost: localhost\r\n\r\n"
GARBAGE = b"\x16\x03\x01 is how a browser begins with TLS\r\n\r\n"
HALF = b"GET /hello/bench HTTP/1.1\r\n"

ANSWER = b'{"message":"Hello bench"}'


def answered(exchange):
    return [(answer.status, answer.content) for answer in exchange.answers]


# Promises that all steps keep


def test_hello_is_answered_with_json(wire):
    exchange = wire.send(HELLO)

    assert answered(exchange) == [(200, ANSWER)]
    assert exchange.answers[0].field("content-type") == "application/json"


def test_connection_is_kept_for_the_next_request(wire):
    exchange = wire.send(HELLO)

    assert exchange.end == "kept"


def test_answer_is_one_write(counts):
    assert counts().writes == 1


# The bytes of this step


@pytest.mark.until("02")
def test_answer_is_exactly_these_bytes(wire):
    exchange = wire.send(HELLO)

    assert exchange.raw == (
        b"HTTP/1.1 200 OK\r\n"
        b"content-length: 25\r\n"
        b"content-type: application/json\r\n"
        b"\r\n"
        b'{"message":"Hello bench"}'
    )


# Lies. An empty segment gives the server time for all that it wants to say.


@pytest.mark.until("02")
def test_lie_everybody_is_called_bench(wire):
    exchange = wire.send(ADA)

    assert answered(exchange) == [(200, ANSWER)]


@pytest.mark.until("02")
def test_lie_every_path_exists(wire):
    exchange = wire.send(NOWHERE)

    assert answered(exchange) == [(200, ANSWER)]


@pytest.mark.until("02")
def test_lie_every_method_is_allowed(wire):
    exchange = wire.send(DELETE)

    assert answered(exchange) == [(200, ANSWER)]


@pytest.mark.until("02")
def test_lie_garbage_is_a_request(wire):
    exchange = wire.send(GARBAGE, b"", leave=True)

    assert answered(exchange) == [(200, ANSWER)]


@pytest.mark.until("03")
def test_lie_half_a_request_gets_a_whole_answer(wire):
    exchange = wire.send(HALF, b"", leave=True)

    assert answered(exchange) == [(200, ANSWER)]


@pytest.mark.until("03")
def test_lie_two_requests_in_one_segment_get_one_answer(wire):
    exchange = wire.send(HELLO + HELLO, b"", leave=True)

    assert answered(exchange) == [(200, ANSWER)]
