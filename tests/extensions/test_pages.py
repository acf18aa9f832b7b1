"""The examples on the pages of extensions do what the pages say."""

import gzip
import importlib.util
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


async def test_page_of_static_serves_two_folders(
    example, fetch, tmp_path, monkeypatch
):
    (tmp_path / "public").mkdir()
    (tmp_path / "manual").mkdir()
    (tmp_path / "public" / "a.css").write_bytes(b"p {}")
    (tmp_path / "manual" / "start.html").write_bytes(b"<p>start")
    monkeypatch.chdir(tmp_path)
    app = example("served_files")

    answers = [await fetch(app, p) for p in ("/static/a.css", "/manual/")]

    assert [answer.content for answer in answers] == [b"p {}", b"<p>start"]


async def test_page_of_forms_takes_a_photo(example, fetch):
    content = (
        b"--line\r\ncontent-disposition: form-data;"
        b' name="photo"; filename="a.png"\r\ncontent-type: image/png\r\n\r\n'
        b"\x89PNG\r\n--line--\r\n"
    )
    field = "content-type: multipart/form-data; boundary=line"

    answer = await fetch(
        example("uploads"), "/photos", field, method="POST", content=content
    )

    assert answer.content == (
        b'{"title":"a.png","type":"image/png","size":4,"begins":"89504e47"}'
    )


async def test_page_of_sessions_counts_visits(example, fetch):
    app = example("visits")

    first = await fetch(app, "/")
    cookie, *attributes = first.field("set-cookie").split("; ")
    second = await fetch(app, "/", f"cookie: {cookie}")

    assert second.content == b'{"visits":2}'
    assert "Secure" in attributes


async def test_page_of_annotations_launches_drones(example, fetch):
    app = example("drones")
    field = "content-type: application/json"

    answers = [
        await fetch(app, path, field, method="POST", content=content)
        for path, content in {
            "/fleets/7/drones?copies=2": b'{"name":"kite"}',
            "/fleets/x/drones?copies=99": b'{"name":""}',
        }.items()
    ]

    assert answers[0].content == b'[7,"kite",0,2,"nobody"]'
    assert answers[1].content == (
        b'{"errors":[{"in":"path","name":"fleet",'
        b'"message":"Expected `int`, got `str`"},'
        b'{"in":"content","name":"drone",'
        b'"message":"Expected `str` of length >= 1","at":"$.name"},'
        b'{"in":"query","name":"copies","message":"Expected `int` <= 10"}]}'
    )


async def test_page_of_compress_leaves_the_secret(example, fetch):
    app = example("shortened")

    answers = [
        await fetch(app, path, "accept-encoding: gzip")
        for path in ("/poem", "/search")
    ]

    codings = [answer.field("content-encoding") for answer in answers]
    assert codings == ["gzip", None]
    assert gzip.decompress(answers[0].content).startswith(b"A rose is a rose")


async def test_page_of_mount_answers_below_a_prefix(example, fetch):
    app = example("mounted")

    answers = [
        await fetch(app, path) for path in ("/api/users/ada", "/api/nobody")
    ]

    assert [answer.content for answer in answers] == [
        b'{"name":"ada","path":"/users/ada"}',
        b'{"error":404}',
    ]
