"""Declare requests as browsers and apps send them, and their answers.

Knows: a tiny request, one of a browser, the position of a drone.
Does not know: who is asked.
"""

from workshop.bench.cases import DATE, Case

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
ANSWER: tuple[int, dict[str, str], bytes] = (
    200,
    {"content-type": "application/json", "content-length": "25"},
    b'{"message":"Hello bench"}',
)
HELLO = Case("hello", b"GET /hello/bench" + HEAD + b"\r\n", *ANSWER)
PAGE = Case("browser", b"GET /hello/bench?page=2" + BROWSER + b"\r\n", *ANSWER)
POST = Case(
    "position", b"POST /drones/7" + CONTENT + POSITION, 204, {"date": DATE}
)
