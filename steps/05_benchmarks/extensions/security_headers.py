"""Ask browsers to be careful with what we answer (owasp.org/headers).

Knows: response; the fields that browsers obey.
Does not know: the connection; what a page needs.
"""


def security_headers(
    app,
    frame="DENY",
    referrer="strict-origin-when-cross-origin",
    policy=None,
    hsts=None,
):
    """Add fields to each answer, unless a handler has set them itself.

    `policy` is a Content-Security-Policy. `hsts` is the number of seconds
    for which only TLS will do; browsers remember it, so it is off by
    default. What is None is not sent.
    """
    fields = {
        "x-content-type-options": "nosniff",
        "x-frame-options": frame,
        "referrer-policy": referrer,
        "content-security-policy": policy,
    }
    if hsts is not None:
        fields["strict-transport-security"] = f"max-age={hsts}"
    fields = {name: value for name, value in fields.items() if value}

    @app.listen("response")
    def protect(request, response):
        # The names are in lower case, so dict itself can update all at once.
        dict.update(response.headers, fields | response.headers)
