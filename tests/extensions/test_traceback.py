"""What the extension `traceback` does, on the steps that have it."""

import pytest

pytestmark = pytest.mark.steps("04", "05")


def failing_app(step):
    app = step.Pico()

    @app.route("/raise")
    async def fail(request, response):
        raise RuntimeError("<script>alert('A & B')</script>")

    @app.route("/refuse")
    async def refuse(request, response):
        raise step.messages.HttpError(410, "<gone>")

    return app


async def test_traceback_shows_the_error_as_text_on_a_page(step, fetch):
    app = failing_app(step)
    step.modules["extensions.traceback"].traceback(app)

    answer = await fetch(app, "/raise")

    page = answer.content.decode()
    message = "&lt;script&gt;alert(&#x27;A &amp; B&#x27;)&lt;/script&gt;"
    assert answer.status == 500
    assert answer.field("content-type") == "text/html; charset=utf-8"
    assert f"<h1>RuntimeError: {message}</h1>" in page
    assert "in fail\n" in page
    assert "<script>" not in page


@pytest.mark.parametrize(
    ("path", "status", "content"),
    [("/refuse", 410, b"<gone>"), ("/nowhere", 404, b"Not Found")],
)
async def test_traceback_leaves_http_errors_alone(
    step, fetch, path, status, content
):
    app = failing_app(step)
    step.modules["extensions.traceback"].traceback(app)

    answer = await fetch(app, path)

    assert (answer.status, answer.content) == (status, content)
    assert answer.field("content-type") == "text/plain; charset=utf-8"


async def test_traceback_is_off_until_it_is_activated(step, fetch):
    app = failing_app(step)
    step.modules["extensions.traceback"].traceback(step.Pico())

    answer = await fetch(app, "/raise")

    assert answer.status == 500
    assert b"script" not in answer.content
