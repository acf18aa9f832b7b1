"""What the tests of the command line share."""

import pytest

from workshop import cli, screen


@pytest.fixture
def say(capsys, monkeypatch):
    """Run the command line in this process; return status, out and err."""
    monkeypatch.setattr(screen, "prepare", lambda: None)

    def run(*words):
        status = cli.main([str(word) for word in words])
        return status, *capsys.readouterr()

    return run
