"""What step 05 promises: the same for less, counted exactly.

Knows: what one warm request costs.
Does not know: clocks; how it is counted.
"""

import json

import pytest


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


def test_answers_that_go_together_are_one_write(counts):
    assert counts(shape="pipelined").writes < 1


@pytest.mark.holds_before
def test_each_abstraction_costs_python_calls(counts):
    calls = [counts(word).python_calls for word in ("01", "02", "03", "04")]

    assert calls[0] < calls[1] < calls[2] < calls[3]
