"""Fetching published reference data: once, whole, and the same file for ever."""

import os
import shutil
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..claims import Claims
from ..records import sync_folder, write_json
from .archive import SPLITS, check_md5, extract_rmd17
from .catalogue import Published, rmd17_member
from .integrity import (
    CONFIG,
    file_sha256,
    forget_record,
    keep_record,
    mismatch,
    mismatch_message,
    read_record,
    record_path,
    wanted_hashes,
)
from .transfer import BrokenError, RefusedError, discard, transfer


@dataclass(frozen=True)
class Fetched:
    """A download that is in place.

    Attributes:
        path: the file.
        url: where it came from, perhaps in an earlier run.
        sha256: its hash, 64 hexadecimal digits.
        n_bytes: its size.
        from_cache: whether it was there already.
    """

    path: Path
    url: str
    sha256: str
    n_bytes: int
    from_cache: bool


def fetch(
    url: str,
    target: str | Path,
    *,
    sha256: str | None,
    recorded_sha256: str | None = None,
    retries: int,
    timeout_s: float,
    report: Callable[[str], None],
    mirror: str | None = None,
) -> Fetched:
    """Have the file at `target`, from there or from `url`, with the hash that it has to have.

    The hash in the config counts; without one, those of earlier times: in `<target>.json`, which outlives the file,
    and `recorded_sha256`. A first download without any is believed, and its hash kept. What came of a broken
    download is in `<target>.part` and is continued; a download with a wrong hash is moved to `<target>.wrong`. Many
    processes may fetch the same target: one does, the others wait and find it done.

    Args:
        url: http, https, file:// or a path.
        target: where the file is kept.
        sha256: what the config asks for.
        recorded_sha256: what the reference of this experiment was made from.
        retries: further tries after a failed one.
        timeout_s: a try fails when no byte comes for so long.
        report: told of progress, in sentences.
        mirror: another place that a message can name.

    Raises:
        ValueError: the URL cannot be used, or the hash is not the one that is asked for.
        RuntimeError: the file did not come, and why.
    """
    target, local = Path(target), _local(url)
    _prepare(target.parent)
    with _alone(target, report):
        wanted = wanted_hashes(target, sha256, recorded_sha256)
        kept = _kept(url, target, wanted, report)
        if kept:
            return kept
        part = target.with_name(f"{target.name}.part")
        for fresh in (False, True):
            pieced = False
            if local:
                _copy(local, part)
            else:
                pieced = _transfer(url, part, retries, timeout_s, report, mirror)
            found = file_sha256(part)
            if not (pieced and not fresh and mismatch(found, wanted)):
                break
            report(f"download: {url}, put together from several tries, has a wrong hash: it is fetched once more")
            discard(part)
        return _accept(url, part, target, found, wanted, report)


def unpack(fetched: Fetched, source: Published, data: Path, record: Path, splits: Path | None = None) -> None:
    """Put a molecule's npz, its published splits and a record of where they are from in place.

    Args:
        fetched: the download.
        source: what it is.
        data: the npz to write.
        record: the JSON to write: `dataset`, `molecule`, `url`, `sha256` (of the download), `bytes`, `integrity`.
        splits: the folder of the published indices, empty for MD17; `splits` beside `data` when it is not given.

    Raises:
        ValueError: the download is damaged or not what it should be; see `archive`. Its hash is not kept.
    """
    try:
        _unpack(fetched, source, data, record, splits or data.with_name("splits"))
    except ValueError:
        forget_record(fetched.path)
        raise


def _unpack(fetched: Fetched, source: Published, data: Path, record: Path, splits: Path) -> None:
    splits.mkdir(parents=True, exist_ok=True)
    data.parent.mkdir(parents=True, exist_ok=True)
    with _kept_if_sound(fetched.path), tempfile.TemporaryDirectory(dir=data.parent, prefix=".unpacking_") as temporary:
        if source.archive:
            files = extract_rmd17(fetched.path, source.molecule, temporary)
            integrity = _as_published(fetched, source)
            for name in SPLITS:
                files[name].replace(splits / name)
            files[rmd17_member(source.molecule)].replace(data)
        else:
            integrity = check_md5(fetched.path)
            for name in SPLITS:  # of another set that was here before
                (splits / name).unlink(missing_ok=True)
            shutil.copyfile(fetched.path, Path(temporary) / data.name)
            (Path(temporary) / data.name).replace(data)
    told = {"dataset": source.dataset, "molecule": source.molecule, "url": fetched.url, "sha256": fetched.sha256}
    write_json(record, {**told, "bytes": fetched.n_bytes, "integrity": integrity})


@contextmanager
def _kept_if_sound(path: Path) -> Iterator[None]:
    """Move a download aside whose content is wrong, or another url would find it in its place."""
    try:
        yield
    except ValueError as error:
        wrong = path.with_name(f"{path.name}.wrong")
        path.replace(wrong)
        raise ValueError(f"{error}; it is kept as {wrong}") from None


def _as_published(fetched: Fetched, source: Published) -> str:
    if source.sha256 is None:
        return "there is no hash to compare with"
    same = "the same as" if fetched.sha256 == source.sha256 else "not the same as"
    return f"the file is {same} the one that is known by sha256 {source.sha256}"


def _local(url: str) -> Path | None:
    """The path that `url` means; None where it is on a network."""
    parts = urllib.parse.urlsplit(url) if "://" in url else None
    if parts is None:
        path = Path(url.removeprefix("file:")).expanduser()
    elif parts.scheme in ("http", "https") and parts.hostname:
        return None
    elif parts.scheme == "file" and parts.netloc in ("", "localhost"):
        path = Path(urllib.request.url2pathname(parts.path))
    else:
        raise ValueError(
            f"config key 'reference.download.url' is {url!r}; it takes http://, https://, file:/// with three slashes "
            "and a whole path, or a path"
        )
    return path


def _prepare(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(
            f"config key 'reference.download.folder': nothing can be written into {folder} ({error.strerror}); name "
            "a folder of yours"
        ) from None


@contextmanager
def _alone(target: Path, report: Callable[[str], None]) -> Iterator[None]:
    """Wait until no other process fetches `target`, and keep others waiting."""
    claims, told = Claims(), False
    while True:
        with claims.held(target.with_name(f"{target.name}.claim")) as mine:
            if mine:
                yield
                return
        if not told:
            report(f"download: another process is fetching {target}: waiting for it")
            told = True
        time.sleep(0.5)


def _kept(url: str, target: Path, wanted: dict[str, str], report: Callable[[str], None]) -> Fetched | None:
    """The target as it is, where it is what is asked for; a damaged one is moved out of the way."""
    if not target.is_file():
        return None
    found, n_bytes, record = file_sha256(target), target.stat().st_size, read_record(target)
    where = mismatch(found, wanted)
    if where is None:
        if record is None or record.sha256 != found:  # put there by hand, or under an older hash
            record = keep_record(target, str(target), found, n_bytes)
        elsewhere = f"; remove it to fetch {url} instead" if record.url not in (url, str(target)) else ""
        report(f"download: {target} is there already, from {record.url}, sha256 {found}{elsewhere}")
        return Fetched(target, record.url, found, n_bytes, from_cache=True)
    if where == str(record_path(target)):
        wrong = target.with_name(f"{target.name}.wrong")
        target.replace(wrong)
        report(f"download: {target} was changed since its download (sha256 {found}): kept as {wrong}, fetched again")
    elif where == CONFIG:
        report(f"download: {target} has the sha256 {found}, {where} is another: it is fetched again")
    else:
        raise ValueError(mismatch_message(str(target), found, where, wanted[where], "it stays where it is"))
    return None


def _accept(
    url: str, part: Path, target: Path, found: str, wanted: dict[str, str], report: Callable[[str], None]
) -> Fetched:
    """Give a whole download its name, where it has the hash that is asked for."""
    where = mismatch(found, wanted)
    if where is not None:
        wrong = target.with_name(f"{target.name}.wrong")
        part.replace(wrong)
        discard(part)
        raise ValueError(mismatch_message(url, found, where, wanted[where], f"what came is kept as {wrong}"))
    if target.exists():  # whole, but of another hash than the config now asks for
        target.replace(target.with_name(f"{target.name}.old"))
    n_bytes = part.stat().st_size
    keep_record(target, url, found, n_bytes)
    part.replace(target)
    discard(part)
    sync_folder(target.parent)
    report(f"download: {target} is complete, {n_bytes / 1e6:.1f} MB, sha256 {found}")
    return Fetched(target, url, found, n_bytes, from_cache=False)


def _transfer(
    url: str, part: Path, retries: int, timeout_s: float, report: Callable[[str], None], mirror: str | None
) -> bool:
    try:
        return transfer(url, part, retries=retries, timeout_s=timeout_s, report=report)
    except (RefusedError, BrokenError) as problem:
        have = part.stat().st_size if part.exists() else 0
        kept = f"; the {have / 1e6:.1f} MB that came are kept" if have else ""
        other = f"a mirror ({mirror})" if mirror and mirror != url else "a mirror"
        again = "try again later" if isinstance(problem, BrokenError) else "check the address"
        raise RuntimeError(
            f"{url} could not be fetched: {problem}; {again}, or give reference.download.url {other} or a file://{kept}"
        ) from None


def _copy(source: Path, part: Path) -> None:
    if not source.is_file():
        raise ValueError(f"config key 'reference.download.url' names {source}, but there is no such file; check it")
    discard(part)
    try:
        shutil.copyfile(source, part)
        with part.open("rb") as file:
            os.fsync(file.fileno())
    except OSError as error:
        discard(part)
        raise RuntimeError(f"{source} could not be copied to {part} ({error.strerror}); check both places") from None
