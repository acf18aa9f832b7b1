"""Let asv measure other commits with the Python that runs asv.

Knows: what asv asks of an environment.
Does not know: what is measured.

asv makes an environment for each Python and installs the project into it.
Nothing of this project is ever installed, and without network nothing could
be: so this environment only checks the commit out.
"""

import sys
from pathlib import Path
from typing import Any

from asv.environment import Environment


class Here(Environment):  # type: ignore[misc]
    """The Python we run on, and a checkout of the commit."""

    tool_name = "here"

    def __init__(
        self, conf: Any, python: str, requirements: Any, variables: Any
    ) -> None:
        self._requirements = requirements  # asv names a folder by them
        super().__init__(conf, python, requirements, variables)

    @classmethod
    def matches(cls, python: str) -> bool:
        return True

    def find_executable(self, executable: str) -> str:
        return sys.executable

    def _setup(self) -> None:
        Path(self._path).mkdir(parents=True, exist_ok=True)

    def run(self, args: list[str], **options: Any) -> Any:
        return self.run_executable("python", args, **options)
