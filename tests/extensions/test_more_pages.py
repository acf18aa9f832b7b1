"""The examples on further pages of extensions do what the pages say."""

import importlib.util
import json
import sys

import pytest

from workshop.steps import ROOT

pytestmark = pytest.mark.steps("04", "05")


@pytest.fixture
def example(step, monkeypatch):
    """Return `example(name)`: the app of docs/examples, on the step."""

    def load(name):
        for room, module in step.modules.items():
            monkeypatch.setitem(sys.modules, room, module)
        path = ROOT / "docs" / "examples" / f"{name}.py"
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.app

    return load


async def test_page_of_logger_logs_as_json(example, fetch, capsys):
    answer = await fetch(example("logged"), "/", "x-request-id: a")

    line = json.loads(capsys.readouterr().err)
    assert (line["target"], line["status"]) == ("/", 200)
    assert (answer.field("x-request-id"), answer.content) == (
        "a",
        b'{"id":"a"}',
    )


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://example.org", "GET, HEAD, OPTIONS, PUT"),
        ("https://maps.example.org", "GET, HEAD, OPTIONS, PUT"),
        ("https://example.com", None),
    ],
)
async def test_page_of_cors_lets_some_sites_ask(
    example, fetch, origin, allowed
):
    answer = await fetch(
        example("shared_api"),
        "/drones",
        f"origin: {origin}",
        "access-control-request-method: PUT",
        method="OPTIONS",
    )

    assert answer.field("access-control-allow-methods") == allowed


async def test_page_of_rate_limit_refuses_the_fourth(example, fetch):
    app = example("careful")

    asked = ["x-forwarded-for: 192.0.2.1"] * 4 + ["x-forwarded-for: 1.1.1.1"]
    answers = [await fetch(app, "/", field) for field in asked]

    assert [each.status for each in answers] == [200, 200, 200, 429, 200]
    for each in answers:
        assert each.field("content-security-policy") == "default-src 'self'"


@pytest.mark.parametrize(
    ("accept", "status", "content"),
    [
        ("text/html, */*;q=0.8", 200, b"<p>Hello"),
        ("*/*", 200, b'{"message":"Hello"}'),
        ("image/png", 406, b"Here is only application/json, text/html."),
    ],
)
async def test_page_of_content_negotiation_sends_what_is_preferred(
    example, fetch, accept, status, content
):
    answer = await fetch(example("negotiated"), "/hello", f"accept: {accept}")

    assert (answer.status, answer.content) == (status, content)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/drones/x", b'{"missing":"x"}'),
        ("/nowhere", b'{"error":"Not Found"}'),
    ],
)
async def test_page_of_errors_answers_in_json(example, fetch, path, content):
    answer = await fetch(example("caught"), path)

    assert (answer.status, answer.content) == (404, content)


async def test_page_of_igniter_starts_as_roll_does(example, fetch, capsys):
    app = example("ported")

    answer = await fetch(app, "/", method="OPTIONS")

    assert answer.status == 404
    assert capsys.readouterr().out.endswith("0 routes\n |_|\n\n")
