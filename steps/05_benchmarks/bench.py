"""Declare what is asked of step 05, and what it must answer."""

from workshop.bench import DATE, Case

LINE = b"GET /hello/bench HTTP/1.1\r\nHost: localhost\r\n"
BROWSER = (
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Firefox/128.0\r\n"
    b"Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\n"
    b"Accept-Language: en-US,en;q=0.5\r\n"
    b"Accept-Encoding: gzip, deflate, br, zstd\r\n"
    b"Cookie: session=6f2a91; theme=dark\r\n"
    b"Referer: http://localhost/\r\n"
    b"Sec-Fetch-Mode: navigate\r\n"
    b"Connection: keep-alive\r\n"
)
FIELDS = {
    "content-type": "application/json",
    "content-length": "25",
    "date": DATE,
}
HELLO = b'{"message":"Hello bench"}'

CASES = [
    Case("hello", LINE + b"\r\n", 200, FIELDS, HELLO),
    Case("browser", LINE + BROWSER + b"\r\n", 200, FIELDS, HELLO),
]
