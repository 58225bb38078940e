"""Which hash a download has to have: what the config asks for, or what came the first time."""

import hashlib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..records import read_json, write_json

CONFIG = "config key 'reference.download.sha256'"
REFERENCE = "the reference.json of this experiment"


@dataclass(frozen=True)
class Record:
    """What is kept of a download in `<target>.json`, also when the download itself is deleted."""

    url: str
    sha256: str
    bytes: int
    downloaded_utc: str


def record_path(target: Path) -> Path:
    """Where the record of a download is."""
    return target.with_name(f"{target.name}.json")


def read_record(target: Path) -> Record | None:
    """The record of an earlier download; None when there is none.

    Raises:
        ValueError: it is there and cannot be read: the hash that was kept must not be lost without a word.
    """
    path = record_path(target)
    if not path.exists():
        return None
    try:
        record = Record(**read_json(path))
        if len(record.sha256) != 64:
            raise ValueError
    except (ValueError, TypeError):
        raise ValueError(
            f"{path}, the record of an earlier download, cannot be read; remove it to have the hash of {target.name} "
            "recorded anew"
        ) from None
    return record


def keep_record(target: Path, url: str, sha256: str, n_bytes: int) -> Record:
    """Write the record of a download in one step."""
    record = Record(url, sha256, n_bytes, datetime.now(UTC).isoformat(timespec="seconds"))
    temporary = target.with_name(f"{target.name}.json.tmp")
    write_json(temporary, asdict(record))
    temporary.replace(record_path(target))
    return record


def forget_record(target: Path) -> None:
    """Drop the record of a download that turned out to be unusable: its hash must not be asked of the next one."""
    record_path(target).unlink(missing_ok=True)


def wanted_hashes(target: Path, sha256: str | None, recorded: str | None) -> dict[str, str]:
    """The hashes that the file has to have, by where that is said; empty for a first download.

    Args:
        target: the download.
        sha256: of the config; where it is given, it alone counts.
        recorded: what the reference of this experiment was made from.
    """
    if sha256:
        return {CONFIG: sha256.lower()}
    record = read_record(target)
    said = {str(record_path(target)): record.sha256 if record else None, REFERENCE: recorded}
    return {where: value for where, value in said.items() if value}


def mismatch(found: str, wanted: dict[str, str]) -> str | None:
    """Where another hash than `found` is asked for; None when all agree."""
    return next((where for where, value in wanted.items() if value != found), None)


def mismatch_message(what: str, found: str, where: str, value: str, kept: str) -> str:
    """The sentence about a file with another hash than is asked for."""
    change = "change that key" if where == CONFIG else f"set reference.download.sha256 to {found}"
    return (
        f"{what} has the sha256 {found}, but {where} asks for {value} ({kept}): if the change is intended, {change}; "
        "if not, give reference.download.url a mirror or a file:// with the right file"
    )


def file_sha256(path: Path) -> str:
    """The sha256 of a file's content, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
