"""One file over HTTP in as many tries as it takes: each try goes on where the last one broke off.

What came so far is the part file. A small JSON beside it says which version of the file it is a part of, by the
server's ETag or Last-Modified, so that a file that changed is never glued to the half of an older one (RFC 9110,
sections 13.1.5 If-Range, 14.2 Range, 15.3.7 Partial Content).
"""

import http.client
import os
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from .. import __version__
from ..faults import Fault
from ..records import read_json, write_json

PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0  # before the second try; doubled before each further one
LONGEST_WAIT_S = 300.0  # that a server may ask for
BLOCK = 1 << 18  # bytes read at once, at most
PASSING = {408, 425, 429}  # statuses that may pass, with all of 500 and more

Report = Callable[[str], None]


class RefusedError(RuntimeError):
    """The file will not come from there, however often one tries."""


class BrokenError(RuntimeError):
    """This try failed; the next may do better, after `wait_s` at least."""

    def __init__(self, reason: str, wait_s: float = 0.0):
        super().__init__(reason)
        self.wait_s = wait_s


class _ChangedError(Exception):
    """What came so far is of another version of the file than the server has now."""


class StorageError(Fault, RuntimeError):
    """The file cannot be kept here."""

    entry = "the-disk-is-full"


@dataclass(frozen=True)
class Version:
    """Which version of which file a part is of; `n_bytes` is that of the whole file."""

    url: str
    etag: str | None
    last_modified: str | None
    n_bytes: int | None

    @property
    def condition(self) -> str | None:
        """What If-Range takes: a strong ETag, or else the date; None when the server gave neither."""
        strong = self.etag if self.etag and not self.etag.startswith("W/") else None
        return strong or self.last_modified

    def contradicts(self, other: "Version") -> bool:
        """Whether both say something, and not the same."""
        pairs = ((self.etag, other.etag), (self.last_modified, other.last_modified), (self.n_bytes, other.n_bytes))
        return any(one is not None and two is not None and one != two for one, two in pairs)


def notes_of(part: Path) -> Path:
    """Where the version of a part is noted."""
    return part.with_name(f"{part.name}.json")


def discard(part: Path) -> None:
    """Forget what came so far."""
    part.unlink(missing_ok=True)
    notes_of(part).unlink(missing_ok=True)


def transfer(url: str, part: Path, *, retries: int, timeout_s: float, report: Report) -> bool:
    """Fetch a file into `part`, synced to disk.

    Args:
        url: http or https.
        part: what came so far, if anything did; it stays when this fails.
        retries: further tries after a failed one, with pauses that double.
        timeout_s: a try fails when no byte comes for so long.
        report: told of progress and of failed tries.

    Returns:
        Whether the file was put together from more than one try.

    Raises:
        RefusedError: trying again is pointless, as after a 404.
        BrokenError: all tries failed.
        StorageError: `part` cannot be written.
    """
    for attempt in range(retries + 1):
        try:
            return _try(url, part, timeout_s, report)
        except BrokenError as problem:
            if attempt == retries:
                raise BrokenError(f"{problem}, at the last of {retries + 1} tries") from None
            pause = max(min(PAUSE_S * 2**attempt, LONGEST_PAUSE_S), problem.wait_s)
            report(f"download: {problem}; try {attempt + 2} of {retries + 1} follows in {pause:g} s")
            time.sleep(pause)
    raise ValueError(f"config key 'reference.download.retries' is {retries}; it cannot be negative")


def _try(url: str, part: Path, timeout_s: float, report: Report) -> bool:
    try:
        return _ask(url, part, timeout_s, report)
    except _ChangedError:
        report(f"download: {url} changed between two tries: what came of the old file is dropped")
        discard(part)
        return _ask(url, part, timeout_s, report)  # for the whole file, which cannot have changed


def _ask(url: str, part: Path, timeout_s: float, report: Report) -> bool:
    """One request for what is still missing; whether there was something already."""
    version, have = _begun(url, part)
    if version and have == version.n_bytes:  # the last process ended between the last byte and its next step
        return True
    headers = {"User-Agent": f"ouroboros/{__version__}", "Accept-Encoding": "identity"}
    if version and have:
        headers |= {"Range": f"bytes={have}-", "If-Range": version.condition or ""}
        report(f"download: {url} goes on after {have / 1e6:.1f} MB that came before")
    try:
        request = urllib.request.Request(url, headers=headers)
        with urllib.request.urlopen(request, timeout=timeout_s) as response:
            offered, start = _offer(url, response)
            if start not in (0, have):
                raise BrokenError("the server sent another part of the file than it was asked for")
            if start and version and version.contradicts(offered):
                raise _ChangedError
            if start == 0:  # also where the server ignored that it was asked for a part
                _begin(part, offered)
            _receive(response, part, start, offered.n_bytes, report)
            return start > 0
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # the file is shorter now
            raise _ChangedError from None
        raise _failure(error) from None
    except (OSError, http.client.HTTPException) as error:
        raise _broken(error, timeout_s) from None


def _begun(url: str, part: Path) -> tuple[Version | None, int]:
    """The version and size of what came so far; whatever cannot be continued counts as nothing."""
    try:
        version = Version(**read_json(notes_of(part)))
        have = part.stat().st_size
    except (OSError, ValueError, TypeError):
        return None, 0
    too_long = version.n_bytes is not None and have > version.n_bytes
    return (None, 0) if version.url != url or version.condition is None or too_long else (version, have)


def _begin(part: Path, version: Version) -> None:
    """Start over: the part is emptied before its notes name the new version, never the other way round."""
    with _on_our_disk(part):
        part.write_bytes(b"")
        write_json(notes_of(part), asdict(version))


def _offer(url: str, response: http.client.HTTPResponse) -> tuple[Version, int]:
    """What the server is about to send: the version of the file, and from which byte on."""
    kind = response.headers.get_content_type() if response.headers.get("Content-Type") else ""
    if response.status not in (200, 206):
        check = ", a check for browsers that programs cannot pass" if response.status == 202 else ""
        raise RefusedError(f"the server answered HTTP {response.status} instead of sending the file{check}")
    if kind == "text/html":
        raise RefusedError("the server sent a web page instead of the file")
    length = response.headers.get("Content-Length", "")
    start, total = 0, int(length) if length.isdecimal() else None
    if response.status == 206:
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
        if not match:
            raise BrokenError("the server sent a part of the file and did not say which")
        start, total = int(match[1]), int(match[2])
    return Version(url, response.headers.get("ETag"), response.headers.get("Last-Modified"), total), start


def _receive(response: http.client.HTTPResponse, part: Path, start: int, total: int | None, report: Report) -> None:
    """Append what comes to `part` until the file is whole."""
    have, tell = start, _progress(part.name.removesuffix(".part"), start, total, report)
    with part.open("ab") as file:
        while total is None or have < total:
            # read1 hands over what has come: a stall loses none of it
            block = response.read1(BLOCK if total is None else min(BLOCK, total - have))
            if not block:
                break
            with _on_our_disk(part):
                file.write(block)
                file.flush()  # or a killed process would lose it
            have += len(block)
            tell(have)
        with _on_our_disk(part):
            os.fsync(file.fileno())
    if total is not None and have < total:
        raise BrokenError(f"the connection ended after {have:,} of {total:,} bytes")


def _progress(name: str, start: int, total: int | None, report: Report) -> Callable[[int], None]:
    """Something that is told how much came, and reports it each 5 % or 10 s."""
    told, when = start, time.monotonic()

    def tell(have: int) -> None:
        nonlocal told, when
        step = total is not None and have - told >= 0.05 * total
        if step or time.monotonic() - when >= 10.0:
            share = f" of {total / 1e6:.1f} MB ({100 * have / total:.0f} %)" if total else " MB"
            report(f"download: {name} {have / 1e6:.1f}{share}")
            told, when = have, time.monotonic()

    return tell


@contextmanager
def _on_our_disk(part: Path) -> Iterator[None]:
    """Tell a failure of our own disk from one of the network, which is an OSError too."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{part} cannot be written ({error.strerror}): make room, or name another reference.download.folder; what "
            "came before is kept"
        ) from None


def _failure(error: urllib.error.HTTPError) -> RuntimeError:
    told = f"the server answered HTTP {error.code} ({error.reason})"
    if error.code not in PASSING and error.code < 500:
        return RefusedError(told)
    wait = (error.headers.get("Retry-After") or "").strip()
    return BrokenError(told, min(float(wait), LONGEST_WAIT_S) if wait.isdecimal() else 0.0)


def _broken(error: OSError | http.client.HTTPException, timeout_s: float) -> RuntimeError:
    """What a fault of the network or of the URL means, in words."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return RefusedError(f"the server's certificate is not valid ({cause.verify_message})")
    if isinstance(cause, http.client.InvalidURL) or not isinstance(cause, OSError | http.client.HTTPException):
        return RefusedError(f"this is not a URL that can be asked ({cause})")
    if isinstance(cause, TimeoutError):
        return BrokenError(f"nothing came for {timeout_s:g} s")
    told = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return BrokenError(f"the connection failed ({told})")
