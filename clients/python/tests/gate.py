"""A proxy for Redis that a test can pause, cut and open again."""

import asyncio
from types import TracebackType
from urllib.parse import urlsplit


class Gate:
    """Listens on its own port and forwards bytes both ways while it is open."""

    def __init__(self, redis_url: str) -> None:
        self._to = urlsplit(redis_url)
        self._answers = asyncio.Event()
        self._answers.set()
        self._is_shut = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections = 0

    async def __aenter__(self) -> "Gate":
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self._port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}{self._to.path}"

    async def counted(self) -> int:
        return self.connections

    def hold(self) -> None:
        """Forwards requests to Redis, and holds its answers."""
        self._answers.clear()

    def shut(self) -> None:
        """Closes every connection, also new ones, as if Redis were away."""
        self._is_shut = True
        self.cut()

    def cut(self) -> None:
        """Closes every connection, and accepts new ones."""
        for writer in self._writers:
            writer.transport.abort()

    def open(self) -> None:
        self._is_shut = False
        self._answers.set()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self._is_shut:
            writer.transport.abort()
            return
        redis = await asyncio.open_connection(self._to.hostname, self._to.port)
        self._writers |= {writer, redis[1]}
        for source, sink, answers in ((reader, redis[1], False), (redis[0], writer, True)):
            task = asyncio.create_task(self._pipe(source, sink, answers))
            self._tasks.add(task)

    async def _pipe(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, answers: bool
    ) -> None:
        try:
            while data := await source.read(65536):
                if answers:
                    await self._answers.wait()
                sink.write(data)
                await sink.drain()
        except OSError:
            pass  # cut
        finally:
            sink.transport.abort()
