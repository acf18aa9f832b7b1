"""What the extension `igniter` does, on the steps that have it."""

import pytest

pytestmark = pytest.mark.steps("04", "05")


async def test_igniter_prints_a_banner_once_at_startup(step, fetch, capsys):
    app = step.Pico()
    step.modules["extensions.igniter"].igniter(app)

    @app.route("/")
    async def index(request, response):
        pass

    before = capsys.readouterr().out
    await fetch(app, "/")

    banner = step.modules["extensions.igniter"].BANNER
    assert before == ""
    assert capsys.readouterr().out == banner.format(routes="1 route") + "\n"


async def test_igniter_prints_the_banner_that_it_is_given(step, capsys):
    app = step.Pico()
    banner = "{drones} fly on {routes}"
    step.modules["extensions.igniter"].igniter(app, banner=banner)

    await app.startup()

    assert capsys.readouterr().out == "{drones} fly on 0 routes\n"
