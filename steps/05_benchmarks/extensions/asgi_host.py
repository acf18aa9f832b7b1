"""Serve any ASGI application (asgi.readthedocs.io).

Knows: app; routes, lifespan; what an application is told about a request.
Does not know: how requests and messages become events, and events answers.
"""

import asyncio
from weakref import ref

from extensions.asgi_exchange import Exchange
from pico import Pico
from routing import Route

try:
    from extensions.asgi_host_websocket import Talk, wanted
    from extensions.websocket import WebSocket
except ImportError:  # Then its WebSockets are requests like any other.
    Talk = WebSocket = None

ASGI = {"version": "3.0", "spec_version": "2.4"}


def asgi_host(application, origins="*", max_size=2**20, compress=True):
    """Return an app that serves another: run it like any app.

    The options are those of `websocket`. An ASGI application expects to
    be asked whom to let in, wherever a browser comes from.
    """
    options = {"max_size": max_size, "compress": compress}
    return Host(application, origins=origins, **options)


class Host(Pico):
    """Answers at its own routes; elsewhere the application does."""

    WebSocket = WebSocket
    grace = 10  # seconds for what goes on after the last answer

    def __init__(self, application, **options):
        super().__init__()
        self.application, self.options = application, options
        self.tasks = set()
        self.fallback = Route("/", [], self.delegate, lazy_body=True)

    def lookup(self, request):
        found = super().lookup(request)
        if found[0] is None and not found[2]:
            return self.fallback, {}, found[2]
        return found

    async def delegate(self, request, response):
        """Answer as the application does."""
        if Talk and wanted(request):
            exchange = Talk(request, **self.options)
        else:
            exchange = Exchange(request)
        before = vars(request.source).get("exchange", lambda: None)()
        if before:  # It may go on unheard, but only until the next request.
            before.end()
        request.source.exchange = ref(exchange)
        scope = {**scope_of(request), "state": self.lifespan.state.copy()}
        self.spawn(exchange.run(self.application, scope))
        await exchange.answer(response)

    def spawn(self, work):
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def startup(self):
        await super().startup()
        self.lifespan = Lifespan()
        self.spawn(self.lifespan.run(self.application))
        await self.lifespan.ask("lifespan.startup")

    async def shutdown(self):
        """Wait for what still goes on, but not for ever."""
        await self.lifespan.ask("lifespan.shutdown")
        if tasks := set(self.tasks):
            _, pending = await asyncio.wait(tasks, timeout=self.grace)
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)
        await super().shutdown()


def scope_of(request):
    """Return what an application is told about a request."""
    info = request.source.transport.get_extra_info
    path, _, query = request.url.encode().partition(b"?")
    fields = request.headers.items()
    return {
        "type": "http",
        "asgi": ASGI,
        "http_version": request.version,
        "method": request.method,
        "scheme": "https" if info("sslcontext") else "http",
        "path": request.path,
        "raw_path": path,
        "query_string": query,
        "headers": [(n.encode(), v.encode("latin-1")) for n, v in fields],
        "client": tuple(request.source.peer or ())[:2] or None,
        "server": tuple(info("sockname") or ())[:2] or None,
    }


class Lifespan:
    """Tells an application of startup and shutdown; it need not listen."""

    def __init__(self):
        self.state, self.ended = {}, False
        self.asked, self.told = asyncio.Queue(), asyncio.Queue()

    async def run(self, application):
        scope = {"type": "lifespan", "asgi": ASGI, "state": self.state}
        try:
            await application(scope, self.asked.get, self.told.put)
        except (Exception, asyncio.CancelledError):
            pass  # That is how it says that it knows no lifespan.
        self.ended = True
        await self.told.put({"type": "ended"})

    async def ask(self, kind):
        """Pass an event on; RuntimeError if the application says it failed."""
        if self.ended:
            return
        await self.asked.put({"type": kind})
        event = await self.told.get()
        if event["type"] == f"{kind}.failed":
            raise RuntimeError(event.get("message") or f"{kind} failed.")
