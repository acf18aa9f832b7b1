"""A server started by its command: with its workers, to the end of them."""

import sys

import psutil
import pytest

from workshop.bench import commands
from workshop.bench.commands import Command, family, started, used
from workshop.bench.servers import cpu_seconds
from workshop.errors import WorkshopError

WORKER = """
import http.server, os
address = "127.0.0.1", int(os.environ["PORT"])
http.server.HTTPServer(
    address, http.server.BaseHTTPRequestHandler
).serve_forever()
"""
PARENT = """
import subprocess, sys
sys.exit(subprocess.call([sys.executable, "worker.py"]))
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "worker.py").write_text(WORKER)
    (tmp_path / "parent.py").write_text(PARENT)
    return tmp_path


def test_what_workers_use_is_counted_too(folder):
    with started(Command([sys.executable, "parent.py"], folder)) as server:
        parent, worker = family(server.pid)
        before = cpu_seconds(worker) + cpu_seconds(parent)
        memory = parent.memory_info().rss
        usage = server.usage()

        assert parent.pid == server.pid
        assert usage.cpu >= before
        assert usage.memory > memory
        switches = parent.num_ctx_switches().voluntary
        assert usage.switches >= switches

    assert not psutil.pid_exists(parent.pid)
    assert not psutil.pid_exists(worker.pid)


def test_a_worker_that_ended_counts_for_nothing(folder):
    with started(Command([sys.executable, "worker.py"], folder)) as server:
        process = psutil.Process(server.pid)
        assert server.usage().cpu > 0

    assert used(process).cpu == 0


def test_core_is_inherited_and_ours_come_back(folder):
    ours = psutil.Process().cpu_affinity()
    command = Command([sys.executable, "parent.py"], folder)
    with started(command, core=ours[-1]) as server:
        cores = [each.cpu_affinity() for each in family(server.pid)]

    assert cores == [[ours[-1]]] * 2
    assert psutil.Process().cpu_affinity() == ours


def test_who_ends_before_it_answers_is_told_with_its_last_line(folder):
    command = Command([sys.executable, "-c", "exit('no such app')"], folder)

    with (
        pytest.raises(WorkshopError, match="status 1: no such app"),
        started(command),
    ):
        pass


def test_port_is_put_into_words_and_variables(folder):
    program = "import os, sys; exit(sys.argv[1] + os.environ['WHERE'])"
    words = [sys.executable, "-c", program, "at {port} "]
    command = Command(words, folder, {"WHERE": "{port}"})

    with pytest.raises(WorkshopError, match=r"at (\d+) \1"), started(command):
        pass


def test_second_interrupt_leaves_no_server(folder, monkeypatch):
    class Interrupted(psutil.Process):
        def children(self, recursive=False):
            raise KeyboardInterrupt

    command = Command([sys.executable, "worker.py"], folder)
    with pytest.raises(KeyboardInterrupt), started(command) as server:
        monkeypatch.setattr(commands.psutil, "Process", Interrupted)
        raise KeyboardInterrupt

    assert not psutil.pid_exists(server.pid)
