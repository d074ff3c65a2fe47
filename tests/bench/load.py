"""A load of keep-alive clients, in a process of its own: how many answers a second.

`python -m tests.bench.load PORT PATH SECONDS`, with one session token a line on standard input:
each is one browser with one connection. Prints answers, seconds, how many answers were no 200, and
how many there were with those of the first second, which do not count.
"""

import asyncio
import sys
import time
from collections import Counter

_WARM_UP = 1.0
_EARLY = 0


async def main(port: int, path: str, seconds: float, tokens: list[str]) -> None:
    start = time.monotonic() + _WARM_UP
    clients = [_browse(port, path, token, start, start + seconds) for token in tokens]
    statuses = sum(await asyncio.gather(*clients), Counter[int]())
    taken = time.monotonic() - start
    early = statuses.pop(_EARLY, 0)
    others = sum(count for status, count in statuses.items() if status != 200)
    print(statuses[200], taken, others, statuses.total() + early)


async def _browse(port: int, path: str, token: str, start: float, end: float) -> Counter[int]:
    reader, writer = await asyncio.open_connection("localhost", port)
    head = f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nCookie: cpms={token}\r\n\r\n"
    statuses: Counter[int] = Counter()
    while (now := time.monotonic()) < end:
        writer.write(head.encode())
        status = await _answer(reader)
        statuses[status if now >= start else _EARLY] += 1
    writer.close()
    return statuses


async def _answer(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = int(head.partition("content-length:")[2].partition("\r\n")[0])
    await reader.readexactly(length)
    return int(head.split(" ", 2)[1])


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), sys.stdin.read().split()))
