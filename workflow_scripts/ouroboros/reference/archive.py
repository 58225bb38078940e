"""What is inside the published files: the md5 that an sGDML npz carries, and the tar of rMD17."""

import hashlib
import os
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from .catalogue import rmd17_member

FOLDS = range(1, 6)
SPLITS = tuple(f"index_{part}_{fold:02d}.csv" for part in ("train", "test") for fold in FOLDS)
DAMAGED = (tarfile.TarError, EOFError, OSError, zlib.error, ValueError)  # what reading a broken archive may raise


def sgdml_md5(path: str | Path) -> str:
    """The fingerprint of an sGDML dataset, computed from its arrays.

    As `sgdml.utils.io.dataset_md5` of sGDML 1.0.3: the md5 over the md5 digests of the arrays z, R, E (where there
    is one) and F, each as it is stored, rows first. Names, units and the level of theory are not part of it.

    Args:
        path: an npz with z (n_atoms,), R and F (n_frames, n_atoms, 3), and perhaps E (n_frames, 1).

    Returns:
        32 hexadecimal digits.

    Raises:
        ValueError: this is not such a file, or it is damaged.
    """
    with _arrays(path) as arrays:
        missing = [name for name in ("z", "R", "F") if name not in arrays]
        if missing:
            raise ValueError(f"{path} is not an sGDML dataset: it has no array {' and no '.join(missing)}; {_AGAIN}")
        digest = hashlib.md5(usedforsecurity=False)
        for name in [name for name in ("z", "R", "E", "F") if name in arrays]:
            digest.update(hashlib.md5(arrays[name].ravel(), usedforsecurity=False).digest())
    return digest.hexdigest()


def check_md5(path: str | Path) -> str:
    """Compare the md5 that an sGDML npz carries with its content.

    Returns:
        What was found, as a sentence: the md5 holds, or there is none to compare with.

    Raises:
        ValueError: it does not hold, or the file is not an sGDML dataset.
    """
    found = sgdml_md5(path)
    with _arrays(path) as arrays:
        if "md5" not in arrays:
            return f"the file carries no md5 of its content, which has {found}"
        carried = np.asarray(arrays["md5"]).item()
    carried = carried.decode("ascii", "replace") if isinstance(carried, bytes) else str(carried)
    if carried != found:
        raise ValueError(
            f"{path} carries the md5 {carried[:64]!r}, but its arrays have {found}: they are not what was published; "
            "remove the file to fetch it again, or take it over as it is with reference.source: files"
        )
    return f"the md5 {found} that the file carries is that of its content"


def extract_rmd17(archive: str | Path, molecule: str, folder: str | Path) -> dict[str, Path]:
    """Take one molecule's npz and the ten published split files out of the archive of rMD17.

    The archive is read once from its beginning, as far as needed. Only regular files with exactly these names are
    taken, and each is written under its own name into `folder`, so nothing lands elsewhere whatever folders, links
    or devices the archive names. The files appear together, when all of them are complete.

    Args:
        archive: `rmd17.tar.bz2`, or the same tar compressed otherwise.
        molecule: one of `catalogue.MOLECULES`.
        folder: where to write; it is made when it is missing.

    Returns:
        Where each file is, by name.

    Raises:
        ValueError: the archive is damaged, cut short or another one, or does not have the molecule.
    """
    folder, wanted = Path(folder), (rmd17_member(molecule), *SPLITS)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".unpacking_") as temporary:
        seen = _extract(Path(archive), set(wanted), Path(temporary))
        missing = [name for name in wanted if not (Path(temporary) / name).is_file()]
        if missing:
            raise ValueError(_incomplete(Path(archive), missing, seen))
        for name in wanted:
            (Path(temporary) / name).replace(folder / name)
    return {name: folder / name for name in wanted}


def _extract(archive: Path, wanted: set[str], temporary: Path) -> list[str]:
    """Write the wanted members into `temporary`; the names of all members up to the last of them."""
    seen: list[str] = []
    if not archive.is_file():
        raise ValueError(f"there is no {archive}: download it again")
    try:
        with tarfile.open(archive, "r|*") as tar:
            for member in tar:
                seen.append(member.name)
                name = member.name.rpartition("/")[2]
                if name in wanted and not (temporary / name).exists():
                    _check(archive, member, temporary)
                    _copy(tar.extractfile(member), temporary / name)
                    if all((temporary / each).exists() for each in wanted):
                        break
    except _RefusedMemberError:
        raise
    except DAMAGED as error:
        if isinstance(error, OSError) and error.errno is not None:  # those of a broken archive have none
            raise RuntimeError(f"{archive} cannot be unpacked into {temporary.parent} ({error.strerror})") from None
        told = f"it is damaged or cut short after {seen[-1]}" if seen else "it is not a tar archive, or not a whole one"
        raise ValueError(f"{archive} cannot be read as the archive of rMD17: {told} ({error}); {_AGAIN}") from None
    return seen


def _check(archive: Path, member: tarfile.TarInfo, folder: Path) -> None:
    """Refuse a wanted member that is not a plain file inside the archive's own folder."""
    if not member.isreg():
        raise _RefusedMemberError(f"{archive} holds {member.name!r} as a link or device and not as a file; {_AGAIN}")
    try:
        tarfile.data_filter(member, str(folder))
        outside = member.name.startswith("/")  # which the filter would only strip
    except tarfile.FilterError:
        outside = True
    if outside:
        raise _RefusedMemberError(f"{archive} names {member.name!r}, outside its own folder; {_AGAIN}")


def _copy(stream: IO[bytes] | None, path: Path) -> None:
    assert stream is not None  # it is a regular file
    with path.open("xb") as file:
        shutil.copyfileobj(stream, file, 1 << 20)
        file.flush()
        os.fsync(file.fileno())


def _incomplete(archive: Path, missing: list[str], seen: list[str]) -> str:
    names = [name.rpartition("/")[2] for name in seen]
    molecules = [name for name in names if name.startswith("rmd17_") and name.endswith(".npz")]
    if not molecules:
        first = ", ".join(names[:3]) or "nothing"
        return f"{archive} is not the archive of rMD17: it has no rmd17_*.npz, but {first}; {_AGAIN}"
    return (
        f"{archive} has no {missing[0]}"
        + (f" and {len(missing) - 1} more of the files that are needed" if len(missing) > 1 else "")
        + f", but {', '.join(molecules)}: it is cut short or another one than was published; {_AGAIN}"
    )


@contextmanager
def _arrays(path: str | Path) -> Iterator[np.lib.npyio.NpzFile]:
    """The arrays of an npz, with one sentence for whatever is wrong with the file."""
    if not Path(path).is_file():
        raise ValueError(f"there is no {path}: download it again")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is not an npz file, or it is cut short: remove it and download it again")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            yield arrays
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise ValueError(f"{path} is damaged ({error}): remove it and download it again") from None


class _RefusedMemberError(ValueError):
    """A member that no published archive has."""


_AGAIN = "remove it and download it again, or give reference.download.url the published one"
