"""How an unfinished run stands: what is kept on disk so that it goes on after a kill."""

import hashlib
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import schnetpack
import torch
import torch_sim

from ..code_version import source_digest

EVERY_S = 60.0  # between two saves
SHARE = 0.05  # of the run's time that saving may take


class SavedRun:
    """The folder of an unfinished run, outside the outputs that Snakemake declares: those of a failed job are deleted.

    Its content counts for one piece of work only (models, starting structures, settings, seed, device, versions); for
    any other the run begins anew.
    """

    def __init__(self, folder: str | Path, work: str, every_s: float = EVERY_S):
        """Open the folder.

        Args:
            folder: created where it is missing.
            work: fingerprint of what is run.
            every_s: time between two saves; it grows where a save takes long.
        """
        self.folder, self.work, self.every_s = Path(folder), work, every_s
        self.path = self.folder / "run.pt"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._next = time.monotonic() + every_s

    def read(self) -> dict[str, Any] | None:
        """What was saved last; None where there is nothing of this work.

        A file of other work, or one that cannot be read, is passed over with a line that says so.
        """
        if not self.path.exists():
            return None
        try:
            content = torch.load(self.path, weights_only=False)
        except Exception as error:  # whatever a torn pickle or another version of a library may raise
            print(f"{self.path} cannot be read ({type(error).__name__}); the run begins anew", flush=True)
            return None
        if content["work"] != self.work:
            print(
                f"{self.path} belongs to other work (models, data, settings, seed, device or versions differ); the run "
                "begins anew",
                flush=True,
            )
            return None
        return content["run"]

    @property
    def due(self) -> bool:
        """Whether it is time to save."""
        return time.monotonic() >= self._next

    def write(self, run: dict[str, Any]) -> None:
        """Put this in the place of what was saved before, at once or not at all."""
        began, part = time.monotonic(), self.path.with_suffix(".part")
        torch.save({"work": self.work, "run": run}, part)
        os.replace(part, self.path)
        now = time.monotonic()
        self._next = now + max(self.every_s, (now - began) / SHARE if self.every_s else 0.0)


def fingerprint(files: Sequence[str | Path], *settings: Any) -> str:
    """64 hexadecimal digits that tell one piece of work from another.

    Args:
        files: whose content counts.
        settings: plain values; the versions of the libraries and of the code count beside them.
    """
    versions = [library.__version__ for library in (torch, torch_sim, schnetpack)]
    digest = hashlib.sha256(json.dumps([settings, versions, source_digest()], sort_keys=True).encode())
    for path in files:
        digest.update(hashlib.sha256(Path(path).read_bytes()).digest())
    return digest.hexdigest()
