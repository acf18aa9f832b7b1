"""Know all WebSockets that are open: `app["websockets"]`.

Knows: app; when a WebSocket opens and closes.
Does not know: the connection; what is said.
"""


def websockets_store(app):
    """Keep the open WebSockets of this process in a set."""
    sockets = app["websockets"] = set()

    @app.listen("websocket_connect")
    def add(request, ws):
        sockets.add(ws)

    @app.listen("websocket_disconnect")
    def remove(request, ws):
        sockets.discard(ws)
