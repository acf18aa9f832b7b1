"""Greet whoever starts the app.

Knows: app; its routes.
Does not know: the connection; the address, which the server prints.
"""

BANNER = r"""
        _
  _ __ (_) ___ ___
 | '_ \| |/ __/ _ \
 | |_) | | (_| (_) |
 | .__/|_|\___\___/   {routes}
 |_|
"""


def igniter(app, banner=BANNER):
    """Print a banner at startup; `{routes}` in it says how many there are."""

    @app.listen("startup")
    def ignite():
        count = len(app.router.routes)
        routes = f"{count} route" if count == 1 else f"{count} routes"
        print(banner.replace("{routes}", routes), flush=True)
