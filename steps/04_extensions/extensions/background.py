"""Go on working once the answer is made.

Knows: app, response; tasks, their errors, their end.
Does not know: the connection; what the work is.
"""

import asyncio
import inspect
import logging

logger = logging.getLogger("pico")


def background(app, grace=10, at_once=100):
    """Let handlers say `response.after(work, *args)`: it begins when the
    answer is made, and is forgotten if an error is answered instead.

    `app.background(work, *args)` begins at once. Coroutines run in tasks,
    other functions in threads: up to `at_once` of them run, the rest wait.
    At shutdown all have `grace` seconds to end; a thread cannot be cancelled.
    """
    crew = Crew(grace, at_once)
    app.background = crew.begin
    app.listen("shutdown")(crew.end)

    class Response(app.Response):
        later = ()

        def after(self, work, *args, **kwargs):
            """Call a function with these arguments after the answer."""
            self.later = (*self.later, (checked(work), args, kwargs))

    app.Response = Response

    @app.listen("response")
    def answered(request, response):
        if not response.later:
            return
        whole = isinstance(response.body, (bytes, str))
        if whole or request.method == "HEAD":
            crew.begin_all(response.later)
        else:
            response.body = followed(response.body, crew, response.later)


def checked(work):
    """Return a function; TypeError if it has already been called."""
    if inspect.iscoroutine(work):
        work.close()
    if not callable(work):
        raise TypeError("It is called later: after(mail, to), not mail(to).")
    return work


async def followed(pieces, crew, later):
    """Yield a body, then begin the work."""
    begun = False
    try:
        async for piece in pieces:
            begun = True
            yield piece
    except Exception:
        later = later if begun else ()  # else an error is answered
        raise
    finally:
        if hasattr(pieces, "aclose"):
            await pieces.aclose()
        crew.begin_all(later)


class Crew:
    """Holds the work that goes on: a task nobody holds may be collected."""

    def __init__(self, grace, at_once):
        self.grace, self.slots = grace, asyncio.Semaphore(at_once)
        self.tasks = set()

    def begin(self, work, *args, **kwargs):
        """Begin now, in a task that sees the caller's context."""
        task = asyncio.create_task(self.run(checked(work), args, kwargs))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    def begin_all(self, later):
        for work, args, kwargs in later:
            self.begin(work, *args, **kwargs)

    async def run(self, work, args, kwargs):
        async with self.slots:
            try:
                if inspect.iscoroutinefunction(work):
                    result = work(*args, **kwargs)
                else:
                    result = await asyncio.to_thread(work, *args, **kwargs)
                if inspect.isawaitable(result):
                    await result
            except Exception:
                logger.exception("Behind an answer %r failed", work)

    async def end(self):
        """Wait for all tasks, and those that they begin, but not for ever."""
        try:
            async with asyncio.timeout(self.grace):
                while self.tasks:
                    await asyncio.wait(self.tasks)
        except TimeoutError:
            logger.error("%d tasks did not end in time", len(self.tasks))
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)
