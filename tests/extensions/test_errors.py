"""What the extension `errors` does, on the steps that have it."""

import pytest

pytestmark = pytest.mark.steps("04", "05")


def failing_app(step):
    """Return an app with a route for each exception, and `error_handler`."""
    app = step.Pico()
    error_handler = step.modules["extensions.errors"].errors(app)

    class TeapotError(step.messages.HttpError):
        def __init__(self):
            super().__init__(418, "short and stout")

    classes = [KeyError, IndexError, ValueError, UnicodeError, TeapotError]

    for each in classes:

        @app.route(f"/{each.__name__}")
        async def fail(request, response, error=each):
            raise error()

    return app, error_handler


def tell(text):
    """Return a handler of errors that answers with a text."""

    def handler(request, response, error):
        response.status = 400
        response.body = f"{text}: {type(error).__name__} at {request.path}"

    return handler


async def test_errors_are_answered_by_their_class(step, fetch):
    app, error_handler = failing_app(step)
    error_handler(KeyError)(tell("key"))

    answer = await fetch(app, "/KeyError")

    assert answer.status == 400
    assert answer.content == b"key: KeyError at /KeyError"


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/KeyError", b"lookup: KeyError at /KeyError"),
        ("/IndexError", b"index: IndexError at /IndexError"),
        ("/UnicodeError", b"any: UnicodeError at /UnicodeError"),
    ],
)
async def test_errors_are_answered_by_the_nearest_class(
    step, fetch, order, path, content
):
    app, error_handler = failing_app(step)
    named = [
        (Exception, "any"),
        (LookupError, "lookup"),
        (IndexError, "index"),
    ]
    for each, text in named[::order]:
        error_handler(each)(tell(text))

    answer = await fetch(app, path)

    assert answer.content == content


async def test_errors_of_several_classes_may_share_a_handler(step, fetch):
    app, error_handler = failing_app(step)
    error_handler(KeyError, ValueError)(tell("both"))

    contents = [
        (await fetch(app, path)).content
        for path in ("/KeyError", "/ValueError")
    ]

    assert contents == [
        b"both: KeyError at /KeyError",
        b"both: ValueError at /ValueError",
    ]


async def test_errors_without_a_handler_are_answered_as_ever(step, fetch):
    app, error_handler = failing_app(step)
    error_handler(KeyError)(tell("key"))

    answer = await fetch(app, "/ValueError")

    assert (answer.status, answer.content) == (500, b"Internal Server Error")


async def test_errors_keep_the_status_that_an_http_error_has(step, fetch):
    app, error_handler = failing_app(step)

    @error_handler(step.messages.HttpError)
    async def as_json(request, response, error):
        response.json = {"error": error.message}

    answers = [await fetch(app, path) for path in ("/TeapotError", "/nowhere")]

    assert [(each.status, each.content) for each in answers] == [
        (418, b'{"error":"short and stout"}'),
        (404, b'{"error":"Not Found"}'),
    ]
    assert answers[0].field("content-type") == "application/json"


async def test_errors_may_be_told_from_a_handler_of_errors(step, fetch):
    app, error_handler = failing_app(step)

    @error_handler(KeyError)
    def gone(request, response, error):
        raise step.messages.HttpError(410, "gone") from error

    answer = await fetch(app, "/KeyError")

    assert (answer.status, answer.content) == (410, b"gone")


def test_errors_return_the_handler_that_they_decorate(step):
    app, _ = failing_app(step)
    handler = tell("key")

    assert app.error_handler(KeyError)(handler) is handler


@pytest.mark.parametrize("kind", [KeyboardInterrupt, int])
def test_errors_refuse_what_no_request_is_answered_with(step, kind):
    _, error_handler = failing_app(step)

    with pytest.raises(TypeError, match=f"{kind.__name__} is never answered"):
        error_handler(kind)
