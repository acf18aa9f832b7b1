"""Answer a hello, among a hundred routes more.

Knows: the app of a step.
Does not know: that it is measured.
"""

from app import app, hello

for number in range(100):
    app.route(f"/groups/{number}/{{name}}")(hello)

if __name__ == "__main__":
    app.run()
