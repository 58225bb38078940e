"""How a training stands: what is kept on disk so that it goes on after a kill, and what it changed by itself."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import torch

from ..records import read_json, write_json


class Course:
    """The folder of an unfinished training: its last state, its best weights, and what was done when it broke.

    The folder lies outside the outputs that Snakemake declares, as those of a failed job are deleted. Its content
    counts for one piece of work only (data, settings, seed): anything else begins anew.
    """

    def __init__(self, folder: str | Path, work: str):
        """Open the folder.

        Args:
            folder: created where it is missing.
            work: fingerprint of what is trained.
        """
        self.folder = Path(folder)
        self._record = self.folder / "course.json"
        stored = self._read()
        self._stored = stored
        if stored.get("work") != work:
            self._forget()
            self._stored = {"work": work, "parts": 0, "learning_rate": None, "seconds": 0.0, "interventions": []}
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write()

    @property
    def state(self) -> Path:
        """Lightning's checkpoint of the last epoch that was kept."""
        return self.folder / "last.ckpt"

    @property
    def best(self) -> Path:
        """Lightning's checkpoint of the best epoch."""
        return self.folder / "best" / "weights.ckpt"

    @property
    def interventions(self) -> list[dict[str, Any]]:
        """What was changed so far, in order."""
        return self._stored["interventions"]

    def settings(self, training: dict[str, Any]) -> dict[str, Any]:
        """The `training` section with what was changed so far."""
        rate = self._stored["learning_rate"] or training["learning_rate"]
        return {**training, "accumulation": max(training["accumulation"], self._stored["parts"]), "learning_rate": rate}

    def split_steps(self, parts: int, reason: str) -> None:
        """From now on a step's frames come in `parts` parts, as far as they go; validation in batches of that size.

        The training goes on from its last state.
        """
        self._stored["parts"] = parts
        action = f"a step's frames are worked off in {parts} parts and validation in batches as small"
        self._note("out of memory", reason, f"{action}; the step is the same")

    def slow_down(self, learning_rate: float, reason: str, seconds: float) -> None:
        """Start anew with a smaller learning rate, `seconds` after the beginning."""
        self._stored |= {"learning_rate": learning_rate, "seconds": seconds}
        self._forget()
        self._note("diverged", reason, f"started anew with learning_rate {learning_rate:g}")

    def slowed_down(self) -> bool:
        """Whether the one retry has been used."""
        return self._stored["learning_rate"] is not None

    def _note(self, what: str, reason: str, action: str) -> None:
        self.interventions.append({"what": what, "reason": reason, "action": action})
        print(f"{what}: {reason}; {action}", flush=True)
        self._write()

    @property
    def resumed(self) -> list[int]:
        """The epochs, counted from 1, after which a killed training went on."""
        return self._stored.setdefault("resumed", [])

    def take_up(self) -> float:
        """Seconds that the training took before this process, as far as its state was kept; notes where it goes on.

        A state that cannot be read, cut short or of another version, is removed, and the training begins anew.
        """
        if not self.state.exists():
            return self._stored["seconds"]
        try:
            last = torch.load(self.state, map_location="cpu", weights_only=False)["history"][-1]
        except Exception as error:  # whatever a torn pickle or another version of a library may raise
            print(f"{self.state} cannot be read ({type(error).__name__}); the training begins anew", flush=True)
            self._forget()
            return self._stored["seconds"]
        self.resumed.append(last["epoch"] + 1)
        self._write()
        print(f"going on after epoch {last['epoch'] + 1}", flush=True)
        return last["seconds"]

    def _forget(self) -> None:
        for path in (self.state, self.best, self.state.with_suffix(".part")):
            path.unlink(missing_ok=True)

    def _write(self) -> None:
        part = self._record.with_suffix(".part")
        write_json(part, self._stored)
        os.replace(part, self._record)

    def _read(self) -> dict[str, Any]:
        try:
            return read_json(self._record)
        except (OSError, json.JSONDecodeError):
            return {}


def fingerprint(*parts: Any) -> str:
    """64 hexadecimal digits that tell one piece of work from another: of plain values and tensors."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, dict) and all(isinstance(value, torch.Tensor) for value in part.values()):
            for name, tensor in part.items():
                digest.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
        else:
            digest.update(json.dumps(part, sort_keys=True).encode())
    return digest.hexdigest()
