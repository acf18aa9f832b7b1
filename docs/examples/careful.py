"""Be careful, and let nobody ask too often.

Knows: pico, two extensions.
Does not know: who is in front of it, but for a proxy on this machine.
"""

from extensions.rate_limit import rate_limit
from extensions.security_headers import security_headers
from pico import Pico

app = Pico()
rate_limit(app, limit=3, per=60, proxies=["127.0.0.1"])
security_headers(app, policy="default-src 'self'", hsts=31536000)


@app.route("/")
async def index(request, response):
    response.html = "<p>Hello"
