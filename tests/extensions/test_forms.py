"""What the extension `forms` does, on the steps that have it."""

import asyncio
import sys
import threading

import pytest

pytestmark = pytest.mark.steps("04", "05")

TYPE = "content-type: multipart/form-data; boundary=line"
BIG = bytes(range(256)) * 400  # more than a file may have in memory


def part(name, content, filename=None, media_type=None):
    """Return one part of a form, as a browser sends it."""
    head = f'--line\r\ncontent-disposition: form-data; name="{name}"'
    if filename is not None:
        head += f'; filename="{filename}"'
    if media_type:
        head += f"\r\ncontent-type: {media_type}"
    return f"{head}\r\n\r\n".encode() + content + b"\r\n"


def form(*parts):
    return b"".join(parts) + b"--line--\r\n"


def forms_app(step, **limits):
    """Return an app that tells what a form brought."""
    app = step.Pico()
    step.modules["extensions.forms"].forms(app, **limits)
    app["uploads"] = []

    @app.route("/hello/{name}")
    async def hello(request, response, name):
        response.json = {"message": name}

    @app.route("/", methods=["GET", "POST"])
    async def index(request, response):
        uploads = request.files.list("file", [])
        app["uploads"] += [upload.file for upload in uploads]
        response.json = {
            "fields": request.form,
            "files": [
                [u.filename, u.content_type, u.size, len(u.read())]
                for u in uploads
            ],
        }

    return app


@pytest.fixture
def post(fetch):
    """Return `post(app, content)`: send a form, for the one answer."""

    async def post(app, content, field=TYPE, path="/"):
        return await fetch(app, path, field, method="POST", content=content)

    return post


async def test_forms_bring_fields_and_files(step, post):
    app = forms_app(step)
    content = form(
        part("name", "Ada \u00e9".encode()),
        part("tag", b"a"),
        part("tag", b"b"),
        part("file", b"hello", "a.txt", "text/plain"),
        part("file", BIG, "big.bin"),
    )

    answer = await post(app, content)

    assert answer.status == 200
    assert answer.content.decode() == (
        '{"fields":{"name":["Ada \\u00e9"],"tag":["a","b"]},'
        '"files":[["a.txt","text/plain",5,5],'
        f'["big.bin","application/octet-stream",{len(BIG)},{len(BIG)}]]}}'
    )


async def test_forms_put_files_as_they_were_into_the_hands_of_a_handler(
    step, post
):
    app = forms_app(step)

    @app.route("/echo", methods=["POST"])
    async def echo(request, response):
        response.body = request.files.get("file").read()

    answer = await post(app, form(part("file", BIG, "big.bin")), path="/echo")

    assert answer.content == BIG


@pytest.mark.parametrize("size", [1, 7])
async def test_forms_do_not_care_how_a_form_is_cut(step, ask, size):
    app = forms_app(step)
    content = form(part("a", b"\r\n--lin\r"), part("file", b"x" * 9, "f"))
    chunks = b"".join(
        b"%x\r\n%b\r\n" % (len(piece), piece)
        for start in range(0, len(content), size)
        if (piece := content[start : start + size])
    )
    head = f"POST / HTTP/1.1\r\nhost: a\r\n{TYPE}\r\n"

    exchange = await ask(
        app,
        f"{head}transfer-encoding: chunked\r\n\r\n".encode(),
        chunks[:100],
        chunks[100:],
        b"0\r\n\r\n",
        methods=["POST"],
    )

    assert [a.content for a in exchange.answers] == [
        b'{"fields":{"a":["\\r\\n--lin\\r"]},'
        b'"files":[["f","application/octet-stream",9,9]]}'
    ]


async def test_forms_leave_the_urlencoded_to_the_core(step, post):
    app = forms_app(step)
    field = "content-type: application/x-www-form-urlencoded"

    answer = await post(app, b"name=Ada", field)

    assert answer.content == b'{"fields":{"name":["Ada"]},"files":[]}'


async def test_forms_leave_other_content_alone(step, post):
    app = forms_app(step)

    @app.route("/json", methods=["POST"])
    async def json(request, response):
        response.json = request.json

    answer = await post(app, b"[1]", "content-type: application/json", "/json")

    assert answer.content == b"[1]"


async def test_forms_leave_nothing_of_the_content_in_memory(step, post):
    app = forms_app(step)

    @app.route("/body", methods=["POST"])
    async def body(request, response):
        response.json = [len(request.body), request.form]

    answer = await post(app, form(part("a", b"b")), path="/body")

    assert answer.content == b'[0,{"a":["b"]}]'


async def test_forms_leave_a_lazy_route_in_control(step, post):
    app = forms_app(step)

    @app.route("/lazy", methods=["POST"], lazy_body=True)
    async def lazy(request, response):
        before = request.content
        await request.load_body()
        response.json = [before, request.form]

    answer = await post(app, form(part("name", b"Ada")), path="/lazy")

    assert answer.content == b'[null,{"name":["Ada"]}]'


async def test_forms_let_a_lazy_route_read_the_bytes(step, post):
    app = forms_app(step)

    @app.route("/lazy", methods=["POST"], lazy_body=True)
    async def lazy(request, response):
        response.body = await request.read()

    content = form(part("name", b"Ada"))
    answer = await post(app, content, path="/lazy")

    assert answer.content == content


async def test_forms_may_be_loaded_twice(step, post):
    app = forms_app(step)

    @app.route("/twice", methods=["POST"], lazy_body=True)
    async def twice(request, response):
        await request.load_body()
        await request.load_body()
        response.json = request.form

    @app.route("/again", methods=["POST"])
    async def again(request, response):
        await request.load_body()
        response.json = request.form

    content = form(part("name", b"Ada"))
    answers = [await post(app, content, path=p) for p in ("/twice", "/again")]

    assert [a.content for a in answers] == [b'{"name":["Ada"]}'] * 2


async def test_forms_may_be_loaded_when_the_bytes_were_read(step, post):
    app = forms_app(step)

    @app.route("/lazy", methods=["POST"], lazy_body=True)
    async def lazy(request, response):
        length = len(await request.read())
        await request.load_body()
        response.json = [length, request.form]

    content = form(part("name", b"Ada"))
    answer = await post(app, content, path="/lazy")

    assert answer.content == b'[%d,{"name":["Ada"]}]' % len(content)


@pytest.mark.parametrize("what", ["form", "files"])
@pytest.mark.parametrize("read", [True, False])
async def test_forms_say_who_reads_them_on_a_lazy_route(
    step, post, caplog, what, read
):
    app = forms_app(step)

    @app.route("/lazy", methods=["POST"], lazy_body=True)
    async def lazy(request, response):
        if read:
            await request.read()
        getattr(request, what)

    answer = await post(app, form(part("name", b"Ada")), path="/lazy")

    assert answer.status == 500
    assert "await request.load_body()" in caplog.text


async def test_forms_are_not_read_before_a_login_refuses_them(step, ask):
    app = forms_app(step)

    @app.listen("headers")
    def login(request, response):
        raise step.messages.HttpError(401)

    exchange = await ask(
        app,
        f"POST / HTTP/1.1\r\nhost: a\r\n{TYPE}\r\ncontent-length: 99\r\n"
        "expect: 100-continue\r\n\r\n".encode(),
        closing=True,
    )

    assert [(a.status, a.informational) for a in exchange.answers] == [
        (401, [])
    ]


async def test_forms_tell_of_a_file_that_is_missing(step, post):
    app = forms_app(step)

    @app.route("/need", methods=["POST"])
    async def need(request, response):
        request.files.get("file")

    answer = await post(app, form(part("name", b"Ada")), path="/need")

    assert (answer.status, answer.content) == (
        400,
        b"The parameter 'file' is missing.",
    )


async def test_forms_leave_out_a_file_that_nobody_chose(step, post):
    app = forms_app(step)

    answer = await post(app, form(part("file", b"", "")))

    assert answer.content == b'{"fields":{},"files":[]}'


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("C:\\autoexec.bat", "autoexec.bat"),
        ("..%0D%0A/a\x00b\x1b.txt", "ab.txt"),
        ("..\\", ""),
    ],
)
async def test_forms_keep_no_folder_and_no_control_in_a_filename(
    step, post, sent, kept
):
    app = forms_app(step)

    @app.route("/name", methods=["POST"])
    async def name(request, response):
        response.body = request.files.get("file").filename

    answer = await post(app, form(part("file", b"x", sent)), path="/name")

    assert (answer.status, answer.content.decode()) == (200, kept)


async def test_forms_bring_files_of_a_class_of_the_app(step, post):
    module = step.modules["extensions.forms"]

    class Files(module.Files):
        def names(self):
            return sorted(self)

    app = step.Pico()
    app.Files = Files
    module.forms(app)

    @app.route("/", methods=["POST"])
    async def index(request, response):
        response.json = request.files.names()

    answer = await post(app, form(part("b", b"", "b"), part("a", b"", "a")))

    assert answer.content == b'["a","b"]'


# Files end


async def test_forms_close_their_files_after_the_answer(step, ask):
    app = forms_app(step)
    content = form(part("file", BIG, "a"), part("file", b"small", "b"))
    head = f"POST / HTTP/1.1\r\nhost: a\r\n{TYPE}\r\n"
    head += f"content-length: {len(content)}\r\n\r\n"

    @app.route("/closed")
    async def closed(request, response):
        async with asyncio.timeout(2):  # A thread lets go when it has a turn.
            while not all(f.closed for f in app["uploads"]):  # noqa: ASYNC110
                await asyncio.sleep(0)
        response.json = [file.closed for file in app["uploads"]]

    exchange = await ask(
        app,
        head.encode() + content,
        b"GET /closed HTTP/1.1\r\nhost: a\r\n\r\n",
        methods=["POST", "GET"],
    )

    assert [a.status for a in exchange.answers] == [200, 200]
    assert exchange.answers[1].content == b"[true,true]"


async def test_forms_close_a_file_though_somebody_holds_what_is_in_it(
    step, post
):
    app = forms_app(step)
    held = []

    @app.route("/hold", methods=["POST"])
    async def hold(request, response):
        held.extend([request.files.get("a"), request.files.get("b").file])

    content = form(part("a", b"hello", "a"), part("b", b"hello", "b"))
    await post(app, content, path="/hold")

    assert (held[0].read(), held[1].closed) == (b"hello", True)


async def test_forms_close_their_files_when_the_client_leaves(
    step, ask, monkeypatch
):
    app = forms_app(step)
    module, opened = step.modules["extensions.forms"], []
    make = module.SpooledTemporaryFile

    def noted(size):
        opened.append(make(size))
        return opened[-1]

    monkeypatch.setattr(module, "SpooledTemporaryFile", noted)
    head = f"POST / HTTP/1.1\r\nhost: a\r\n{TYPE}\r\ncontent-length: 999999"

    await ask(
        app,
        f"{head}\r\n\r\n".encode() + part("file", BIG, "big.bin"),
        b"more",
        leave=True,
    )
    # A thread that writes still ends its piece.
    await asyncio.get_running_loop().shutdown_default_executor()

    assert [file.closed for file in opened] == [True]


async def test_forms_stream_a_file_back_before_they_close_it(step, post):
    app = forms_app(step)

    @app.route("/echo", methods=["POST"])
    async def echo(request, response):
        upload = request.files.get("file")

        async def pieces():
            while piece := upload.read(1024):
                yield piece

        response.body = pieces()

    answer = await post(app, form(part("file", BIG, "big.bin")), path="/echo")

    assert answer.content == BIG


# What is no form, and what is too much


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"--line",
        b"nonsense",
        part("name", b"Ada"),
        form(part("name", b"Ada"))[:-6],
        b"--line\r\n\r\nno name\r\n--line--",
        b"--line\r\ncontent-disposition: attachment\r\n\r\n\r\n--line--",
        b"--line\r\nno colon\r\n\r\n\r\n--line--",
        b"--line\r\n\xff\xfe: a\r\n\r\n\r\n--line--",
        form(part("name", b"Ada")).replace(b"line", b"other"),
        form(part("name", b"Ada")).replace(b"\r\n", b"\n"),
    ],
)
async def test_forms_refuse_what_is_no_form(step, post, content):
    app = forms_app(step)
    fields = (TYPE, "content-length: 0") if not content else (TYPE,)

    answer = await post(app, content, "\r\n".join(fields))

    assert answer.status == 400
    assert b"Traceback" not in answer.content


@pytest.mark.parametrize(
    "parameters",
    [
        "",
        ";",
        "; boundary",
        "; boundary=",
        '; boundary=""',
        "; boundary=" + "x" * 71,
        "; boundary=\xe9",
        ';a="' * 3000,
    ],
)
async def test_forms_need_a_boundary(step, post, parameters):
    app = forms_app(step)
    field = f"content-type: multipart/form-data{parameters}"

    answer = await post(app, form(part("name", b"Ada")), field)

    assert answer.status == 400


@pytest.mark.parametrize(("length", "status"), [(70, 200), (71, 400)])
async def test_forms_take_no_longer_boundary_than_the_rfc(
    step, post, length, status
):
    app, boundary = forms_app(step), "b" * length
    content = form(part("a", b"b")).replace(b"line", boundary.encode())
    field = f"content-type: multipart/form-data; boundary={boundary}"

    answer = await post(app, content, field)

    assert answer.status == status


@pytest.mark.parametrize(
    ("limits", "content"),
    [
        ({"max_content": 200}, form(part("file", b"x" * 200, "f"))),
        ({"max_file": 100}, form(part("file", b"x" * 101, "f"))),
        ({"max_parts": 2}, form(*[part("a", b"b")] * 3)),
        ({}, form(*[part("a", b"b")] * 101)),
        ({}, form(*[part("a", b"x" * 2**18)] * 5)),
        ({}, form(part("x" * 5000, b""))),
        ({}, b"--line\r\n" + b"x" * 9000),
        ({}, b"--line\r\n" + b"a: b\r\n" * 9),
    ],
    ids=[
        "all",
        "one file",
        "parts",
        "many parts",
        "fields",
        "a name",
        "a line without end",
        "many lines",
    ],
)
async def test_forms_refuse_what_goes_beyond_a_limit(
    step, post, limits, content
):
    app = forms_app(step, **limits)

    answer = await post(app, content)

    assert answer.status == 413


async def test_forms_refuse_a_length_before_they_read(step, ask):
    app = forms_app(step, max_content=1000)
    head = f"POST / HTTP/1.1\r\nhost: a\r\n{TYPE}\r\ncontent-length: 1001\r\n"

    exchange = await ask(
        app, f"{head}expect: 100-continue\r\n\r\n".encode(), closing=True
    )

    assert [(a.status, a.informational) for a in exchange.answers] == [
        (413, [])
    ]


async def test_forms_count_content_of_which_nobody_told_the_length(step, ask):
    app = forms_app(step, max_content=1000)
    head = f"POST / HTTP/1.1\r\nhost: a\r\n{TYPE}\r\n"
    chunk = b"400\r\n" + b"x" * 1024 + b"\r\n"

    exchange = await ask(
        app,
        f"{head}transfer-encoding: chunked\r\n\r\n".encode() + chunk,
        chunk + b"0\r\n\r\n",
        methods=["POST"],
    )

    assert [answer.status for answer in exchange.answers] == [413]


async def test_forms_have_large_files_on_disk_and_not_in_memory(step, post):
    app = forms_app(step)
    spool = step.modules["extensions.forms"].SPOOL

    @app.route("/where", methods=["POST"])
    async def where(request, response):
        files = [upload.file for upload in request.files.list("file")]
        response.json = [file._rolled for file in files]

    small, large = part("file", b"x" * spool, "a"), part("file", BIG, "b")
    answer = await post(app, form(small, large), path="/where")

    assert answer.content == b"[false,true]"


async def test_forms_write_to_disk_in_a_thread(step, post, monkeypatch):
    app, module = forms_app(step), step.modules["extensions.forms"]
    here, elsewhere = threading.get_ident(), []

    class Noted(module.SpooledTemporaryFile):
        def write(self, data):
            elsewhere.append(threading.get_ident() != here)
            return super().write(data)

    monkeypatch.setattr(module, "SpooledTemporaryFile", Noted)

    await post(app, form(part("file", b"small", "a")))
    small, elsewhere[:] = list(elsewhere), []
    await post(app, form(part("file", BIG, "b")))

    assert small == [False]
    assert elsewhere[-1]


# Many parsers took quadratic time here: CVE-2023-46136, CVE-2024-53981 and
# the like. What is counted is calls, of C functions too.

HOSTILE = {
    "carriage returns": lambda n: part("file", b"\r" * n, "f"),
    "line ends": lambda n: part("file", b"\r\n" * n, "f"),
    "almost the boundary": lambda n: part("file", b"\r\n--lin" * n, "f"),
    "preamble": lambda n: b"\r\n-" * n,
    "after a carriage return": lambda n: part("file", b"\r" + b"x" * n, "f"),
    "epilogue": lambda n: form(part("a", b"b")) + b"\r\n--" * n,
}


class Sent:
    """A request whose content comes in pieces of one size."""

    def __init__(self, content):
        self.content, self.length = content, 0
        self.headers = {"content-type": TYPE.partition(": ")[2]}

    async def __aiter__(self):
        for start in range(0, len(self.content), 64):
            yield self.content[start : start + 64]


async def calls(step, content):
    """Return how many calls it takes to read a form, and what is held."""
    module, number = step.modules["extensions.forms"], 0
    app = forms_app(step)

    def count(frame, event, argument):
        nonlocal number
        number += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        await module.Form(app, 2**20).read(Sent(content), 2**20, {})
    except module.MultipartError:
        pass
    finally:
        sys.setprofile(None)
    return number


@pytest.mark.parametrize("shape", HOSTILE)
async def test_forms_take_twice_as_long_for_twice_as_much(step, shape):
    monotone = HOSTILE[shape]

    await calls(step, monotone(10))  # imports, caches
    once, twice = [await calls(step, monotone(n)) for n in (1000, 2000)]

    assert once < twice <= 2 * once


async def test_forms_hold_no_more_of_a_preamble_than_a_boundary(step):
    module = step.modules["extensions.forms"]
    parser = module.PushMultipartParser("line")

    held = []
    for _ in range(100):
        list(parser.parse(b"\r\n-" * 1000))
        held.append(len(parser._buffer))

    assert max(held) <= len("\r\n--line")
