"""Start as a Roll application does.

Knows: pico, extensions with Roll's names.
Does not know: that Roll needs some of them.
"""

from extensions.igniter import igniter
from extensions.options import options
from extensions.simple_server import simple_server
from extensions.traceback import traceback
from pico import Pico

app = Pico()
igniter(app)
options(app)
traceback(app)

if __name__ == "__main__":
    simple_server(app, port=3579)
