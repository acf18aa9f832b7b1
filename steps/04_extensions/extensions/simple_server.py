"""Run an app: Roll's name for `app.run`.

Knows: app.
Does not know: how a server works.
"""


def simple_server(app, port=3579, host="127.0.0.1"):
    """Serve until Ctrl-C, by default on Roll's own port."""
    app.run(host, port)
