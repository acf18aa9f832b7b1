"""What the extension `options` leaves as it is, on the steps that have it."""

import pytest

pytestmark = pytest.mark.steps("04", "05")


async def test_options_are_answered_with_it_as_without(step, fetch):
    answers = []
    for activate in (step.modules["extensions.options"].options, len):
        app = step.Pico()
        activate(app)

        @app.route("/", methods=["GET", "PUT"])
        async def index(request, response):
            pass

        answers.append(await fetch(app, "/", method="OPTIONS"))

    assert [(each.status, each.field("allow")) for each in answers] == [
        (204, "GET, HEAD, OPTIONS, PUT"),
        (204, "GET, HEAD, OPTIONS, PUT"),
    ]


def test_options_listen_to_nothing(step):
    app = step.Pico()

    step.modules["extensions.options"].options(app)

    assert app.listeners == {}
