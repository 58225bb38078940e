"""Claims on work in progress, so that two jobs never compute the same label at the same time.

A claim is a small file beside the result, made with O_CREAT | O_EXCL, which exactly one process wins, on NFS too
(since version 3). It names its holder. Where a holder died, the claim is taken over: at once when the holder's process
is gone from this very machine, and after `STALE_S` without a sign of life when it ran on another.
"""

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ALIVE_EVERY_S = 20.0  # a holder touches its claim so often
STALE_S = 180.0  # NFS clients cache time stamps for up to 60 s


class Claims:
    """What this process knows of the claims that it met; one object for a job."""

    def __init__(self, stale_s: float = STALE_S, alive_every_s: float = ALIVE_EVERY_S):
        self._stale_s, self._alive_every_s = stale_s, alive_every_s
        self._seen: dict[Path, tuple[bytes, int, float]] = {}  # content, time stamp, since when it is unchanged

    @contextmanager
    def held(self, path: Path) -> Iterator[bool]:
        """Hold the claim at `path` for the length of the body; False when somebody else holds it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if not (_create(path) or (self._abandoned(path) and _create(path))):
            yield False
            return
        done, mine = threading.Event(), _read(path)
        threading.Thread(target=_stay_alive, args=(path, done, self._alive_every_s), daemon=True).start()
        try:
            yield True
        finally:
            done.set()
            if _read(path) == mine:  # else somebody took this process for dead, and it is theirs now
                path.unlink(missing_ok=True)

    def clear(self, path: Path) -> None:
        """Remove the claim at `path` if its holder is dead: of work that is done, nobody else would."""
        if path.exists():
            self._abandoned(path)

    def _abandoned(self, path: Path) -> bool:
        """Whether the holder of `path` is dead; its claim is gone then."""
        try:
            content, stamp = path.read_bytes(), path.stat().st_mtime_ns
        except FileNotFoundError:
            return True
        if not self._dead(path, content, stamp):
            return False
        aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
        try:
            path.rename(aside)
        except FileNotFoundError:  # another process was quicker
            return True
        if aside.read_bytes() != content:  # and even made a claim of its own meanwhile: give it back
            with suppress(FileExistsError):
                os.link(aside, path)
            aside.unlink()
            return False
        aside.unlink()
        return True

    def _dead(self, path: Path, content: bytes, stamp: int) -> bool:
        try:
            holder = json.loads(content)
        except ValueError:  # its holder was killed before it could write
            holder = {}
        if holder.get("host") == _machine():
            return _birth(holder["pid"]) != holder["birth"]
        known = self._seen.get(path)
        if known is None or known[:2] != (content, stamp):
            self._seen[path] = (content, stamp, time.monotonic())
            return False
        return time.monotonic() - known[2] > self._stale_s  # measured by our own clock: other machines' may be wrong


def _create(path: Path) -> bool:
    holder = {"host": _machine(), "pid": os.getpid(), "birth": _birth(os.getpid()), "id": uuid.uuid4().hex}
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(holder, file)
    return True


def _stay_alive(path: Path, done: threading.Event, every_s: float) -> None:
    while not done.wait(every_s):
        with suppress(OSError):  # a file server that stumbles is no reason to seem dead from now on
            os.utime(path)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _machine() -> str:
    """This machine since its last start: two of the same name, containers for one, are not the same."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    namespace = Path("/proc/self/ns/pid")
    names = [socket.gethostname()]
    with suppress(OSError):
        names += [boot.read_text(encoding="ascii").strip(), os.readlink(namespace)]
    return " ".join(names)


def _birth(pid: int) -> str | None:
    """When the process `pid` of this machine began, as text that tells it from a later one of the same number."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            fields = stat.read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else fields[19]  # a zombie holds nothing; 19 is the start time, proc(5)
    try:  # no /proc, as on macOS
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return "alive"
