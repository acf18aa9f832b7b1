"""Greet, and keep the positions of drones, on Flask.

Knows: Flask, what a drone's position is.
Does not know: its server; that it is measured.
"""

from flask import Flask, abort, request

from position import flaw

app = Flask(__name__)
positions = {}


@app.get("/hello/<name>")
def hello(name):
    return {"message": f"Hello {name}"}


@app.post("/drones/<name>")
def keep(name):
    position = request.get_json()
    if wrong := flaw(position):
        abort(422, wrong)
    positions[name] = position
    return "", 204


@app.get("/drones/<name>")
def show(name):
    return positions[name]
