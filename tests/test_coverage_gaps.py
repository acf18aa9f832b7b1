"""What only another machine or another Python would come across."""

import asyncio
import json
import sys

import pytest

from workshop.steps import load

pytestmark = pytest.mark.steps("04", "05")


def test_server_does_without_uvloop_and_without_limits(step, monkeypatch):
    for name in ("uvloop", "resource"):
        monkeypatch.setitem(sys.modules, name, None)

    server = load(step.folder).modules["server"]

    assert server.new_event_loop is asyncio.new_event_loop
    assert server.descriptors() == 2**31


@pytest.mark.steps("05")
def test_json_is_encoded_without_the_encoder_in_c(step, monkeypatch):
    monkeypatch.setattr(json.encoder, "c_make_encoder", None)

    assert step.pico.json_encoder()([1, "a"]) == '[1,"a"]'


def test_content_that_was_not_read_is_not_there(step):
    request = step.Pico.Request(step.Pico(), "POST", "/", "1.1", {})
    request.content = None

    with pytest.raises(RuntimeError, match="The route is lazy"):
        _ = request.body


def test_files_come_with_an_extension(step):
    request = step.Pico.Request(step.Pico(), "POST", "/", "1.1", {})

    with pytest.raises(RuntimeError, match="extension forms"):
        _ = request.files


def test_windows_shares_no_socket(step, monkeypatch):
    monkeypatch.delattr("socket.AF_UNIX")

    with pytest.raises(SystemExit, match="one worker"):
        step.Pico().run(port=0, workers=2)
