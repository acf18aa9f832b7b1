"""What the extension `sessions` does, on the steps that have it."""

import json
import sys
from base64 import urlsafe_b64encode
from collections import UserDict

import pytest

pytestmark = pytest.mark.steps("04", "05")

KEY, OLD = "k" * 32, "o" * 32


def sessions_app(step, **options):
    """Return an app that counts how often a client came."""
    app = step.Pico()
    options = {"keys": [KEY]} | options
    step.modules["extensions.sessions"].sessions(app, **options)

    @app.route("/count")
    async def count(request, response):
        session = request["session"]
        session["count"] = session.get("count", 0) + 1
        response.json = session

    @app.route("/look")
    async def look(request, response):
        response.json = request["session"]

    @app.route("/logout")
    async def logout(request, response):
        request["session"].clear()

    @app.route("/other")
    async def other(request, response):
        response.body = "no session"

    return app


def cookie_of(answer):
    """Return what a browser would send back."""
    return "cookie: " + answer.field("set-cookie").partition(";")[0]


async def test_sessions_remember_a_client(step, fetch):
    app = sessions_app(step)

    first = await fetch(app, "/count")
    second = await fetch(app, "/count", cookie_of(first))

    assert [first.content, second.content] == [b'{"count":1}', b'{"count":2}']


async def test_sessions_work_without_a_key(step, fetch):
    app = step.Pico()
    step.modules["extensions.sessions"].sessions(app)

    @app.route("/")
    async def index(request, response):
        request["session"]["seen"] = True

    answer = await fetch(app, "/")

    assert answer.field("set-cookie").startswith("session=")


async def test_sessions_set_a_cookie_that_no_script_can_read(step, fetch):
    answer = await fetch(sessions_app(step), "/count")

    _, *attributes = answer.field("set-cookie").split("; ")
    assert attributes == [
        "HttpOnly",
        "Max-Age=1209600",
        "Path=/",
        "SameSite=Lax",
    ]


async def test_sessions_take_the_attributes_of_a_cookie(step, fetch):
    app = sessions_app(
        step, cookie="__Host-id", max_age=60, secure=True, samesite="Strict"
    )

    answer = await fetch(app, "/count")

    first, *attributes = answer.field("set-cookie").split("; ")
    assert first.startswith("__Host-id=")
    assert attributes == [
        "HttpOnly",
        "Max-Age=60",
        "Path=/",
        "SameSite=Strict",
        "Secure",
    ]


async def test_sessions_set_no_cookie_where_nothing_changed(step, fetch):
    app = sessions_app(step)
    cookie = cookie_of(await fetch(app, "/count"))

    answers = [await fetch(app, p, cookie) for p in ("/look", "/other")]

    assert [answer.field("set-cookie") for answer in answers] == [None, None]
    assert answers[0].content == b'{"count":1}'


async def test_sessions_see_a_change_deep_inside(step, fetch):
    app = sessions_app(step)

    @app.route("/deep")
    async def deep(request, response):
        request["session"].setdefault("list", [[]])[0].append(1)
        response.json = request["session"]

    first = await fetch(app, "/deep")
    second = await fetch(app, "/deep", cookie_of(first))

    assert second.content == b'{"list":[[1,1]]}'
    assert second.field("set-cookie") is not None


async def test_sessions_forget_a_client_that_logs_out(step, fetch):
    app = sessions_app(step)
    cookie = cookie_of(await fetch(app, "/count"))

    answer = await fetch(app, "/logout", cookie)

    assert answer.field("set-cookie").startswith('session=""; ')
    assert "Max-Age=0" in answer.field("set-cookie")


@pytest.mark.parametrize("value", [None, {}])
async def test_sessions_forget_a_client_whose_session_is_replaced(
    step, fetch, value
):
    app = sessions_app(step)
    cookie = cookie_of(await fetch(app, "/count"))

    @app.route("/replace")
    async def replace(request, response):
        request["session"] = value

    answer = await fetch(app, "/replace", cookie)

    assert "Max-Age=0" in answer.field("set-cookie")


def delete(request):
    del request["session"]


def read_and_delete(request):
    assert request["session"]
    del request["session"]


def delete_twice(request):
    del request["session"]
    del request["session"]


@pytest.mark.parametrize(
    "end",
    [
        delete,
        read_and_delete,
        delete_twice,
        lambda request: request.pop("session"),
        lambda request: request["session"] and request.pop("session"),
        lambda request: request["session"] and request.clear(),
    ],
)
async def test_sessions_forget_a_client_whose_session_is_deleted(
    step, fetch, end
):
    app = sessions_app(step)
    cookie = cookie_of(await fetch(app, "/count"))

    @app.route("/end")
    async def leave(request, response):
        end(request)
        response.body = "bye"

    answer = await fetch(app, "/end", cookie)

    assert (answer.status, answer.content) == (200, b"bye")
    assert answer.field("set-cookie").startswith('session=""; ')
    assert "Max-Age=0" in answer.field("set-cookie")
    assert answer.field("vary") == "Cookie"


async def test_sessions_begin_anew_behind_the_one_that_was_deleted(
    step, fetch
):
    app = sessions_app(step)
    cookie = cookie_of(await fetch(app, "/count"))

    @app.route("/login")
    async def login(request, response):
        del request["session"]
        request["session"]["user"] = "ada"

    answer = await fetch(app, "/login", cookie)
    later = await fetch(app, "/look", cookie_of(answer))

    assert later.content == b'{"user":"ada"}'


async def test_sessions_set_no_cookie_where_none_was_to_be_deleted(
    step, fetch
):
    app = sessions_app(step)

    @app.route("/end")
    async def leave(request, response):
        del request["session"]

    answer = await fetch(app, "/end")

    assert (answer.status, answer.field("set-cookie")) == (200, None)


async def test_sessions_leave_the_deletion_of_others_alone(step, fetch):
    app = sessions_app(step)

    @app.route("/user")
    async def user(request, response):
        request["user"] = "ada"
        del request["user"]
        with pytest.raises(KeyError):
            del request["user"]
        response.json = dict(request)

    answer = await fetch(app, "/user")

    assert (answer.content, answer.field("vary")) == (b"{}", None)


async def test_sessions_set_no_cookie_for_a_session_of_nothing(step, fetch):
    app = sessions_app(step)

    @app.route("/none")
    async def none(request, response):
        request["session"] = None

    answer = await fetch(app, "/none")

    assert (answer.status, answer.field("set-cookie")) == (200, None)


async def test_sessions_remember_a_client_by_a_cookie_of_any_name(step, fetch):
    app = sessions_app(step, cookie="visitor")

    first = await fetch(app, "/count")
    second = await fetch(app, "/count", cookie_of(first))

    assert second.content == b'{"count":2}'


async def test_sessions_leave_the_rest_of_a_request_alone(step, fetch):
    app = sessions_app(step)

    @app.route("/user")
    async def user(request, response):
        request["user"] = "ada"
        response.json = [request["user"], request.get("nobody")]

    answer = await fetch(app, "/user")

    assert answer.content == b'["ada",null]'


def get_of_311(self, key, default=None):
    try:
        return self[key]
    except KeyError:
        return default


def get_of_312(self, key, default=None):
    if key not in self:
        return default
    return self[key]


@pytest.mark.parametrize("get", [get_of_311, get_of_312])
async def test_sessions_are_got_by_either_word_on_any_python(
    step, fetch, monkeypatch, get
):
    app = sessions_app(step)
    cookie = cookie_of(await fetch(app, "/count"))
    monkeypatch.setattr(UserDict, "get", get, raising=False)

    @app.route("/get")
    async def got(request, response):
        response.json = [request.get("session"), request.get("user", "ada")]

    answers = [await fetch(app, "/get", *fields) for fields in ([cookie], [])]

    assert [answer.content for answer in answers] == [
        b'[{"count":1},"ada"]',
        b'[{},"ada"]',
    ]


# Caches (flask had CVE-2023-30861 here)


async def test_sessions_tell_caches_that_an_answer_is_for_one_client(
    step, fetch
):
    answer = await fetch(sessions_app(step), "/look")

    assert answer.field("vary") == "Cookie"
    assert answer.field("cache-control") == "private"


async def test_sessions_tell_caches_nothing_where_nobody_asked_for_one(
    step, fetch
):
    app = sessions_app(step)
    cookie = cookie_of(await fetch(app, "/count"))

    answer = await fetch(app, "/other", cookie)

    assert answer.field("vary") is None
    assert answer.field("cache-control") is None


async def test_sessions_keep_what_a_handler_tells_caches(step, fetch):
    app = sessions_app(step)

    @app.route("/own")
    async def own(request, response):
        response.headers["vary"] = "Accept"
        response.headers["cache-control"] = "no-store"
        response.json = request["session"]

    answer = await fetch(app, "/own")

    assert answer.field("vary") == "Accept, Cookie"
    assert answer.field("cache-control") == "no-store"


# Signatures


async def test_sessions_believe_older_keys_and_sign_with_the_first(
    step, fetch
):
    old = cookie_of(await fetch(sessions_app(step, keys=[OLD]), "/count"))
    rotated = sessions_app(step, keys=[KEY, OLD])

    answer = await fetch(rotated, "/count", old)
    later = await fetch(sessions_app(step), "/look", cookie_of(answer))
    never = await fetch(sessions_app(step), "/look", old)

    assert answer.content == later.content == b'{"count":2}'
    assert never.content == b"{}"


async def test_sessions_end_at_their_age_whatever_the_cookie_says(
    step, fetch, monkeypatch
):
    module, app = step.modules["extensions.sessions"], sessions_app(step)
    now = module.time()
    cookie = cookie_of(await fetch(app, "/count"))

    contents = []
    for age in (14 * 24 * 3600 - 60, 14 * 24 * 3600 + 60):
        monkeypatch.setattr(module, "time", lambda age=age: now + age)
        contents.append((await fetch(app, "/look", cookie)).content)

    assert contents == [b'{"count":1}', b"{}"]


def forged(value, name="session"):
    """Yield cookies that are almost the given one."""
    content, stamp, signature = value.split(".")
    other = urlsafe_b64encode(b'{"count":99}').decode().rstrip("=")
    yield f"{other}.{stamp}.{signature}"
    yield f"{content}.{int(stamp) + 1}.{signature}"
    yield f"{content}.{stamp}."
    yield f"{content}.{stamp}"
    yield f"{content}.{stamp}.{signature.upper()}"
    yield f"{content}.{stamp}.{signature[:-1]}"
    yield f"{content}.{stamp}.{signature}.{signature}"
    yield f"{content}.{stamp}.\xe9\xe8"
    yield f"{content}=.{stamp}.{signature}"
    yield ""
    yield "."
    yield ".."
    yield "..."
    yield "x" * 5000
    yield "." * 5000
    yield "[" * 9000


async def test_sessions_believe_no_cookie_that_was_changed(step, fetch):
    app = sessions_app(step)
    _, _, value = cookie_of(await fetch(app, "/count")).partition("=")

    contents = {
        (await fetch(app, "/look", f"cookie: session={each}")).content
        for each in forged(value)
    }

    assert contents == {b"{}"}


async def test_sessions_believe_no_cookie_of_another_name(step, fetch):
    answer = await fetch(sessions_app(step, cookie="theme"), "/count")
    value = cookie_of(answer).partition("=")[2]

    answer = await fetch(
        sessions_app(step), "/look", f"cookie: session={value}"
    )

    assert answer.content == b"{}"


async def test_sessions_are_no_pickles(step, fetch):
    app = sessions_app(step)

    @app.route("/object")
    async def unfit(request, response):
        request["session"]["object"] = object()

    answer = await fetch(app, "/object")

    assert answer.status == 500
    assert answer.field("set-cookie") is None


async def test_sessions_refuse_what_fits_in_no_cookie(step, fetch, caplog):
    app = sessions_app(step)

    @app.route("/large")
    async def large(request, response):
        request["session"]["text"] = "x" * 4000

    answer = await fetch(app, "/large")

    assert (answer.status, answer.field("set-cookie")) == (500, None)
    assert "fits in no cookie" in caplog.text


@pytest.mark.parametrize(
    ("cookie", "attributes"),
    [("s", {}), ("s" * 40, {}), ("s", {"domain": "a" * 60 + ".example"})],
)
async def test_sessions_measure_all_of_a_cookie(
    step, fetch, caplog, cookie, attributes
):
    """Name, value and attributes count together (RFC 6265, 6.1)."""
    app = sessions_app(step, cookie=cookie, **attributes)
    longest = step.modules["extensions.sessions"].MAX_COOKIE

    @app.route("/{size:int}")
    async def large(request, response, size):
        request["session"]["text"] = "x" * size

    answers = [await fetch(app, f"/{size}") for size in range(2800, 3000, 3)]
    sizes = [len(a.field("set-cookie") or "") for a in answers]

    # Three bytes more are four in the cookie.
    assert longest - 4 < max(sizes) <= longest
    assert [a.status for a in answers if not a.field("set-cookie")] == [
        500
    ] * sizes.count(0)
    assert sizes[-1] == 0
    assert "fits in no cookie" in caplog.text


def test_sessions_decode_nothing_that_they_did_not_sign(step):
    """A bomb that is not ours costs as much as any other cookie."""
    module, called = step.modules["extensions.sessions"], []

    def note(frame, event, argument):
        if event == "c_call":
            called.append(argument.__name__)

    bomb = urlsafe_b64encode(b"[" * 2000).decode()
    sys.setprofile(note)
    try:
        text = module.unsign("session", f"{bomb}.1.ff", [b"k" * 32], 60)
    finally:
        sys.setprofile(None)

    assert text is None
    assert "a2b_base64" not in called


def test_sessions_sign_json_that_can_be_read(step):
    module = step.modules["extensions.sessions"]

    value = module.sign("session", '{"a":"\u00e9?~"}', b"k" * 32)
    text = module.unsign("session", value, [b"k" * 32], 60)

    assert json.loads(text) == {"a": "\u00e9?~"}


@pytest.mark.parametrize(
    ("keys", "error", "sentence"),
    [
        (["short"], ValueError, "16 bytes"),
        ([KEY, ""], ValueError, "16 bytes"),
        (KEY, TypeError, "are a list"),
    ],
)
def test_sessions_refuse_keys_that_protect_nothing(
    step, keys, error, sentence
):
    with pytest.raises(error, match=sentence):
        sessions_app(step, keys=keys)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"key": KEY}, "Invalid attribute 'key'"),
        ({"cookie": "my session"}, "Illegal key"),
        ({"max_age": None}, "NoneType"),
        ({"max_age": 0}, "lasts for at least a second"),
    ],
)
def test_sessions_refuse_a_cookie_that_none_can_have(step, options, error):
    """At once: a client that came again would be the first to hear."""
    with pytest.raises(Exception, match=error):
        sessions_app(step, **options)


async def test_sessions_keep_what_a_handler_changed_before_it_raised(
    step, fetch
):
    app = sessions_app(step)

    @app.route("/raise")
    async def fail(request, response):
        request["session"]["name"] = "ada"
        raise step.messages.HttpError(403)

    answer = await fetch(app, "/raise")

    assert answer.status == 403
    assert answer.field("set-cookie").startswith("session=")


async def test_sessions_keep_nothing_that_a_stream_changes(step, fetch):
    app = sessions_app(step)

    async def pieces(request):
        request["session"]["name"] = "ada"
        yield b"a"

    @app.route("/stream")
    async def stream(request, response):
        response.body = pieces(request)

    answer = await fetch(app, "/stream")

    assert (answer.content, answer.field("set-cookie")) == (b"a", None)
