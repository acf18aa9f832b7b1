"""Time single functions of a step, with pyperf.

Knows: which functions a request passes, and what each must return.
Does not know: how to time; what a whole request costs.

    python -m workshop.bench.micro --fast -o before.json
    python -m workshop.bench.micro --fast -o after.json
    python -m pyperf compare_to before.json after.json

It is no verb of the workshop: options, processes and files are pyperf's. Look
at whole requests first: a function that is twice as fast may be a hundredth
of a request.
"""

import sys
from collections.abc import Callable
from typing import Any

from workshop.errors import ENVIRONMENT
from workshop.steps import Rooms, all_steps, load

REQUEST = b"GET /hello/bench HTTP/1.1\r\nHost: localhost\r\n\r\n"
PATH, CONTENT = "/hello/bench", b'{"message":"Hello bench"}'
OTHERS = ("/", "/drones/{name}", "/drones/{name}/positions", "/{rest:path}")

Job = Callable[[], Any]


def core(word: str) -> Rooms:
    """Load the rooms of a step, without extensions and what they need."""
    return load(word, lazily=True)


def jobs(step: Rooms) -> dict[str, Job]:
    """Return what is timed, by its name; each is tried once before."""
    found = {
        "parse a request": parsing(step),
        "match a route": matching(step),
        "render a head": rendering(step),
        "dump JSON": dumping(step),
    }
    for job in found.values():
        job()
    return found


def parsed(step: Rooms, parser: Any) -> Any:
    """Let a parser read one request, and take it away."""
    parser.feed(REQUEST)
    return parser.requests.pop()


def parsing(step: Rooms) -> Job:
    """Bytes become a request, as they do on a connection that is kept."""
    parser = step.parsing.RequestParser(step.Pico())
    request = parsed(step, parser)
    assert (request.method, request.path) == ("GET", PATH)

    def job() -> None:
        parser.feed(REQUEST)
        parser.requests.pop()

    return job


def matching(step: Rooms) -> Job:
    """A method and a path find one route among some."""
    router = step.routing.Router()
    for path in (*OTHERS, "/hello/{name}"):
        router.add(path, ["GET"], print)
    match = router.match
    assert match("GET", PATH)[1] == {"name": "bench"}
    return lambda: match("GET", PATH)


def rendering(step: Rooms) -> Job:
    """A response becomes the bytes of its head."""
    app = step.Pico()
    request = parsed(step, step.parsing.RequestParser(app))
    response = step.messages.Response(app)
    response.headers["content-type"] = "application/json"
    response.body = CONTENT
    render = step.rendering.render_head
    assert b"\r\ncontent-length: 25\r\n" in render(request, response).lower()
    return lambda: render(request, response)


def dumping(step: Rooms) -> Job:
    """A value becomes JSON, by the encoder of the app."""
    app = step.Pico()
    response = step.messages.Response(app)

    def job() -> None:
        response.json = {"message": "Hello bench"}

    job()
    body = response.body
    assert (body if isinstance(body, bytes) else body.encode()) == CONTENT
    return job


def main() -> int:
    """Hand the jobs to pyperf; its workers come here as well."""
    try:
        import pyperf
    except ImportError:
        print(
            "pyperf is not installed here: `pip install pyperf` into .venv,"
            " then try again.",
            file=sys.stderr,
        )
        return ENVIRONMENT
    runner = pyperf.Runner(
        program_args=("-m", "workshop.bench.micro"),
        add_cmdline_args=lambda words, args: words.extend(
            ("--step", args.step)
        ),
    )
    known = [step.number for step in all_steps() if step.number >= "03"]
    runner.argparser.add_argument("--step", default="05", choices=known)
    number = runner.parse_args().step
    runner.metadata["step"] = number
    for name, job in jobs(core(number)).items():
        runner.bench_func(name, job)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
