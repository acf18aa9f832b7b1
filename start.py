#!/usr/bin/env python3
"""Set the workshop up in its own .venv, then hand over to it.

    python3 start.py             climb the ladder: what each step costs
    python3 start.py test        all checks: ruff, mypy, pytest
    python3 start.py VERB ...    the same as python -m workshop VERB ...

Knows: Python versions, .venv, pip and uv, the pins in requirements/.
Does not know: what a verb does.

Every Python from 3.6 on can read this file, so that one that is too old is
told so in a sentence. All that is installed goes into .venv; a stamp in it,
written last, says that it is complete.
"""

import errno
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

OLDEST, NEWEST = (3, 11), (3, 14)
ENVIRONMENT, INTERRUPTED = 3, 130  # Exit statuses, as in workshop/errors.py.

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "workshop.json"  # What was installed, and by which Python.
UNFINISHED = VENV / "unfinished"  # There while something is being installed.
WHEELHOUSE = ROOT / "wheelhouse"
INSTALLED = "WORKSHOP_INSTALLED"  # Tells a verb that pip ran just before it.

# Each group of pins, and about how many megabytes it adds to those before.
GROUPS = {"runtime": 8, "test": 86, "notebooks": 87, "docs": 16}
# What a verb needs besides the runtime.
NEEDS = {
    "docs": ["notebooks", "docs"],
    "dev release": ["notebooks", "docs"],
}

OFFLINE = re.compile(
    "NewConnectionError|Connection ?Refused|ConnectTimeout|ReadTimeout|"
    "ConnectionReset|Connection reset|ProxyError|Failed to establish|"
    "name resolution|getaddrinfo|dns error|error sending request|"
    "Network is unreachable|timed out|from versions: none",
    re.IGNORECASE,
)
PROGRESS = re.compile(
    r"\s*(?:Downloading|Using cached|Processing) (?:\S*[/\\])?"
    r"(\S+?)(?:-(?:py|cp|pp)\d\S*\.whl)?( \([\d.]+ ?\w*B\))?"
    r"(?: \(from .*\))?$"
)


class Trouble(Exception):
    """What keeps us from going on, and what to do about it."""


def main(words, version=sys.version_info[:2]):
    """Set up what these words need, hand over, return the exit status."""
    sys.stdout = sys.stdout or io.StringIO()  # Somebody may have closed it.
    try:
        check_python(version)
        groups, command = job(words)
        more = {INSTALLED: "1"} if set_up(groups) else {}
        return hand_over(command, more)
    except Trouble as trouble:
        print(f"start.py: {trouble}", file=sys.stderr)
        return ENVIRONMENT
    except KeyboardInterrupt:
        print(
            "\nstart.py: interrupted; run the same command again to go on.",
            file=sys.stderr,
        )
        return INTERRUPTED


def check_python(version):
    """Raise Trouble if this Python is too old, or newer than the pins."""
    if OLDEST <= tuple(version) <= NEWEST:
        return
    other = another_python()
    advice = (
        f"run `{other} start.py`"
        if other
        else "install one from python.org or from your system's packages, "
        "then run start.py with it"
    )
    raise Trouble(
        f"the workshop needs Python {dotted(OLDEST)} to {dotted(NEWEST)} and "
        f"this is {dotted(version)} ({sys.executable}): {advice}."
    )


def dotted(version):
    return ".".join(str(part) for part in version[:2])


def another_python():
    """Return the command of a Python on this machine that will do."""
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        test = f"import sys; sys.exit(sys.version_info[:2] != (3, {minor}))"
        for command in ([f"python3.{minor}"], ["py", f"-3.{minor}"]):
            if shutil.which(command[0]) is None:
                continue
            status = subprocess.call(
                [*command, "-c", test],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            if status == 0:
                return " ".join(command)
    return None


def job(words):
    """Return the groups to install and the words to hand to .venv's Python.

    >>> job(["serve", "03"])
    (['runtime'], ['-m', 'workshop', 'serve', '03'])
    """
    if not words:
        words = ["ladder", "--quick"]
    help_only = "--help" in words or "-h" in words
    if words[0] == "test":
        groups = ["runtime"] if help_only else list(GROUPS)
        return groups, ["-m", "workshop.suite", *words[1:]]
    verb = " ".join(word for word in words if not word.startswith("-")) + " "
    needs = (NEEDS[known] for known in NEEDS if verb.startswith(known + " "))
    more = [] if help_only else next(needs, [])
    return ["runtime", *more], ["-m", "workshop", *words]


def set_up(groups):
    """Make .venv hold these groups; return whether there was a need."""
    pins = {group: read_pins(group) for group in groups}
    wanted = {group: digest(pins[group]) for group in groups}
    stamp = read_stamp()
    if complete(stamp, wanted):
        return False
    began = time.monotonic()
    if make_venv(flaw(stamp)):
        stamp = {}
    there = stamp.get("groups", {})
    missing = [g for g in groups if there.get(g) != wanted[g]]
    announce(missing, {name(pin) for g in missing for pin in pins[g]})
    install(missing)
    stamp = {
        "python": sys.implementation.cache_tag,
        "groups": {**there, **wanted},
        "packages": sorted(file for file in packages() if "." not in file),
    }
    write(STAMP, json.dumps(stamp, indent=1) + "\n")
    UNFINISHED.unlink()
    compile_clone()
    say(f"Ready after {time.monotonic() - began:.0f} s.")
    return True


def read_pins(group):
    """Return the lines of one requirements file that name a package."""
    path = ROOT / "requirements" / f"{group}.txt"
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise Trouble(
            f"{path} cannot be read ({error.strerror}): run start.py in a "
            "complete clone of the workshop."
        ) from None
    return [line for line in lines if line and not line.startswith("#")]


def name(pin):
    """Return the package that a pin is about.

    >>> name("uvloop==0.23.0 ; sys_platform != 'win32'")
    'uvloop'
    """
    return pin.partition("==")[0]


def digest(lines):
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def read_stamp():
    """Return what the last complete installation left, or nothing."""
    try:
        stamp = json.loads(STAMP.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def complete(stamp, wanted):
    """Tell from the stamp and the names of files alone: this must be fast."""
    groups = stamp.get("groups", {})
    return (
        stamp.get("python") == sys.implementation.cache_tag
        and all(groups.get(group) == wanted[group] for group in wanted)
        and not UNFINISHED.exists()
        and os.access(str(venv_python()), os.X_OK)
        and packages().issuperset(stamp.get("packages", []))
    )


def venv_path(kind):
    """Return a folder of .venv on this system: "scripts" or "purelib"."""
    return Path(sysconfig.get_path(kind, "venv", {"base": str(VENV)}))


def venv_python():
    return venv_path("scripts") / (
        "python.exe" if os.name == "nt" else "python"
    )


def packages():
    """Return the names of all that lies in .venv's site-packages."""
    try:
        files = {path.name for path in venv_path("purelib").iterdir()}
    except OSError:
        return set()
    return files - {"__pycache__"}


def flaw(stamp):
    """Return why .venv must be made anew, or None if it can be kept."""
    if not VENV.is_dir():
        return "is not there"
    if UNFINISHED.exists():
        return "was left unfinished"
    tag = stamp.get("python", sys.implementation.cache_tag)
    if tag != sys.implementation.cache_tag:
        return f"was made by another Python ({tag})"
    if not packages().issuperset(stamp.get("packages", [])):
        return "has lost packages"
    code = "import sys; print(sys.implementation.cache_tag)"
    try:
        tag = run(venv_python(), "-I", "-c", code)
    except (OSError, subprocess.CalledProcessError):
        return "is broken, its Python does not start"
    if tag.strip() != sys.implementation.cache_tag:
        return f"was made by another Python ({tag.strip()})"
    return None


def make_venv(reason):
    """Make .venv, anew if there is a reason to; return whether it was made."""
    if reason is None:
        begin()
        return False
    if VENV.is_dir():
        say(f".venv {reason}: making it anew.")
        try:
            shutil.rmtree(str(VENV))
        except OSError as error:
            raise Trouble(
                f"the old .venv {reason} and cannot be removed "
                f"({error.strerror}): close what runs in it, delete {VENV} "
                "yourself, and run start.py again."
            ) from None
    begin()
    # With the Python below a virtual environment, should we run in one.
    python = getattr(sys, "_base_executable", None) or sys.executable
    pip = ["--without-pip"] if uv() else []
    try:
        run(python, "-m", "venv", *pip, VENV)
    except OSError as error:
        raise Trouble(
            f"{python} does not start ({error.strerror}): install Python "
            "again, or run start.py with another one."
        ) from None
    except subprocess.CalledProcessError as error:
        raise Trouble(explain_venv(error.output.decode())) from None
    return True


def begin():
    """Mark .venv as unfinished; it is the first thing that we write."""
    if VENV.exists() and not VENV.is_dir():
        raise Trouble(
            f"{VENV} is a file, and should be a folder that start.py makes: "
            "rename or delete it, and run start.py again."
        )
    try:
        VENV.mkdir(exist_ok=True)
        UNFINISHED.write_text("", "utf-8")
    except OSError as error:
        raise Trouble(
            f"{VENV} cannot be made here ({error.strerror}): make the folder "
            "writable, or clone the workshop into a folder of your own, and "
            "run start.py there."
        ) from None


def explain_venv(output):
    """Return one sentence for a Python that could not make .venv."""
    if "ensurepip" in output:
        package = f"python{dotted(sys.version_info)}-venv"
        return (
            "this Python comes without venv and pip: on Debian and Ubuntu "
            f"run `sudo apt install {package}`, elsewhere install Python from "
            "python.org; then run start.py again."
        )
    return (
        f"Python could not make .venv ({last_line(output)}): mend that, then "
        "run start.py again."
    )


def announce(groups, names):
    """Say what is installed, from where, and how big it is."""
    size = sum(GROUPS[group] for group in groups)
    source = "from wheelhouse/" if WHEELHOUSE.is_dir() else "to download"
    tool = "uv" if uv() else "pip"
    say(
        f"Setting up .venv, once: {' + '.join(groups)}, {len(names)} "
        f"packages, about {size} MB {source}, with {tool}."
    )


def install(groups):
    """Install the pins of these groups; tell what went wrong in a sentence."""
    before = packages()
    status = None
    try:
        output, status = installer(groups)
    finally:
        if status != 0 and packages() == before:  # Nothing is half done.
            UNFINISHED.unlink()
    if status:
        raise Trouble(explain_install(output, groups))


def compile_clone():
    """Compile the clone's modules, as pip compiles those of packages.

    Verbs, and servers of the steps, start sooner then. What is edited later
    is compiled at each start, because our programs leave no caches.
    """
    command = [str(venv_python()), "-m", "compileall", "-q"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.call([*command, "workshop", "steps"], cwd=str(ROOT), **quiet)


def installer(groups):
    """Run uv or pip and show its progress; return its output and status."""
    files = ["-r" + str(Path("requirements", g + ".txt")) for g in groups]
    if WHEELHOUSE.is_dir():
        files += ["--no-index", "--find-links", str(WHEELHOUSE)]
    if uv():
        command = [uv(), "pip", "install", "--python", str(venv_python())]
        command += ["--compile-bytecode"]
    else:
        command = [str(venv_python()), "-m", "pip", "install", "--no-input"]
        command += ["--disable-pip-version-check", "--progress-bar=off"]
        if not (venv_path("purelib") / "pip").is_dir():
            run(venv_python(), "-m", "ensurepip")
    process = subprocess.Popen(
        command + files,
        cwd=str(ROOT),
        env=environment(PYTHONUNBUFFERED="1"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    lines = []
    with process:
        try:
            for data in process.stdout:
                lines.append(data.decode("utf-8", "replace").rstrip())
                show(lines[-1])
        except BaseException:
            process.terminate()
            raise
        finally:
            if sys.stdout.isatty():
                say("\r" + " " * 76, end="\r")
    return "\n".join(lines), process.returncode


def show(line):
    """Print the lines of an installer that say how far it is."""
    found = PROGRESS.match(line)
    if found and not found.group(1).endswith(".metadata"):
        text = found.group(1) + (found.group(2) or "")
    elif line.startswith("Installing collected"):
        text = "unpacking"
    elif "Retrying" in line:
        text = "waiting for the network"
    else:
        return
    if sys.stdout.isatty():  # One line, written over and over.
        say("\r  " + text[:74].ljust(74), end="")
    else:
        say("  " + text)


def say(text, end="\n"):
    """Tell how far it is, even if who listened has left (`| head`)."""
    try:
        print(text, end=end, flush=True)
    except OSError as error:
        windows = os.name == "nt" and error.errno == errno.EINVAL
        sys.stdout = io.StringIO()  # what is said from here on
        if error.errno != errno.EPIPE and not windows:
            raise Trouble(
                f"the output cannot be written ({error.strerror}): choose "
                "another one, and run the same command again."
            ) from None


def explain_install(output, groups):
    """Return one sentence for a failed installation."""
    files = " ".join(f"-r requirements/{group}.txt" for group in groups)
    fill = f"`python3 -m pip download {files} -d wheelhouse`"
    if "No space left" in output:
        return "the disk is full: free some space and run start.py again."
    if WHEELHOUSE.is_dir():
        return (
            f"the folder wheelhouse/ lacks what Python "
            f"{dotted(sys.version_info)} needs here ({last_line(output)}): "
            f"fill it with {fill}, or remove it to install from the network."
        )
    if OFFLINE.search(output):
        return (
            "no network to install from, and no folder wheelhouse/: go "
            "online and run start.py again, or fill the folder elsewhere "
            f"with `python3 start.py wheelhouse`, or with {fill}, and put it "
            "beside start.py."
        )
    return (
        f"the pins could not be installed ({last_line(output)}): mend that, "
        "then run start.py again."
    )


def last_line(output):
    """Return the line of an output that says most: its last error."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or ["without a word"])[-1].rstrip(".")


def write(path, text):
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise Trouble(
            f"{path} cannot be written ({error.strerror}): make room and run "
            "start.py again."
        ) from None


def uv():
    return shutil.which("uv")


def run(*words):
    """Run a program to its end and return what it printed."""
    return subprocess.check_output(
        [str(word) for word in words],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        env=environment(),
    ).decode("utf-8", "replace")


def environment(**more):
    """Return the environment without what would lead .venv astray."""
    apart = {
        "PYTHONHOME",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "__PYVENV_LAUNCHER__",
        "PIP_PREFIX",
        "PIP_ROOT",
        "PIP_TARGET",
        "PIP_USER",
        "UV_SYSTEM_PYTHON",
    }
    kept = {k: v for k, v in os.environ.items() if k not in apart}
    path = [str(venv_path("scripts")), kept.get("PATH", os.defpath)]
    kept.update(VIRTUAL_ENV=str(VENV), PATH=os.pathsep.join(path), **more)
    return kept


def hand_over(command, more=(), replace=os.name == "posix"):
    """Become .venv's Python with the clone as its root.

    You stay in your folder, so that paths you typed are found. Where a
    process cannot become another one, we wait for it; Ctrl-C is its affair.
    """
    command = [str(venv_python()), "-P", *command]
    env = environment(PYTHONPATH=str(ROOT), PYTHONDONTWRITEBYTECODE="1")
    env.update(more)
    sys.stdout.flush()
    try:
        if replace:
            os.execve(command[0], command, env)
        process = subprocess.Popen(command, env=env)
    except OSError as error:
        raise Trouble(
            f".venv is broken, its Python does not start ({error.strerror}): "
            f"delete the folder {VENV} and run start.py again."
        ) from None
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
