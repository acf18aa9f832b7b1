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
