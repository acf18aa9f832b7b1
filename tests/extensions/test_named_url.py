"""What the extension `named_url` does, on the steps that have it."""

from functools import partial
from urllib.parse import unquote

import pytest

pytestmark = pytest.mark.steps("04", "05")


def named_app(step):
    """Return an app whose routes have names."""
    app = step.Pico()
    step.modules["extensions.named_url"].named_url(app)

    @app.route("/")
    async def index(request, response):
        pass

    @app.route("/hello/{name}")
    async def hello(request, response, name):
        pass

    @app.route("/drones/{id:int}/{day:[0-9]{4}}.{kind}", name="report")
    async def show(request, response, **parameters):
        pass

    @app.route("/files/{path:path}", name="file")
    async def serve(request, response, path):
        pass

    return app


@pytest.mark.parametrize(
    ("name", "parameters", "url"),
    [
        ("index", {}, "/"),
        ("hello", {"name": "ada"}, "/hello/ada"),
        ("hello", {"name": "a b/c?d#e%f"}, "/hello/a%20b%2Fc%3Fd%23e%25f"),
        ("hello", {"name": "\u00e9"}, "/hello/%C3%A9"),
        ("hello", {"name": "a\r\nb"}, "/hello/a%0D%0Ab"),
        (
            "report",
            {"id": 7, "day": 2026, "kind": "txt"},
            "/drones/7/2026.txt",
        ),
        ("file", {"path": "a b/c.txt"}, "/files/a%20b/c.txt"),
    ],
)
def test_url_for_fills_the_route_of_a_name(step, name, parameters, url):
    app = named_app(step)

    assert app.url_for(name, **parameters) == url


@pytest.mark.parametrize(
    "name", ["ada", "a b/c?d#e%f", "\u00e9", "a+b", "%2F"]
)
def test_url_for_leads_back_to_its_parameters(step, name):
    app = named_app(step)
    url = app.url_for("file", path=name)

    _, parameters, _ = app.router.match("GET", unquote(url))

    assert parameters == {"path": name}


@pytest.mark.parametrize("name", ["nobody", "show", "serve", ""])
def test_url_for_an_unknown_name_says_so(step, name):
    app = named_app(step)

    with pytest.raises(LookupError, match=f"No route is called '{name}'"):
        app.url_for(name)


def test_url_for_without_a_parameter_names_it(step):
    app = named_app(step)

    with pytest.raises(LookupError, match="kind"):
        app.url_for("report", id=7, day=2026)


def test_url_for_knows_routes_that_were_added_later(step):
    app = named_app(step)

    @app.route("/late")
    async def late(request, response):
        pass

    assert app.url_for("late") == "/late"


def test_url_for_a_class_takes_its_name_in_lower_case(step):
    """As in Roll."""
    app = named_app(step)

    @app.route("/flights/{number:int}")
    class Flight:
        def on_get(self, request, response, number):
            pass

        def on_post(self, request, response, number):
            pass

    @app.route("/landings", name="landed")
    class Landing:
        def on_get(self, request, response):
            pass

    assert app.url_for("flight", number=7) == "/flights/7"
    assert app.url_for("landed") == "/landings"
    with pytest.raises(LookupError, match="'landing'"):
        app.url_for("landing")


def test_url_for_a_function_beside_a_class_keeps_its_name(step):
    app = named_app(step)

    @app.route("/flight")
    class Flight:
        def on_get(self, request, response):
            pass

    @app.route("/flight", methods=["POST"])
    def start(request, response):
        pass

    assert app.url_for("flight") == app.url_for("start") == "/flight"


def test_named_url_leaves_a_handler_without_a_name_alone(step):
    app = step.Pico()
    url_for = step.modules["extensions.named_url"].named_url(app)
    app.route("/a")(partial(print))

    @app.route("/hello/{name}")
    async def hello(request, response, name):
        """Greet nobody."""

    assert url_for("hello", name="ada") == "/hello/ada"


async def test_url_for_leads_to_a_value_with_a_slash_if_its_kind_is_path(
    step, fetch
):
    app = named_app(step)

    hello = await fetch(app, app.url_for("hello", name="a/b"))
    file = await fetch(app, app.url_for("file", path="a/b"))

    assert (hello.status, file.status) == (404, 200)
