"""Stand in for the network and the event loop while we count.

Knows: what a protocol calls on its transport, what a task calls on its loop.
Does not know: what is counted.

Tasks and futures are those of asyncio, which are written in C; of a loop they
need no more than this. The frames of
this file are left out of all counts, so that a loop costs nothing: one task
costs 1,000 bytecodes on asyncio's loop and 100 on uvloop's, and we want to
count the step, not the loop below it. (What asyncio itself does in Python for
a task, in whichever loop, does count: its WeakSet of all tasks.) Time stands
still.
"""

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable
from typing import Any

PEER, HERE = ("127.0.0.1", 50000), ("127.0.0.1", 8000)


class Transport(asyncio.Transport):
    """A transport that keeps what is written to it."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.protocol: asyncio.BaseProtocol | None = None
        self.closing = False

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        self.written.append(b"".join(list_of_data))

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": PEER, "sockname": HERE}.get(name, default)

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    abort = close

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    resume_reading = pause_reading

    def is_reading(self) -> bool:
        return True

    def get_write_buffer_size(self) -> int:
        return 0

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return 16384, 65536

    def set_write_buffer_limits(
        self, high: int | None = None, low: int | None = None
    ) -> None:
        pass

    def get_protocol(self) -> Any:
        return self.protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol


class Handle:
    """A callback that waits for its turn."""

    def __init__(
        self,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: contextvars.Context | None,
    ) -> None:
        self.callback = callback
        self.args = args
        self.context = context or contextvars.copy_context()
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True

    def cancelled(self) -> bool:
        return self.is_cancelled

    def when(self) -> float:
        return 0.0

    def run(self) -> None:
        if not self.is_cancelled:
            self.context.run(self.callback, *self.args)


class Loop:
    """An event loop without clock and sockets, turned by `turn`."""

    def __init__(self) -> None:
        self.ready: deque[Handle] = deque()
        self.tasks = 0
        self.errors: list[dict[str, Any]] = []

    def turn(self) -> None:
        """Run callbacks until none is left."""
        while self.ready:
            self.ready.popleft().run()

    def call_soon(
        self,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> Handle:
        handle = Handle(callback, args, context)
        self.ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon

    def call_later(
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> Handle:
        return Handle(callback, args, context)  # Its time never comes.

    call_at = call_later

    def time(self) -> float:
        return 0.0

    def create_future(self) -> asyncio.Future[Any]:
        loop: Any = self
        return asyncio.Future(loop=loop)

    def create_task(self, coro: Any, **kwargs: Any) -> asyncio.Task[Any]:
        self.tasks += 1
        loop: Any = self
        return asyncio.Task(coro, loop=loop, **kwargs)

    def run_in_executor(
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def get_debug(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.errors.append(context)
