"""Memory: what a connection costs stays within its budget."""

import json
import os
import sys

import pytest

from workshop.bench import memory
from workshop.bench.servers import Server
from workshop.errors import WorkshopError
from workshop.serving import launched
from workshop.steps import find

on_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere resident memory says less"
)
BUDGET = 4096  # bytes for each idle connection
MIB = 2**20


@pytest.fixture
def alone(monkeypatch):
    """Let coverage look away: it needs memory of its own."""
    for name in [name for name in os.environ if "COVERAGE" in name]:
        monkeypatch.delenv(name)


@on_linux
@pytest.mark.parametrize("number", ["04", "05"])
def test_memory_of_a_connection_is_within_its_budget(number, alone):
    found = memory.measure(find(number), min(memory.room(), 3000))

    assert 1000 < found.idle <= BUDGET
    assert 0 <= found.unread < MIB
    assert found.pipelined < MIB / 4


@on_linux
def test_memory_that_clients_need_is_seen():
    with launched(find("03").folder, memory.PROGRAM) as running:
        server = Server(running.host, running.port, running.process.pid)
        with memory.warm(server):
            before = server.usage().memory
            with memory.idle(server, 2000):
                kept = server.usage().memory

    assert kept - before > MIB


def test_memory_is_not_measured_of_a_wrong_answer():
    with launched(find("01").folder) as running:
        server = Server(running.host, running.port, running.process.pid)
        with memory.connected(server) as client:
            client.settimeout(5)
            client.sendall(memory.request("/"))
            client.shutdown(memory.socket.SHUT_WR)
            with pytest.raises(WorkshopError, match="came"):
                memory.read(client, b"never said")


def test_memory_is_shown_and_kept(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(memory, "IDLE", 100)
    path = tmp_path / "memory.json"
    memory.run([find("01")], path)
    (kept,) = json.loads(path.read_text())["steps"]

    assert (kept["step"], kept["unread"]) == ("01_raw_protocol", None)
    assert "01_raw_protocol" in capsys.readouterr().out


def test_memory_without_descriptors_says_what_to_do(monkeypatch):
    monkeypatch.setattr(memory, "room", lambda: 0)

    with pytest.raises(WorkshopError, match="ulimit"):
        memory.run([find("01")], None)
