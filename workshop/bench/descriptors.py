"""Allow as many open files as connections need.

Knows: the limit of this process, which those that it starts inherit.
Does not know: who connects.
"""

from workshop.errors import ENVIRONMENT, WorkshopError

try:
    import resource
except ImportError:  # Windows counts no descriptors.
    resource = None  # type: ignore[assignment]

SPARE = 256  # descriptors, beside those of connections


def allow(connections: int) -> None:
    """Allow us and our servers as many connections, or raise WorkshopError."""
    if resource is None:
        return
    needed = connections + SPARE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    except (OSError, ValueError):
        raise WorkshopError(
            f"{connections} connections need {needed} open files, and this"
            f" system allows {hard}: raise it with `ulimit -n {needed}`.",
            ENVIRONMENT,
        ) from None
