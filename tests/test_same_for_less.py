"""Step 05 does what step 04 does, whatever it remembers and however it
finds: the same requests out of the same bytes, the same routes."""

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from workshop.steps import load

CRLF = b"\r\n"
PLAIN, QUICK = load("04"), load("05")

LINES = st.sampled_from(
    [
        b"GET / HTTP/1.1",
        b"GET /hello/ada?a=%20b HTTP/1.1",
        b"HEAD /a HTTP/1.1",
        b"POST /a HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
        b"GET http://other/a HTTP/1.1",
        b"GET /a HTTP/1.0",
        b"GET /a HTTP/2.0",
        b"GET /a#b HTTP/1.1",
        b"GET /\xe4 HTTP/1.1",
        b"GET /%e4 HTTP/1.1",
        b"GET /a  HTTP/1.1",
        b"GET /a\tb HTTP/1.1",
        b"GET /a\nHost: b HTTP/1.1",
        b"get /a HTTP/1.1",
        b"BREW /a HTTP/1.1",
        b"CONNECT /a HTTP/1.1",
        b"\r\nGET /a HTTP/1.1",
    ]
)
FIELDS = st.sampled_from(
    [
        b"Host: pico",
        b"host:pico",
        b"Host: pico:80 ",
        b"Host: a/b",
        b"Accept: text/html, */*",
        b"Cookie: a=1\r\nCookie: b=2",
        b"X: \xe4",
        b"X:",
        b"X: a\nY: b",
        b"X : a",
        b"Connection: close",
        b"Connection: keep-alive",
        b"Connection: upgrade\r\nUpgrade: h2c",
        b"Content-Length: 5",
        b"Content-Length: 0",
        b"content-length: 5\r\nContent-Length: 6",
        b"Transfer-Encoding: chunked",
        b"Expect: 100-continue",
    ]
)
CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"
CONTENT = st.sampled_from(
    [b"", b"hello", b"hello!", CHUNKS, b"0\r\nA: b\r\n\r\n"]
)
HOST = st.just([b"Host: pico"])


GET = b"GET / HTTP/1.1\r\nHost: pico\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: pico\r\n"
USUAL = [
    GET,
    GET.replace(b"/", b"/%e4", 1),
    GET.replace(b"1.1", b"1.0"),
    GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
    POST + b"Connection: upgrade\r\nUpgrade: h2c\r\n\r\n",
    POST + b"Content-Length: 0\r\n\r\n",
    POST + b"Content-Length: 5\r\n\r\nhello",
    POST + b"Content-Length: 5\r\n\r\nhe",
    POST + b"Content-Length: %d\r\n\r\n" % len(GET) + GET,
    POST + b"Content-Length: 0\r\nExpect: 100-continue\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS,
]


@st.composite
def messages(draw):
    """Draw bytes that a client might send for one request."""
    fields = draw(HOST | st.just([])) + draw(st.lists(FIELDS, max_size=3))
    head = CRLF.join([draw(LINES), *fields])
    return head + CRLF * 2 + draw(CONTENT)


@st.composite
def streams(draw):
    """Draw segments: messages that repeat themselves, cut anywhere."""
    message = st.sampled_from(USUAL) | messages()
    few = draw(st.lists(message, min_size=1, max_size=3))
    chosen = draw(st.lists(st.sampled_from(few), min_size=1, max_size=6))
    whole = b"".join(chosen)
    cuts = draw(st.lists(st.integers(0, len(whole)), max_size=4))
    ends = [0, *sorted(cuts), len(whole)]
    cut = [whole[begin:end] for begin, end in pairwise(ends)]
    return few, draw(st.sampled_from([chosen, cut]))


def parsed(rooms, segments):
    """Return all that a connection's parser tells of these segments."""
    app = rooms.Pico()
    parser, seen, taken = app.Protocol(app).parser, [], []
    for segment in segments:
        parser.feed(segment)
        taken += parser.requests
        parser.requests.clear()
        for request in taken:
            request.headers  # noqa: B018  before trailers come
        status = parser.error and parser.error.status
        # An unknown method is a 501 if it is what a slice begins with.
        seen.append((parser.finished, 400 if status == 501 else status))
    return seen, [told(request) for request in taken]


def told(request):
    return {
        "line": (request.method, request.url, request.path, request.version),
        "headers": dict(request.headers),
        "trailers": dict(request.trailers),
        "framing": (request.keep_alive, request.length, request.complete),
        "waits": request.awaits_continue,
        "content": (request.content, bytes(request.arrived)),
    }


def warmed(messages):
    """Let step 05 see messages, each on a connection of its own."""
    QUICK.modules["recall"].RecallingParser.known.clear()
    for message in messages:
        parsed(QUICK, [message])


@pytest.mark.parametrize("second", USUAL)
@pytest.mark.parametrize("first", USUAL)
def test_fields_that_are_remembered_mean_what_they_meant(first, second):
    warmed([first, second])
    head = first.index(b"\r\n\r\n") + 4

    for segments in (
        [first + second],
        [first, second],
        [first[:head], first[head:] + second],
        [first[:-1], first[-1:] + second],
    ):
        assert parsed(QUICK, segments) == parsed(PLAIN, segments)


@settings(max_examples=400, deadline=None)
@given(streams())
def test_requests_are_the_same_though_their_fields_are_remembered(stream):
    few, segments = stream
    warmed(few)

    assert parsed(QUICK, segments) == parsed(PLAIN, segments)


@pytest.mark.parametrize(
    ("head", "remembered"),
    [
        (b"GET / HTTP/1.1\r\nHost: pico\r\n\r\n", True),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi", True),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nh", False),
        (b"GET / HTTP/1.1\r\nHost:pico\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nAccept: */*\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\nHost: pico\r\n\r\n", False),
        (GET + GET.replace(b"pico", b"pico:80"), True),
        (GET + GET[:-1], False),
        (GET + b"GET / HTTP/1.1\r\n\r\n", False),
        (GET.replace(b": ", b":") + GET, False),
        (b"\r\n" + GET, False),
    ],
)
def test_fields_are_remembered_if_they_came_whole_and_plainly(
    head, remembered
):
    known = QUICK.modules["recall"].RecallingParser.known
    known.clear()
    parsed(QUICK, [head])

    assert bool(known) == remembered


def numbered(number):
    return b"GET / HTTP/1.1\r\nHost: pico\r\nX: %d\r\n\r\n" % number


def test_fields_that_are_always_new_are_not_looked_at_for_ever():
    app = QUICK.Pico()
    parser = app.Protocol(app).parser
    parser.known.clear()

    for number in range(3 * parser.max_new):
        parser.feed(numbered(number))
        assert told(parser.requests.pop())["headers"]["x"] == str(number)

    assert len(parser.known) == parser.max_new


def test_fields_that_are_known_give_new_ones_another_chance():
    app = QUICK.Pico()
    parser = app.Protocol(app).parser
    parser.known.clear()

    for number in range(3 * parser.max_new):
        for head in (numbered(0), numbered(number)):
            parser.feed(head)
            parser.requests.clear()

    assert len(parser.known) == 3 * parser.max_new


@pytest.mark.parametrize("rooms", [PLAIN, QUICK], ids=["04", "05"])
def test_blank_lines_between_requests_are_counted_for_each(rooms):
    app = rooms.Pico()
    parser = app.Protocol(app).parser
    for _ in range(8):
        parser.feed(GET)
        assert len(parser.requests) == 1
        parser.requests.clear()
        parser.feed(CRLF * 1900)

    assert parser.error is None


PATTERNS = st.lists(
    st.lists(
        st.sampled_from(
            ["/", "a", "b", "ab", "{x}", "{y:int}", "{z:path}", "{n:[ab]*}"]
        ),
        max_size=5,
        unique=True,
    ).map(lambda words: "/" + "".join(words)),
    max_size=8,
    unique=True,
)


@settings(max_examples=400, deadline=None)
@given(PATTERNS, st.lists(st.text("/ab7", max_size=6), max_size=8))
@example(["/{y:int}"], ["{y:int}"])
def test_routes_are_the_same_though_they_are_found_by_their_beginning(
    patterns, paths
):
    found = []
    for rooms in (PLAIN, QUICK):
        router = rooms.routing.Router()
        for number, pattern in enumerate(patterns):
            router.add(pattern, [("GET", "POST")[number % 2]], print)
        found.append([])
        for path in paths:
            route, parameters, allowed = router.match("GET", "/" + path)
            found[-1].append(
                (route.path, parameters) if route else (None, allowed)
            )

    assert found[0] == found[1]


# Tokens of JSON, spaces that are JSON's and some that are not.
TOKENS = [*'[]{}:," \t\n\r', "\x0b", "\xa0", "\ufeff", '"a"', "\\u00e4"]
TOKENS += ["null", "true", "NaN", "-", "0", "1", "1.5", "e", "E+2"]


def decoded(rooms, text):
    """Return what a request's JSON is, or the status of the refusal."""
    app = rooms.Pico()
    request = app.Request(app, "POST", "/", "1.1", {})
    request.content = text.encode()
    try:
        return repr(request.json)
    except rooms.messages.HttpError as error:
        return error.status


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(TOKENS), max_size=6).map("".join))
def test_json_is_the_same_by_a_decoder_that_is_asked_itself(text):
    assert decoded(QUICK, text) == decoded(PLAIN, text)
