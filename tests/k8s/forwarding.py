"""What `kubectl port-forward` does, to a port of this machine."""

import asyncio
import sys
from contextlib import suppress


def forward(upstream: int, port: str) -> None:
    """Forward connections to the port `upstream` until this is killed; say where from in kubectl's words."""
    asyncio.run(_forward(upstream, port))


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what arrives until its end."""
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _forward(upstream: int, port: str) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to = await asyncio.open_connection("127.0.0.1", upstream)
        await asyncio.gather(pipe(reader, to), pipe(there, writer))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    sys.stdout.write(f"Forwarding from 127.0.0.1:{server.sockets[0].getsockname()[1]} -> {port}\n")
    sys.stdout.flush()
    await server.serve_forever()
