"""Declare what is asked of step 02, and what it must answer."""

from workshop.bench import Case

CASES = [
    Case(
        "hello",
        b"GET /hello/bench HTTP/1.1\r\nHost: localhost\r\n\r\n",
        200,
        {"content-type": "application/json", "content-length": "25"},
        b'{"message":"Hello bench"}',
    ),
    Case(
        "nobody",
        b"GET /nobody HTTP/1.1\r\nHost: localhost\r\n\r\n",
        404,
        content=b"Not Found",
    ),
]
