"""Requests as they really come: of a browser, of a drone, in other segments.

Knows: what clients send, byte by byte, how many, what they are answered.
Does not know: who answers, how it is measured.
"""

from dataclasses import replace
from pathlib import Path

from workshop.bench.cases import DATE, Case

HERE = Path(__file__).parent
PLAINTEXT = HERE / "programs" / "plaintext.py"
POSITIONS = HERE / "positions.py"

HEAD = b" HTTP/1.1\r\nHost: localhost\r\n"
BROWSER = HEAD + (
    b'Sec-CH-UA: "Chromium";v="128", "Not;A=Brand";v="24"\r\n'
    b"Sec-CH-UA-Mobile: ?0\r\n"
    b'Sec-CH-UA-Platform: "Linux"\r\n'
    b"Upgrade-Insecure-Requests: 1\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) Chrome/128.0.0.0\r\n"
    b"Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\n"
    b"Accept-Language: en-US,en;q=0.5\r\n"
    b"Accept-Encoding: gzip, deflate, br, zstd\r\n"
    b"Sec-Fetch-Site: same-origin\r\n"
    b"Sec-Fetch-Mode: navigate\r\n"
    b"Sec-Fetch-User: ?1\r\n"
    b"Sec-Fetch-Dest: document\r\n"
    b"Referer: http://localhost/drones\r\n"
    b"Cookie: session=6f2a91c07be84d53; theme=dark; consent=no\r\n"
    b"Cache-Control: max-age=0\r\n"
    b"Pragma: no-cache\r\n"
    b"Priority: u=0, i\r\n"
    b"DNT: 1\r\n"
    b"Connection: keep-alive\r\n"
)
POSITION = b'{"latitude":48.8584,"longitude":2.2945,"altitude":120}'
CONTENT = HEAD + (
    b"Content-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n" % len(POSITION)
)
GET = b"GET /hello/bench" + HEAD + b"\r\n"
# Within the target, and within a field.
CUTS = (GET.index(b"/bench"), GET.index(b"localhost"))
HELLO_FIELDS = {"content-type": "application/json", "content-length": "25"}
HELLO_CONTENT = b'{"message":"Hello bench"}'

HELLO = Case("hello", GET, 200, HELLO_FIELDS, HELLO_CONTENT)
PAGE = Case(
    "browser",
    b"GET /hello/bench?page=2" + BROWSER + b"\r\n",
    200,
    HELLO_FIELDS,
    HELLO_CONTENT,
)
POST = Case(
    "position", b"POST /drones/7" + CONTENT + POSITION, 204, {"date": DATE}
)
PIPELINED = Case(
    "16 pipelined",
    b"GET /plaintext" + HEAD + b"\r\n",
    200,
    {"content-type": "text/plain", "content-length": "13"},
    b"Hello, World!",
    pipelined=16,
)
CUT = Case("cut in 3", GET, 200, HELLO_FIELDS, HELLO_CONTENT, CUTS)
MANY = replace(HELLO, name="1,000 connections", connections=1_000)
