"""Declare what is asked of step 01, and what it must answer."""

from workshop.bench import Case

CASES = [
    Case(
        "hello",
        b"GET /hello/bench HTTP/1.1\r\nHost: localhost\r\n\r\n",
        200,
        {"content-type": "application/json", "content-length": "25"},
        b'{"message":"Hello bench"}',
    ),
]
