"""What the extension `static` does, on the steps that have it."""

import os
import sys
from urllib.parse import quote

import pytest

pytestmark = pytest.mark.steps("04", "05")

BIG = bytes(range(256)) * 1024  # more than is read at once


@pytest.fixture
def public(tmp_path):
    """Return a folder of files, with a secret beside it."""
    folder = tmp_path / "public"
    for name, content in {
        "public/index.html": b"<p>index",
        "public/a.txt": b"a",
        "public/a b.txt": b"a b",
        "public/a.txt.gz": b"gz",
        "public/\u00e9.txt": b"e",
        "public/big.bin": BIG,
        "public/empty.txt": b"",
        "public/.hidden/a.txt": b"hidden",
        "public/page/index.html": b"<p>page",
        "public/folder/a.css": b"p {}",
        "secret.txt": b"secret",
        "public-not/secret.txt": b"secret",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return folder


def static_app(step, root, **options):
    app = step.Pico()
    step.modules["extensions.static"].static(app, root=root, **options)
    return app


@pytest.mark.parametrize(
    ("path", "content", "media_type"),
    [
        ("a.txt", b"a", "text/plain"),
        ("a%20b.txt", b"a b", "text/plain"),
        ("%C3%A9.txt", b"e", "text/plain"),
        ("empty.txt", b"", "text/plain"),
        ("folder/a.css", b"p {}", "text/css"),
        ("folder/../a.txt", b"a", "text/plain"),
        ("big.bin", BIG, "application/octet-stream"),
        ("a.txt.gz", b"gz", "application/octet-stream"),
        ("index.html", b"<p>index", "text/html"),
        ("", b"<p>index", "text/html"),
        ("page/", b"<p>page", "text/html"),
    ],
)
async def test_static_serves_a_file_as_it_is(
    step, fetch, public, path, content, media_type
):
    app = static_app(step, public)

    answer = await fetch(app, f"/static/{path}")

    assert (answer.status, answer.content) == (200, content)
    assert answer.field("content-length") == str(len(content))
    assert answer.field("content-type") == media_type


async def test_static_answers_head_without_content(step, fetch, public):
    app = static_app(step, public)

    answer = await fetch(app, "/static/big.bin", method="HEAD")

    assert (answer.status, answer.content) == (200, b"")
    assert answer.field("content-length") == str(len(BIG))


async def test_static_allows_no_other_method(step, fetch, public):
    app = static_app(step, public)

    answer = await fetch(app, "/static/a.txt", method="PUT")

    assert (answer.status, answer.field("allow")) == (
        405,
        "GET, HEAD, OPTIONS",
    )


async def test_static_serves_another_prefix_root_and_index(
    step, fetch, public
):
    folder = str(public / "folder")
    app = static_app(step, folder, prefix="/styles/", index="a.css")

    answers = [await fetch(app, p) for p in ("/styles/", "/static/a.txt")]

    assert [answer.status for answer in answers] == [200, 404]


async def test_static_at_the_root_leaves_routes_before_it_alone(
    step, fetch, public
):
    app, late = step.Pico(), static_app(step, public, prefix="/")

    async def index(request, response, name=""):
        response.body = "own"

    app.route("/")(index)
    app.route("/own/{name}")(index)
    step.modules["extensions.static"].static(app, prefix="/", root=public)
    late.route("/")(index)

    paths = ["/", "/own/a.txt", "/a.txt"]
    answers = [(await fetch(app, path)).content for path in paths]

    assert answers == [b"own", b"own", b"a"]
    assert (await fetch(late, "/")).content == b"<p>index"


async def test_static_leaves_more_specific_routes_alone(step, fetch, public):
    app = static_app(step, public)

    @app.route("/static/a.txt")
    async def own(request, response):
        response.body = "own"

    answer = await fetch(app, "/static/a.txt")

    assert answer.content == b"own"


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "%2e%2e/secret.txt",
        "..%2fsecret.txt",
        "%2e%2e%2fsecret.txt",
        "%252e%252e/secret.txt",
        "..%5csecret.txt",
        "..\\secret.txt",
        "folder/../../secret.txt",
        "a.txt/../../secret.txt",
        "../public-not/secret.txt",
        "{outside}",
        "%2F{outside}",
        "/etc/passwd",
        "//etc/passwd",
        "~/secret.txt",
        "..",
        "../",
    ],
)
async def test_static_serves_nothing_from_elsewhere(step, fetch, public, path):
    app = static_app(step, public)
    outside = quote(str(public.parent / "secret.txt"))

    answer = await fetch(app, f"/static/{path.format(outside=outside)}")

    assert (answer.status, answer.content) == (404, b"Not Found")


@pytest.mark.parametrize(
    "path",
    [
        "nothing.txt",
        "folder",
        "folder/",
        "a.txt/",
        "a.txt/.",
        "a.txt/nothing",
        "a.txt%00",
        "%00",
        "x" * 300,
        "x/" * 2000,
        "%EF%BF%BF",
        "A%0A",
    ],
)
async def test_static_finds_nothing_where_no_file_is(
    step, fetch, public, path
):
    app = static_app(step, public)

    answer = await fetch(app, f"/static/{path}")

    assert (answer.status, answer.content) == (404, b"Not Found")


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
@pytest.mark.parametrize(
    ("link", "aim", "path"),
    [
        ("link.txt", "../secret.txt", "link.txt"),
        ("link", "..", "link/secret.txt"),
        ("folder/index.html", "../../secret.txt", "folder/"),
        ("loop", "loop", "loop"),
    ],
    ids=["file", "folder", "index", "loop"],
)
async def test_static_follows_no_link_to_elsewhere(
    step, fetch, public, link, aim, path
):
    app = static_app(step, public)
    (public / link).symlink_to(aim)

    answer = await fetch(app, f"/static/{path}")

    assert (answer.status, answer.content) == (404, b"Not Found")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
def test_static_serves_no_pipe(step, public):
    os.mkfifo(public / "pipe")

    with pytest.raises(step.messages.HttpError) as caught:
        step.modules["extensions.static"].find(public, "pipe", "index.html")

    assert caught.value.status == 404


@pytest.mark.skipif(sys.platform == "win32", reason="no file is called so")
@pytest.mark.parametrize(
    "name",
    ["aux", "NUL.txt", "com1.tar.gz", "con .txt", "a.txt:stream", "a\\b.txt"],
)
async def test_static_serves_no_name_that_is_no_file_on_windows(
    step, fetch, public, name
):
    app = static_app(step, public)
    (public / name).write_bytes(b"a device")

    answer = await fetch(app, f"/static/{quote(name)}")

    assert (answer.status, answer.content) == (404, b"Not Found")


@pytest.mark.parametrize("name", ["auxiliary.txt", "icon.txt", "com.txt"])
async def test_static_serves_names_that_resemble_a_device(
    step, fetch, public, name
):
    app = static_app(step, public)
    (public / name).write_bytes(b"a file")

    answer = await fetch(app, f"/static/{name}")

    assert (answer.status, answer.content) == (200, b"a file")


@pytest.mark.parametrize(
    "path",
    ["//evil.example/..", "/%5Cevil.example", "//evil.example/%2e%2e", "page"],
)
async def test_static_redirects_nobody(step, fetch, public, path):
    app = static_app(step, public)

    answer = await fetch(app, f"/static/{path}")

    assert answer.status in (200, 404)
    assert answer.field("location") is None


async def test_static_tells_nothing_of_the_machine(step, fetch, public):
    app = static_app(step, public)

    answers = [
        await fetch(app, f"/static/{path}", *fields)
        for path in ("a.txt", "..", "page/", "%00", "a.txt/x")
        for fields in ((), ("range: bytes=9-",))
    ]

    told = [f"{a.fields}{a.content}" for a in answers]
    assert not any(public.parent.name in text for text in told)


def test_static_finds_a_file_by_the_name_that_a_route_has(step, public):
    app = static_app(step, public)
    url_for = step.modules["extensions.named_url"].named_url(app)

    assert url_for("static", path="folder/a.css") == "/static/folder/a.css"


# Conditions: RFC 9110, 13

MODIFIED = 1_700_000_000  # seconds since the epoch
DATE = "Tue, 14 Nov 2023 22:13:20 GMT"


@pytest.fixture
def dated(public):
    """Return the folder, and the tag of its `a.txt` of a known date."""
    os.utime(public / "a.txt", (MODIFIED, MODIFIED))
    return public, f'"{MODIFIED * 10**9:x}-1"'


async def test_static_names_the_version_of_a_file(step, fetch, dated):
    public, tag = dated
    app = static_app(step, public)

    answer = await fetch(app, "/static/a.txt")

    assert answer.field("etag") == tag
    assert answer.field("last-modified") == DATE
    assert answer.field("accept-ranges") == "bytes"


async def test_static_names_another_version_once_a_file_changed(
    step, fetch, dated
):
    public, tag = dated
    app = static_app(step, public)
    (public / "a.txt").write_bytes(b"b")

    answer = await fetch(app, "/static/a.txt", f"if-none-match: {tag}")

    assert (answer.status, answer.content) == (200, b"b")
    assert answer.field("etag") != tag


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (["if-none-match: {tag}"], 304),
        (["if-none-match: W/{tag}"], 304),
        (['if-none-match: "other", W/{tag}'], 304),
        (["if-none-match: *"], 304),
        (['if-none-match: "other"'], 200),
        (["if-none-match: nonsense"], 200),
        (["if-none-match: "], 200),
        (["if-none-match: ", f"if-modified-since: {DATE}"], 200),
        ([f"if-modified-since: {DATE}"], 304),
        (["if-modified-since: Wed, 15 Nov 2023 22:13:20 GMT"], 304),
        (["if-modified-since: Wednesday, 15-Nov-23 22:13:20 GMT"], 304),
        (["if-modified-since: Wed Nov 15 22:13:20 2023"], 304),
        (["if-modified-since: Mon Nov 13 22:13:20 2023"], 200),
        (["if-modified-since: Mon, 13 Nov 2023 22:13:20 GMT"], 200),
        (["if-modified-since: Tue, 14 Nov 2023 22:13:20 -0000"], 200),
        (["if-modified-since: yesterday"], 200),
        (["if-modified-since: Tue, 99 Nov 99999999999999 22:13:20"], 200),
        (['if-none-match: "other"', f"if-modified-since: {DATE}"], 200),
        (["if-none-match: {tag}", "range: bytes=0-0"], 304),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_static_sends_no_version_that_the_client_has(
    step, fetch, dated, fields, status, method
):
    public, tag = dated
    app = static_app(step, public)
    fields = [field.format(tag=tag) for field in fields]

    answer = await fetch(app, "/static/a.txt", *fields, method=method)

    content = b"a" if (status, method) == (200, "GET") else b""
    assert (answer.status, answer.content) == (status, content)
    assert answer.field("etag") == tag


# Ranges: RFC 9110, 14


@pytest.mark.parametrize(
    ("asked", "part", "said"),
    [
        ("bytes=0-0", BIG[:1], f"bytes 0-0/{len(BIG)}"),
        ("bytes=10-19", BIG[10:20], f"bytes 10-19/{len(BIG)}"),
        ("Bytes=10-19", BIG[10:20], f"bytes 10-19/{len(BIG)}"),
        (
            "bytes=262000-",
            BIG[262000:],
            f"bytes 262000-{len(BIG) - 1}/{len(BIG)}",
        ),
        (
            "bytes=262000-999999999999",
            BIG[262000:],
            f"bytes 262000-{len(BIG) - 1}/{len(BIG)}",
        ),
        ("bytes=-5", BIG[-5:], f"bytes 262139-262143/{len(BIG)}"),
        ("bytes=-999999", BIG, f"bytes 0-262143/{len(BIG)}"),
        ("bytes=1-200000", BIG[1:200001], f"bytes 1-200000/{len(BIG)}"),
    ],
)
async def test_static_sends_the_part_that_is_asked_for(
    step, fetch, public, asked, part, said
):
    app = static_app(step, public)

    answer = await fetch(app, "/static/big.bin", f"range: {asked}")

    assert (answer.status, answer.content) == (206, part)
    assert answer.field("content-length") == str(len(part))
    assert answer.field("content-range") == said


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("big.bin", f"bytes={len(BIG)}-"),
        ("big.bin", "bytes=999999999-9999999999"),
        ("big.bin", "bytes=-0"),
        ("empty.txt", "bytes=0-"),
    ],
)
async def test_static_refuses_a_part_that_is_not_there(
    step, fetch, public, path, asked
):
    app = static_app(step, public)
    size = (public / path).stat().st_size

    answer = await fetch(app, f"/static/{path}", f"range: {asked}")

    assert answer.status == 416
    assert answer.field("content-range") == f"bytes */{size}"


async def test_static_sends_nothing_where_its_end_is_asked_for(
    step, fetch, public
):
    app = static_app(step, public)

    answer = await fetch(app, "/static/empty.txt", "range: bytes=-1")

    assert (answer.status, answer.content) == (200, b"")
    assert answer.field("content-range") is None


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=0-0,1-1",
        "bytes=" + ",".join(["0-"] * 3000),  # each one a copy of the file?
        "bytes=-",
        "bytes=5-3",
        "bytes=a-b",
        "bytes=+1-2",
        "bytes=1-" + "9" * 5000,
        "lines=0-1",
        "bytes 0-1",
    ],
    ids=lambda asked: asked[:16],
)
async def test_static_sends_all_where_no_single_part_is_asked_for(
    step, fetch, public, asked
):
    app = static_app(step, public)

    answer = await fetch(app, "/static/big.bin", f"range: {asked}")

    assert (answer.status, answer.content) == (200, BIG)
    assert answer.field("content-range") is None


async def test_static_sends_no_part_to_head(step, fetch, public):
    app = static_app(step, public)

    answer = await fetch(
        app, "/static/big.bin", "range: bytes=0-0", method="HEAD"
    )

    assert (answer.status, answer.content) == (200, b"")
    assert answer.field("content-length") == str(len(BIG))


@pytest.mark.parametrize(
    ("unless", "status"),
    [
        ("{tag}", 206),
        (DATE, 200),  # It tells nothing of what was compressed.
        ("W/{tag}", 200),
        ('"other"', 200),
        ("Wed, 15 Nov 2023 22:13:20 GMT", 200),
    ],
)
async def test_static_sends_a_part_of_the_same_version_only(
    step, fetch, dated, unless, status
):
    public, tag = dated
    app = static_app(step, public)
    fields = "range: bytes=0-", f"if-range: {unless.format(tag=tag)}"

    answer = await fetch(app, "/static/a.txt", *fields)

    assert (answer.status, answer.content) == (status, b"a")


async def test_static_breaks_off_where_a_file_was_cut(step, ask, public):
    app = static_app(step, public)
    step.modules["extensions.static"].PIECE = 1024
    cut = []

    @app.listen("response")
    def shorten(request, response):
        cut.append((public / "big.bin").write_bytes(b"short"))

    exchange = await ask(
        app, b"GET /static/big.bin HTTP/1.1\r\nhost: a\r\n\r\n"
    )

    assert cut == [5]
    assert [answer.complete for answer in exchange.answers] == [False]


def test_static_says_that_there_is_no_folder(step, tmp_path, caplog):
    static_app(step, tmp_path)
    there = caplog.messages[:]
    static_app(step, tmp_path / "typo")

    told = f"{tmp_path / 'typo'} is no folder: its files are not found."
    assert (there, caplog.messages) == ([], [told])


async def test_static_takes_a_name(step, fetch, tmp_path):
    (tmp_path / "a.txt").write_text("hello", encoding="utf-8")
    app = step.Pico()
    url_for = step.modules["extensions.named_url"].named_url(app)
    static = step.modules["extensions.static"].static
    static(app, root=tmp_path)
    static(app, prefix="/manual/", root=tmp_path, name="manual")

    urls = [url_for(name, path="a.txt") for name in ("static", "manual")]
    answers = [await fetch(app, url) for url in urls]

    assert urls == ["/static/a.txt", "/manual/a.txt"]
    assert [answer.content for answer in answers] == [b"hello"] * 2


async def test_static_adds_the_slash_that_a_prefix_lacks(step, fetch, public):
    app = static_app(step, public, prefix="/assets")

    answers = [
        await fetch(app, path) for path in ("/assets/a.txt", "/assetsa.txt")
    ]

    assert [answer.status for answer in answers] == [200, 404]


@pytest.mark.parametrize("path", ["/etc/hosts", "//host/share", "a:b", "nul"])
def test_static_does_not_even_look_elsewhere(step, public, monkeypatch, path):
    """On Windows a look at `//host/share` asks that host."""
    static = step.modules["extensions.static"]
    looked = []
    monkeypatch.setattr(
        type(public), "resolve", lambda self: looked.append(self) or self
    )

    with pytest.raises(step.messages.HttpError):
        static.find(public, path, "index.html")

    assert looked == []
