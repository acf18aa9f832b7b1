"""What step 05 promises: the same for less, counted exactly.

Knows: what one warm request costs; requests that came before.
Does not know: clocks; how it is counted.
"""

import json

import pytest

GET = b"GET /hello/ada HTTP/1.1\r\nHost: pico\r\n\r\n"
NEW = GET.replace(b"pico", b"pico:80")
LAST = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
# Its content looks like a request.
POST = b"POST /echo HTTP/1.1\r\nHost: pico\r\nContent-Length: 39\r\n\r\n" + GET
READ = [("GET", b""), ("POST", GET), ("GET", b""), ("GET", b"")]
LIMITS = {"max_target": (5, 414), "max_head": (5, 431), "max_fields": (0, 431)}


def read(parser, *segments):
    """Return what a parser made of these segments, and whether it ended."""
    for segment in segments:
        parser.feed(segment)
    told = [(asked.method, bytes(asked.arrived)) for asked in parser.requests]
    return told, parser.finished


def test_request_executes_fewer_bytecodes_than_in_step_04(counts):
    assert counts().bytecodes < counts("04").bytecodes


def test_request_makes_fewer_python_calls_than_in_step_04(counts):
    assert counts().python_calls < counts("04").python_calls


def test_request_makes_fewer_calls_into_c_than_in_step_04(counts):
    assert counts().c_calls < counts("04").c_calls


async def test_hooks_cost_no_call_where_nobody_listens(step, fetch):
    called = []

    class MyPico(step.Pico):
        async def hook(self, name, *args, **kwargs):
            called.append(name)

    app = MyPico()

    @app.route("/")
    async def index(request, response):
        response.body = "hello"

    answer = await fetch(app, "/")

    assert answer.content == b"hello"
    assert called == ["startup", "shutdown"]


def test_json_encoder_is_made_once(step, monkeypatch):
    encode = step.Pico().encode_json

    def again(*args, **kwargs):
        raise AssertionError("each call makes another encoder")

    with monkeypatch.context() as patched:  # whoever reports needs JSON
        patched.setattr("json.encoder.c_make_encoder", again)
        patched.setattr("json.encoder._make_iterencode", again)
        encoded = encode({"hello": "ada"})

    assert json.loads(encoded) == {"hello": "ada"}


def test_hundred_more_routes_cost_a_request_nothing(counts):
    assert counts(shape="crowd") == counts()


def test_fields_that_came_before_cost_nothing(counts):
    assert counts(shape="browser") == counts()


@pytest.mark.holds_before
def test_requests_that_came_before_are_read_as_the_first_time(step):
    app = step.Pico()
    stream = GET + POST + NEW + LAST

    first = [read(app.Protocol(app).parser, one) for one in (GET, POST, LAST)]
    again = [read(app.Protocol(app).parser, one) for one in (GET, POST, LAST)]
    cut = [
        read(app.Protocol(app).parser, stream[:place], stream[place:])
        for place in range(len(stream))
    ]

    assert again == first
    assert cut == [(READ, True)] * len(stream)


@pytest.mark.holds_before
@pytest.mark.parametrize("limit", LIMITS)
def test_limit_holds_though_others_have_let_it_in(step, limit):
    app = step.Pico()
    number, status = LIMITS[limit]
    usual = type(app.Protocol(app).parser)
    strict = type("Strict", (usual,), {limit: number})
    read(usual(app), GET)
    parser = strict(app)
    read(parser, GET)

    refused = getattr(parser.error, "status", None)
    assert (parser.requests, refused) == ([], status)


def test_no_more_fields_are_remembered_than_was_said(step):
    app = step.Pico()
    sizes = []

    for number in range(1_000):
        parser = app.Protocol(app).parser
        read(parser, NEW.replace(b"80", b"%d" % number))
        sizes.append(len(getattr(parser, "known", [])))

    assert max(sizes) == 256


def test_answers_that_go_together_are_one_write(counts):
    assert counts(shape="pipelined").writes < 1


@pytest.mark.holds_before
def test_each_abstraction_costs_python_calls(counts):
    calls = [counts(word).python_calls for word in ("01", "02", "03", "04")]

    assert calls[0] < calls[1] < calls[2] < calls[3]
