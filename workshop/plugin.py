"""Keep every promise on its step and on all later ones, under pytest.

Knows: steps, targets, what is left behind by a test.
Does not know: what a promise is about.

A file `steps/NN_word/test_*.py` holds the promises of step NN. Each runs
against step NN and every later step, and against the step before, where it
must fail by an assertion: otherwise the step is not motivated. Two marks tell
of exceptions:

    @pytest.mark.until("02")      from step 02 on it must fail
    @pytest.mark.holds_before     the step before kept it already

Two fixtures lead to the code under test: `step`, its rooms in this process,
and `wire`, a socket to the contract application on it. A test elsewhere that
uses them runs against all steps, or those of `@pytest.mark.steps("04", "05")`.
A test that declares its own app serves it and talks to it with `ask` (bytes)
or `fetch` (one request); `counts` tells exactly what one request costs.

    --target FOLDER|URL           judge this, not the steps
    --through 03                  with the promises of steps 01 to 03

An `async def test_...` runs in a loop of its own. A test that leaves a task,
a child process or an open socket behind fails. WORKSHOP_NO_SKIPS=1 makes a
failure of every test that is skipped.
"""

import asyncio
import contextlib
import functools
import gc
import importlib
import inspect
import logging
import os
import re
import signal
import subprocess
import tempfile
import traceback
from collections.abc import Callable, Coroutine, Generator, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from workshop import course, serving, steps, suite, tracebacks
from workshop.bench import Case, programs, shapes
from workshop.bench.counts import Counts, count
from workshop.errors import WorkshopError
from workshop.exchange import PATIENCE as WATCHDOG
from workshop.exchange import Answer, Exchange, Wire
from workshop.mistakes import of_exception, shown, unawaited
from workshop.outcomes import LONG, NOTES, JsonLines, Seen, why
from workshop.serving import Running, Target, launched, main_file, number_of
from workshop.steps import STEPS, Rooms, Step, all_steps, find, load

CONTRACT = Path(__file__).with_name("wire_app.py")
MARKS = (
    "until(step): from this step on, the promise must fail",
    "holds_before: the step before kept this promise already",
    "steps(*numbers): the steps that a test outside steps/ runs against",
)
# A warning from a destructor cannot fail the test otherwise.
STRICT = (
    "error::ResourceWarning",
    "error::pytest.PytestUnraisableExceptionWarning",
    "error::pytest.PytestUnhandledThreadExceptionWarning",
)
PATIENCE = 2.0  # seconds for tasks and children that are ending anyway
IMPATIENCE = 0.5  # seconds for an answer of which we expect that it fails
ENDING = 0.5  # seconds for a server to end that left its client alone
TURNS = 10  # of a loop, which has then seen that a client left
HELLO = Case(
    "hello",
    b"GET /hello/bench HTTP/1.1\r\nHost: localhost\r\n\r\n",
    content=b'{"message":"Hello bench"}',
)
# shape: what is asked, and of which program, if not of app.py
ASKED = {
    "hello": (HELLO, None),
    "browser": (shapes.PAGE, None),
    "crowd": (HELLO, programs.FOLDER / "hundred.py"),
    "pipelined": (shapes.PIPELINED, shapes.PLAINTEXT),
}

Marks = list[pytest.MarkDecorator]
Ask = Callable[..., Coroutine[Any, Any, Exchange]]
Fetch = Callable[..., Coroutine[Any, Any, Answer]]
LOGGED: list[BaseException | None] = []  # by the loop of this test
SERVERS: pytest.StashKey["Servers"] = pytest.StashKey()
CHILDREN = pytest.StashKey[set[int]]()
CURRENT = pytest.StashKey[pytest.Item]()
COVERAGE = pytest.StashKey[Any]()


class Left(Exception):
    """Something outlived its test. No assertion: it is never expected."""


# What is judged


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("workshop")
    group.addoption("--target", help="folder or URL to judge, not the steps")
    group.addoption("--through", help="promises up to this step (default: 05)")
    group.addoption(
        "--json-lines",
        action="store_true",
        help="print each result as a line of JSON (for `workshop check`)",
    )
    group.addoption(
        "--learner",
        action="store_true",
        help="leave out what must fail; tell where a server hangs",
    )


def is_controller(config: pytest.Config) -> bool:
    """Return whether the tests run elsewhere: in processes, one a core."""
    distributed: str = getattr(config.option, "dist", "no")
    return distributed != "no" and not hasattr(config, "workerinput")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    # A job in the background ignores Ctrl-C, and so would all that it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # What a task says that is collected between two tests is nobody's.
    logging.getLogger("asyncio").addHandler(logging.NullHandler())
    if suite.COVERED in os.environ and not is_controller(config):
        settings = os.environ.pop(suite.COVERED)
        config.stash[COVERAGE] = new_coverage(config, settings)
    kept = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    config.add_cleanup(kept.cleanup)
    # A run within this one has a folder of its own, and leaves us ours.
    config.add_cleanup(
        functools.partial(setattr, steps, "compiled", steps.compiled)
    )
    steps.compiled = kept.name  # Most tests load a step anew.
    for mark in MARKS:
        config.addinivalue_line("markers", mark)
    for line in STRICT:
        config.addinivalue_line("filterwarnings", line)
    if config.getoption("--json-lines"):
        config.pluginmanager.register(JsonLines(), "workshop-json-lines")
    try:
        config.stash[SERVERS] = Servers(config)
    except WorkshopError as error:
        raise pytest.UsageError(str(error)) from None


class Servers:
    """The target that was asked for, and a server for each target."""

    def __init__(self, config: pytest.Config) -> None:
        word = config.getoption("--target")
        through = config.getoption("--through")
        self.chosen: Target | None = serving.target(word) if word else None
        if not through and self.chosen:
            through = number_of(self.chosen)
        self.through = find(through or all_steps()[-1].number).number
        self.running: dict[Target, Running] = {}
        self.stack = contextlib.ExitStack()

    def url(self, target: Target) -> str:
        """Return where the contract application runs on a target."""
        if target.folder is None:
            assert target.url
            return target.url
        running = self.running.get(target)
        if running is None or running.process.poll() is not None:
            server = launched(target.folder, CONTRACT)
            running = self.stack.enter_context(server)
            self.running[target] = running
        return running.url


def pytest_unconfigure(config: pytest.Config) -> None:
    if SERVERS in config.stash:
        config.stash[SERVERS].stack.close()


def home(path: Path) -> Step | None:
    """Return the step whose folder holds a test file."""
    for step in all_steps():
        if path.parent == step.folder:
            return step
    return None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a promise against all targets that it concerns."""
    if "target" not in metafunc.fixturenames:
        return
    servers = metafunc.config.stash[SERVERS]
    path = metafunc.definition.path
    parameters = [
        pytest.param(
            target, id=f"{name}-fails" if marks else name, marks=marks
        )
        for name, target, marks in judged(metafunc.definition, path, servers)
    ]
    metafunc.parametrize("target", parameters, indirect=True)


def judged(
    item: pytest.Item, path: Path, servers: Servers
) -> Iterator[tuple[str, Target, Marks]]:
    """Yield name, target and marks: an xfail where it has to fail."""
    own, until = home(path), item.get_closest_marker("until")
    ends = find(until.args[0]).number if until else "99"
    if servers.chosen:
        if own is None or own.number <= servers.through:
            late = servers.through >= ends
            marks = [fails("replaced on purpose")] if late else []
            yield servers.chosen.name, servers.chosen, marks
        return
    before = item.get_closest_marker("holds_before") is None
    for step in wanted(item, own, before):
        if step.number > servers.through:
            continue
        marks = []
        if own and step.number < own.number:
            marks = [fails("the step before does not keep it")]
        elif step.number >= ends:
            marks = [fails("replaced on purpose")]
        yield step.number, Target(step.name, step.folder, None), marks


def wanted(
    item: pytest.Item,
    own: Step | None,
    before: bool,
) -> list[Step]:
    """Return the steps that a test concerns."""
    steps = all_steps()
    if own:
        first = steps.index(own)
        return steps[max(0, first - 1) if before else first :]
    named = item.get_closest_marker("steps")
    return [find(word) for word in named.args] if named else steps


def fails(reason: str) -> pytest.MarkDecorator:
    """Return the mark of a test that must fail, by an assertion."""
    return pytest.mark.xfail(strict=True, raises=AssertionError, reason=reason)


# Fixtures


@pytest.fixture
def target(request: pytest.FixtureRequest) -> Target:
    """Return what the test runs against."""
    chosen: Target = request.param
    return chosen


@pytest.fixture
def step(target: Target) -> Rooms:
    """Return the rooms of the target, freshly loaded."""
    if target.folder is None:
        pytest.skip("not applicable to a URL")
    try:
        # Most tests ask for one extension, or none, of thirty.
        rooms = load(target.folder, lazily=target.folder.parent == STEPS)
    except Exception as error:
        raise of_exception(error, main_file(target.folder)) from None
    guard(rooms)
    return rooms


@pytest.fixture
def wire(target: Target, request: pytest.FixtureRequest) -> Wire:
    """Return a client of the contract application on the target."""
    url = request.config.stash[SERVERS].url(target)
    return Noted(url, patience(request), notes(request.node))


class Noted(Wire):
    """A client that notes its last exchange, for whoever explains it."""

    def __init__(self, url: str, patience: float, seen: Seen) -> None:
        super().__init__(url, patience)
        self.seen = seen

    def send(self, *segments: Any, **options: Any) -> Exchange:
        seen = self.seen
        texts = [s.decode("latin-1") for s in segments if type(s) is bytes]
        seen.sent, seen.received = [text[:LONG] for text in texts], ""
        seen.end = seen.garbage = ""
        exchange = super().send(*segments, **options)
        seen.received = exchange.raw[:LONG].decode("latin-1")
        seen.end, seen.garbage = exchange.end, exchange.garbage or ""
        return exchange


def notes(item: pytest.Item) -> Seen:
    """Return what is noted of a test while it runs."""
    return item.stash.setdefault(NOTES, Seen())


def patience(request: pytest.FixtureRequest) -> float:
    """Return the seconds to wait: few where a promise is not kept yet."""
    lost = request.node.get_closest_marker("xfail")
    return IMPATIENCE if lost else WATCHDOG


@pytest.fixture
def ask(request: pytest.FixtureRequest) -> Ask:
    """Return `ask(app, *segments)`: serve an app here, send it raw bytes.

    Instead of the app it takes the URL of a server that runs already. Further
    arguments are those of `Wire.send`.
    """

    async def ask(app: Any, *segments: Any, **options: Any) -> Exchange:
        if isinstance(app, str):
            seen = notes(request.node)
            send = Noted(app, patience(request), seen).send
            return await asyncio.to_thread(send, *segments, **options)
        notes(request.node).program = program(app, request)
        async with app.serve(port=0) as server:
            exchange = await ask(server.url, *segments, **options)
            for _ in range(TURNS):
                await asyncio.sleep(0)
        return exchange

    return ask


def program(app: Any, request: pytest.FixtureRequest) -> str:
    """Return the program of the target that an app is from, if it is."""
    rooms = request.node.funcargs.get("step")
    module = rooms.modules.loaded.get("app") if rooms else None
    if module is None or getattr(module, "app", None) is not app:
        return ""
    return shown(Path(module.__file__))


@pytest.fixture
def fetch(ask: Ask) -> Fetch:
    """Return `fetch(app, path, *fields)`: ask once, for the one answer."""

    async def fetch(
        app: Any,
        path: str,
        *fields: str,
        method: str = "GET",
        content: bytes = b"",
    ) -> Answer:
        lines = [f"{method} {path} HTTP/1.1", "host: pico", *fields]
        lines += [f"content-length: {len(content)}"] if content else []
        lines += ["connection: close", "", ""]
        request = "\r\n".join(lines).encode("latin-1") + content
        exchange = await ask(app, request, follow_up=False)
        answered = [answer.complete for answer in exchange.answers]
        assert answered == [True], f"not one whole answer: {exchange}"
        assert exchange.end != "silent", "it stays open, and says close"
        return exchange.answers[0]

    return fetch


@pytest.fixture
def counts(target: Target) -> Callable[..., Counts]:
    """Return `counts()`: what a warm hello costs; `counts("04")`: there.

    `counts(shape="browser")` is another request, of those in `ASKED`.
    """

    def counts(word: str | None = None, shape: str = "hello") -> Counts:
        folder = find(word).folder if word else target.folder
        if folder is None:
            pytest.skip("not applicable to a URL")
        return counted(folder, shape)

    return counts


@functools.cache
def counted(folder: Path, shape: str) -> Counts:
    """Count once: it is the same each time."""
    return count(folder, *ASKED[shape])[0]


def guard(rooms: Rooms) -> None:
    """Raise unless the code under test is the target's own."""
    folder = rooms.folder.resolve()
    for name, module in rooms.modules.loaded.items():
        origin = resolved(module.__file__ or "")
        if not origin.is_relative_to(folder):
            raise Left(f"{name} comes from {origin}, not {rooms.folder}")


@functools.cache
def resolved(path: str) -> Path:
    """Resolve once: every test loads the same files."""
    return Path(path).resolve()


# Tests that are coroutines


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an `async def` test in a loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    given = {name: pyfuncitem.funcargs[name] for name in names}
    with asyncio.Runner() as runner:
        runner.run(without_rest(pyfuncitem.obj(**given)))
    return True


async def without_rest(test: Coroutine[Any, Any, None]) -> None:
    """Await a test, then see that no task is left."""
    asyncio.get_running_loop().set_exception_handler(log_in_a_line)
    LOGGED.clear()
    await test
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    if rest:  # A connection that was closed may need a turn to notice.
        _, rest = await asyncio.wait(rest, timeout=PATIENCE)
    if rest:
        names = ", ".join(sorted({named(task) for task in rest}))
        raise Left(
            f"It left {len(rest)} task(s) running: {names}. Cancel or await"
            " what you began."
        )


def named(task: asyncio.Task[Any]) -> str:
    """Return what a task runs, and where that is written."""
    coroutine = task.get_coro()
    code = getattr(coroutine, "cr_code", None)
    if code is None:  # It is none of Python's own.
        return str(coroutine)
    place = f"{shown(Path(code.co_filename))}, line {code.co_firstlineno}"
    return f"{code.co_qualname} ({place})"


def log_in_a_line(
    loop: asyncio.AbstractEventLoop, context: dict[str, Any]
) -> None:
    """Log what nobody handled, without a traceback.

    It may be told by a destructor, in the middle of anything: a traceback is
    made with `ast`, which Python 3.11 cannot enter twice.
    """
    error = context.get("exception")
    logging.getLogger("asyncio").error("%s: %r", context["message"], error)
    LOGGED.append(error)


# Order

# With a file for each core, the longest must not begin when others end.
SLOW = {
    "test_attempts.py",
    "test_check.py",
    "test_cli.py",
    "test_course.py",
    "test_help_runs.py",
    "test_notebooks.py",
    "test_security.py",
    "test_server.py",
    "test_site.py",
    "test_soak.py",
    "test_start.py",
    "test_wire.py",
}


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Let a core that shares its work begin with the longest files.

    A learner is not asked for what the next step replaces on purpose.
    """
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.path.name not in SLOW)
    if config.getoption("--learner"):
        items[:] = [i for i in items if not i.get_closest_marker("xfail")]
        items.sort(key=task_order(config.stash[SERVERS].through))


def task_order(number: str) -> Callable[[pytest.Item], tuple[str, int]]:
    """Return what sorts promises: by step; of this one tasks come first."""
    known = [task.test for task in course.tasks(find(number))]

    def key(item: pytest.Item) -> tuple[str, int]:
        own, name = home(item.path), item.name.partition("[")[0]
        asked = own and own.number == number and name in known
        return own.number if own else "", known.index(name) if asked else 99

    return key


# What is measured


# Tests of what only a process of its own can show: signals, workers, reload.
SERVED = {"test_server.py", "test_extensions.py", "test_coverage_gaps.py"}
# Tests that load step 05, and have no parameter that says so.
LOADED = {"test_same_for_less.py", "test_coverage_gaps.py"}
# They do again, or very often, what tests of the core do once.
REPEATED = {"test_soak.py", "test_robustness.py", "test_security.py"}


def new_coverage(config: pytest.Config, settings: str) -> Any:
    """Return what looks on when it is started, and keeps what it has seen.

    It would look into all that this process starts, too: see `serving`.
    """
    coverage = importlib.import_module("coverage")
    made = coverage.Coverage(config_file=settings, data_suffix=True)
    config.add_cleanup(made.save)
    made.start()
    made.stop()
    os.environ[serving.MEASURE] = os.environ.pop(serving.COVERAGE)
    return made


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Let coverage look on only where it sees more: it costs a half.

    That is where step 05 runs, and in the servers of a few files.
    """
    coverage = item.config.stash.get(COVERAGE, None)
    last = all_steps()[-1].number
    words = re.split(r"[^\w]", item.name.partition("[")[2])
    runs = last in words or item.path.name in LOADED
    again = item.path.name in REPEATED or item.path.parent.name == "extensions"
    # With uvloop a server runs the same lines as with asyncio's own loop.
    runs = runs and not again and "uvloop" not in words
    with pytest.MonkeyPatch.context() as patch:
        if not runs or item.path.name not in SERVED:
            patch.delenv(serving.MEASURE, raising=False)
        if coverage is None or not runs:
            return (yield)
        coverage.start()
        try:
            return (yield)
        finally:
            coverage.stop()


# What is left behind


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Note which children there are: those of fixtures may stay.

    Nothing is collected meanwhile: what a test leaves behind stays young.
    """
    item.config.stash[CURRENT] = item
    item.stash[CHILDREN] = children()
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """See that no child and no open socket of the test is left."""
    gc.collect(1)  # Here pytest still says whose a ResourceWarning is.
    result = yield
    if CHILDREN in item.stash:
        before = item.stash[CHILDREN]
        reap(children() - before)
    return result


def children() -> set[int]:
    """Return the processes that this one has started, dead ones too.

    Linux may know them without a look at all processes.
    """
    threads = Path("/proc/self/task")
    if not (threads / str(os.getpid()) / "children").exists():
        return {child.pid for child in psutil.Process().children()}
    pids = ""
    for thread in threads.iterdir():
        with contextlib.suppress(OSError):  # It has ended.
            pids += (thread / "children").read_text("ascii")
    return set(map(int, pids.split()))


def reap(pids: set[int]) -> None:
    """End children that a test has left, and say so."""
    left = []
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            child = psutil.Process(pid)
            if child.status() != psutil.STATUS_ZOMBIE:
                left.append(child)
    _, alive = psutil.wait_procs(left, timeout=PATIENCE)
    if alive:
        names = ", ".join(" ".join(child.cmdline()) for child in alive)
        for child in alive:
            child.kill()
        psutil.wait_procs(alive)
        raise Left(f"left {len(alive)} process(es) running: {names}")


# Reports


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what was seen; refuse skips where all must run."""
    if is_expected(item, call):
        assert call.excinfo
        call.excinfo.traceback = call.excinfo.traceback[:0]
    report = yield
    refuse_skip(report)
    given: dict[str, Any] = getattr(item, "funcargs", {})
    target = given.get("target")
    if report.failed and isinstance(target, Target):
        running = item.config.stash[SERVERS].running.get(target)
        if item.config.getoption("--learner") and call.excinfo:
            used = running if "wire" in given else None
            attach(report, notes(item), call.excinfo, target, used)
        if running and running.log():
            report.sections.append(("Server's log", running.log()))
    return report


def is_expected(item: pytest.Item, call: pytest.CallInfo[None]) -> bool:
    """Return whether a test fails as it should: nobody reads its traceback.

    To show one takes longer than most tests.
    """
    expected = item.get_closest_marker("xfail")
    if not expected or not call.excinfo or item.config.option.runxfail:
        return False
    return call.excinfo.errisinstance(expected.kwargs.get("raises", ()))


def attach(
    report: pytest.TestReport,
    seen: Seen,
    caught: pytest.ExceptionInfo[BaseException],
    target: Target,
    running: Running | None,
) -> None:
    """Let the report carry what was seen: bytes, values, the bad line."""
    gc.collect()  # A task that failed tells it when it is collected.
    folder = (target.folder or Path()).resolve()
    errors = [error for error in LOGGED if error] + [caught.value]
    texts = [text for _, text in report.sections]
    if running:
        texts.append(last_words(running, seen, folder))
    texts += ["".join(traceback.format_exception(error)) for error in errors]
    text = "\n".join(texts)
    seen.error, seen.where = tracebacks.blamed(text, folder)
    seen.awaited, line = unawaited(text, folder)
    seen.where = seen.where or line
    names = [type(error).__name__ for error in errors[:-1]]
    seen.loose = tracebacks.loose(text) or "".join(names[-1:])
    own = [e for e in caught.traceback if tracebacks.is_test(str(e.path))]
    seen.statement = str(own[-1].statement).strip()[:LONG] if own else ""
    report.__dict__["workshop_seen"] = seen


def last_words(running: Running, seen: Seen, folder: Path) -> str:
    """Return the log of a server; note how it ended, or where it hangs."""
    seen.program = shown(CONTRACT)
    status = running.process.poll()
    if seen.end == "silent" and status is not None:
        seen.ended = f"status {status}"  # Nobody listens any more.
    elif seen.end == "silent":
        if serving.has_pico(folder):  # else its own program has run
            tracebacks.let_collect(running.process, running.errors)
        tracebacks.let_tell(running.process)
        seen.stuck = tracebacks.stuck(running.log(), folder)
    elif not seen.received:
        with contextlib.suppress(subprocess.TimeoutExpired):
            seen.ended = f"status {running.process.wait(ENDING)}"
    return running.log()


def pytest_assertrepr_compare(
    config: pytest.Config, op: str, left: object, right: object
) -> None:
    """Note what an assertion compared; pytest explains it as ever."""
    item = config.stash.get(CURRENT, None)
    if config.getoption("--learner") and item:
        seen = notes(item)
        seen.left, seen.operator = in_order(left)[:LONG], op
        seen.right = in_order(right)[:LONG]


def in_order(value: object) -> str:
    """Return how Python writes a value, but a set in one order each time.

    >>> in_order(({"b", "a"}, frozenset(), {}))
    "({'a', 'b'}, frozenset(), {})"
    """
    if type(value) is set and value:
        return "{" + ", ".join(sorted(map(in_order, value))) + "}"
    if type(value) is tuple and len(value) > 1:
        return "(" + ", ".join(map(in_order, value)) + ")"
    return repr(value)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Refuse skips of whole files, too."""
    report = yield
    refuse_skip(report)
    return report


def refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Make a failure of a skip, if WORKSHOP_NO_SKIPS says so."""
    refused = os.environ.get("WORKSHOP_NO_SKIPS") == "1"
    if refused and report.skipped and not hasattr(report, "wasxfail"):
        reason = why(report)
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} must not be skipped: {reason}"
