"""An application that counts its answers.

Knows: pico, one extension.
Does not know: how the extension counts.
"""

from counter import counter

from pico import Pico

app = Pico()
counter(app)
