"""What the extension `annotations` does, on the steps that have it."""

import json
from typing import Annotated
from uuid import UUID

import msgspec
import pytest

pytestmark = pytest.mark.steps("04", "05")

JSON = "content-type: application/json"
ITEM = UUID("12345678-1234-5678-1234-567812345678")


class Place(msgspec.Struct):
    latitude: float
    longitude: float


class Drone(msgspec.Struct):
    name: str
    places: list[Place] = []
    altitude: Annotated[int, msgspec.Meta(ge=0)] = 0


def annotated(step):
    app = step.Pico()
    extension = step.modules["extensions.annotations"]
    extension.annotations(app)
    return app, extension


def faults(answer):
    """Return what a 422 says."""
    assert answer.status == 422, answer
    assert answer.field("content-type") == "application/json"
    return json.loads(answer.content)["errors"]


async def test_annotations_convert_what_the_path_holds(step, fetch):
    app, _ = annotated(step)

    @app.route("/{item}/{number}/{known:int}/{name}")
    async def show(
        request, response, item: UUID, number: int, known: int, name
    ):
        response.json = [item == ITEM, number, known, name]

    answer = await fetch(app, f"/{ITEM}/7/8/9")

    assert answer.content == b'[true,7,8,"9"]'


async def test_annotations_convert_the_query(step, fetch):
    app, _ = annotated(step)

    @app.route("/")
    async def search(
        request,
        response,
        text: str,
        page: int = 1,
        exact: bool = False,
        tag: list[str] = (),
        limit: int | None = None,
        near: list[float] | None = None,
        mark: Annotated[list[int], msgspec.Meta(title="marks")] = (),
    ):
        response.json = [text, page, exact, tag, limit, near, mark]

    few = await fetch(app, "/?text=a&text=b")
    all_of_it = await fetch(
        app, "/?text=a+b&page=2&exact=true&tag=x&tag=y&limit=5&near=1.5&mark=3"
    )

    assert few.content == b'["a",1,false,[],null,null,[]]'
    assert all_of_it.content == b'["a b",2,true,["x","y"],5,[1.5],[3]]'


async def test_annotations_convert_fields_and_cookies(step, fetch):
    app, places = annotated(step)

    @app.route("/")
    async def index(
        request,
        response,
        x_token: Annotated[int, places.header()],
        agent: Annotated[str, places.header("User-Agent")],
        theme: Annotated[str, places.cookie()] = "light",
        number: Annotated[int, places.cookie("n")] = 0,
        page: Annotated[int, places.query("p")] = 1,
    ):
        response.json = [x_token, agent, theme, number, page]

    fields = "x-token: 5", "user-agent: curl", "cookie: theme=dark; n=3"
    answer = await fetch(app, "/?p=4", *fields)

    assert answer.content == b'[5,"curl","dark",3,4]'


async def test_annotations_convert_content_to_objects(step, fetch):
    app, places = annotated(step)

    @app.route("/one", methods=["POST"])
    async def one(request, response, drone: Drone):
        response.json = [drone.name, drone.places[0].latitude, drone.altitude]

    @app.route("/many", methods=["POST"])
    async def many(request, response, drones: list[Drone]):
        response.json = [drone.name for drone in drones]

    @app.route("/numbers", methods=["POST"])
    async def numbers(
        request, response, numbers: Annotated[list[int], places.content()]
    ):
        response.json = sum(numbers)

    drone = b'{"name":"a","places":[{"latitude":1.5,"longitude":2}]}'
    contents = {
        "/one": drone,
        "/many": b"[%b,%b]" % (drone, drone),
        "/numbers": b"[1,2,3]",
    }
    answers = [
        await fetch(app, path, JSON, method="POST", content=content)
        for path, content in contents.items()
    ]

    assert [answer.content for answer in answers] == [
        b'["a",1.5,0]',
        b'["a","a"]',
        b"6",
    ]


async def test_annotations_load_the_content_of_a_lazy_route(step, fetch):
    app, _ = annotated(step)

    @app.route("/", methods=["POST"], lazy_body=True)
    async def index(request, response, drone: Drone):
        response.body = drone.name

    answer = await fetch(
        app, "/", JSON, method="POST", content=b'{"name":"a"}'
    )

    assert answer.content == b"a"


async def test_annotations_let_content_be_absent_where_there_is_a_default(
    step, fetch
):
    app, _ = annotated(step)

    @app.route("/", methods=["POST"])
    async def index(request, response, drone: Drone | None = None):
        response.json = drone

    answer = await fetch(app, "/", method="POST")

    assert answer.content == b"null"


async def test_annotations_say_all_that_is_wrong_and_where(step, fetch):
    app, places = annotated(step)

    @app.route("/{number}", methods=["POST"])
    async def index(
        request,
        response,
        number: int,
        page: int,
        drone: Drone,
        tag: list[int],
        token: Annotated[str, places.header("x-token")],
    ):
        response.body = "never"

    content = b'{"name":"a","places":[{"latitude":"x","longitude":2}]}'
    answer = await fetch(
        app, "/a?page=b&tag=1&tag=c", JSON, method="POST", content=content
    )

    assert faults(answer) == [
        {
            "in": "path",
            "name": "number",
            "message": "Expected `int`, got `str`",
        },
        {
            "in": "query",
            "name": "page",
            "message": "Expected `int`, got `str`",
        },
        {
            "in": "content",
            "name": "drone",
            "message": "Expected `float`, got `str`",
            "at": "$.places[0].latitude",
        },
        {
            "in": "query",
            "name": "tag",
            "message": "Expected `int`, got `str`",
            "at": "$[1]",
        },
        {"in": "header", "name": "x-token", "message": "It is missing"},
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"\xff",
        b'{"name":"a"}x',
        b'{"name":"a","other":' + b"[" * 100_000,
        b'{"name":"a","other":' + b'{"a":' * 100_000,
        b'{"name":"\xff"}',
    ],
    ids=["cut", "bytes", "more", "arrays", "objects", "text"],
)
async def test_annotations_refuse_what_is_no_json(step, fetch, content):
    app, _ = annotated(step)

    @app.route("/", methods=["POST"])
    async def index(request, response, drone: Drone):
        response.body = "never"

    answer = await fetch(app, "/", JSON, method="POST", content=content)

    assert (answer.status, answer.content) == (400, b"The content is no JSON.")


@pytest.mark.parametrize(
    ("content", "at"),
    [
        (b"[" * 100_000, None),
        (b'{"name":"a","altitude":' + b"9" * 100_000 + b"}", "$.altitude"),
        (b'{"name":"a","altitude":-1}', "$.altitude"),
        (b'{"altitude":1}', None),
    ],
    ids=["deep", "long", "small", "missing"],
)
async def test_annotations_refuse_what_is_no_such_object(
    step, fetch, content, at
):
    app, _ = annotated(step)

    @app.route("/", methods=["POST"])
    async def index(request, response, drone: Drone):
        response.body = "never"

    answer = await fetch(app, "/", JSON, method="POST", content=content)

    assert [fault.get("at") for fault in faults(answer)] == [at]


@pytest.mark.parametrize(
    "value", ["9" * 5000, "1e999999", "\u0663", "", "0x1"]
)
async def test_annotations_take_no_number_that_is_none(step, fetch, value):
    app, _ = annotated(step)

    @app.route("/")
    async def index(request, response, number: Annotated[int, "any"] = 1):
        response.json = number

    path = "/?number=" + "".join(f"%{b:02X}" for b in value.encode())[:8000]
    answer = await fetch(app, path if value else "/?number=")

    assert [fault["name"] for fault in faults(answer)] == ["number"]


@pytest.mark.parametrize(
    ("field", "status"),
    [
        ("content-type: text/plain", 415),
        ("content-type: application/x-www-form-urlencoded", 415),
        ("content-type: application/json-patch", 415),
        ("accept: */*", 415),
        ("content-type: application/json; charset=utf-8", 200),
        ("content-type: application/merge-patch+json", 200),
    ],
)
async def test_annotations_take_json_that_says_so(step, fetch, field, status):
    app, _ = annotated(step)

    @app.route("/", methods=["POST"])
    async def index(request, response, drone: Drone):
        response.body = drone.name

    answer = await fetch(
        app, "/", field, method="POST", content=b'{"name":"a"}'
    )

    assert answer.status == status


async def test_annotations_work_for_classes_and_plain_functions(step, fetch):
    app, _ = annotated(step)

    @app.route("/class")
    class View:
        async def on_get(self, request, response, page: int):
            response.json = page

    @app.route("/plain")
    def plain(request, response, page: int) -> None:
        response.json = page

    answers = [await fetch(app, f"/{p}?page=3") for p in ("class", "plain")]

    assert [answer.content for answer in answers] == [b"3", b"3"]


def test_annotations_leave_other_handlers_as_they_are(step):
    app, _ = annotated(step)

    @app.route("/{name}")
    async def plain(request, response, name, *, page=1):
        response.body = name

    @app.route("/typed")
    async def typed(request: object, response: object) -> None:
        response.body = "typed"

    @app.route("/rest/{name}")
    async def rest(request, response, **parameters: str):
        response.json = parameters

    handlers = [route.handler for route in app.router.routes]
    assert sorted(h.__name__ for h in handlers) == ["plain", "rest", "typed"]
    assert {id(h) for h in handlers} == {id(plain), id(typed), id(rest)}


def test_annotations_keep_the_name_of_a_handler(step):
    app, _ = annotated(step)
    url_for = step.modules["extensions.named_url"].named_url(app)

    @app.route("/hello/{name}")
    async def hello(request, response, name: str):
        response.body = name

    assert url_for("hello", name="ada") == "/hello/ada"


def test_annotations_parse_nothing_that_nobody_names(step):
    app, _ = annotated(step)

    @app.route("/{name}")
    async def hello(request, response, name: str):
        response.body = name

    request = step.messages.Request(app, "GET", "/a?b=c", "1.1", {})
    response = step.messages.Response(app)
    handler = app.router.routes[0].handler(request, response, name="a")
    with pytest.raises(StopIteration):
        handler.send(None)

    assert response.body == "a"
    assert not {"query", "cookies", "json"} & set(vars(request))


def test_annotations_tell_when_the_route_is_added_what_they_cannot_convert(
    step,
):
    app, _ = annotated(step)

    with pytest.raises(TypeError, match="'name' cannot be converted"):

        @app.route("/{name}")
        async def index(request, response, name: Exception):
            response.body = "never"


async def test_annotations_look_at_nothing_that_they_do_not_convert(
    step, fetch
):
    """What only a type checker imports is no name when a handler runs."""
    app, _ = annotated(step)

    @app.route("/{name}/{number}")
    async def index(
        request: "OnlyChecked",  # noqa: F821
        response: "OnlyChecked",  # noqa: F821
        name,
        number: "int",
        **others: "OnlyChecked",  # noqa: F821
    ) -> "OnlyChecked":  # noqa: F821
        response.json = [name, number]

    @app.route("/view/{number}/more")
    class View:
        async def on_get(
            self,
            request: "OnlyChecked",  # noqa: F821
            response,
            number: "int",
        ):
            response.json = number

    answers = [await fetch(app, path) for path in ("/ada/7", "/view/7/more")]

    assert [a.content for a in answers] == [b'["ada",7]', b"7"]


@pytest.mark.parametrize(
    ("value", "status"),
    [("true", 200), ("0", 200), ("on", 422), ("yes", 422)],
)
async def test_annotations_know_fewer_words_for_a_bool_than_a_query(
    step, fetch, value, status
):
    app, _ = annotated(step)

    @app.route("/")
    async def index(request, response, wanted: bool):
        response.json = wanted

    answer = await fetch(app, f"/?wanted={value}")

    assert answer.status == status


async def test_annotations_leave_routes_of_other_protocols_alone(step, fetch):
    app, _ = annotated(step)
    step.modules["extensions.sse"].sse(app)

    @app.route("/events/{number}", protocol="sse")
    async def events(request, response, number: int, page: int = 1):
        yield [number, page]

    answer = await fetch(app, "/events/7?page=2")

    assert answer.content == b'data: ["7",1]\n\n'


async def test_annotations_tell_a_handler_of_errors_in_text(step, fetch):
    app, _ = annotated(step)
    error_handler = step.modules["extensions.errors"].errors(app)

    @app.route("/")
    async def index(request, response, number: int):
        response.json = number

    @error_handler(step.messages.HttpError)
    async def tell(request, response, error):
        response.json = {"error": error.message}

    answer = await fetch(app, "/?number=seven")

    message = json.loads(json.loads(answer.content)["error"])
    assert (answer.status, message["errors"][0]["name"]) == (422, "number")
