"""Say in one sentence what is wrong and what to do next.

Knows: messages and exit statuses.
Does not know: where a message is shown.
"""

PASS, FAIL, USAGE, ENVIRONMENT, INTERRUPTED = 0, 1, 2, 3, 130


class WorkshopError(Exception):
    """A foreseeable mistake; the command line prints it without a traceback.

    `status` is the exit status: 1 failed, 2 usage, 3 environment.
    """

    def __init__(self, message: str, status: int = USAGE) -> None:
        super().__init__(message)
        self.status = status
