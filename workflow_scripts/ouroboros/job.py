"""The frame around every script: its log, its device, and a plain sentence where a fault was foreseeable."""

import os
import shutil
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from .gpus import claimed_gpu

if TYPE_CHECKING:
    from .committee import Committee

FORESEEABLE = (ValueError, RuntimeError, OSError, MemoryError, ImportError)


@dataclass(frozen=True)
class Job:
    """A running script: its device ("cpu" or "cuda") and the user's terminal."""

    device: str
    terminal: TextIO

    def say(self, sentence: str) -> None:
        """Show one line to whoever watches the run; it stands in the log too."""
        print(sentence, flush=True)
        self.terminal.write(f"{sentence}\n")
        self.terminal.flush()

    def discard(self, states: Sequence[str | Path]) -> None:
        """Remove the states of unfinished jobs whose outputs this one has read.

        Not by those jobs themselves: Snakemake removes what a job wrote, and runs it again, where it is killed before
        it has noted that the job is done.
        """
        for state in states:
            shutil.rmtree(state, ignore_errors=True)

    def committee(self, paths: Sequence[str | Path], stress: bool = False) -> "Committee":
        """The committee of these models on the job's device, for dynamics; a line says if it is evaluated slowly."""
        from .committee import Committee

        committee = Committee.load(paths, self.device, stress)
        if committee.one_by_one_because:
            self.say(f"SchNetPack evaluates the members one by one, as {committee.one_by_one_because}")
        return committee


@contextmanager
def start(snakemake: Any) -> Iterator[Job]:
    """Run the body of a rule's script.

    Threads are set for the libraries that the body imports. Output goes to the rule's log, the noise of those
    imports included; a foreseeable failure ends with one sentence, on the terminal and as the log's last line.

    Args:
        snakemake: the object that Snakemake hands to the script.
    """
    os.environ["OMP_NUM_THREADS"] = str(snakemake.threads)
    os.environ["PYSCF_MAX_MEMORY"] = str(snakemake.resources.get("mem_mb", 1000))
    log = Path(snakemake.log[0])
    log.parent.mkdir(parents=True, exist_ok=True)
    for kind in (DeprecationWarning, FutureWarning, SyntaxWarning, UserWarning):
        warnings.simplefilter("ignore", kind)  # of libraries, while they are imported: no news for the user
    with _output_to(log) as terminal:
        try:
            with claimed_device(snakemake.params.get("device", "cpu"), Job("cpu", terminal).say) as device:
                yield Job(device, terminal)
        except FORESEEABLE as error:
            traceback.print_exc()
            sentence = f"Rule {snakemake.rule} stopped: {error}"
            print(sentence, flush=True)
            terminal.write(f"{sentence}\nThe whole story is in {log}.\n")
            raise SystemExit(1) from None  # Snakemake would show the traceback of the script's wrapper
        except Exception:
            traceback.print_exc()
            raise


@contextmanager
def _output_to(log: Path) -> Iterator[TextIO]:
    """Send all output, that of compiled libraries too, to `log`; yields the terminal."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(descriptor) for descriptor in (1, 2)]
    with log.open("w", encoding="utf-8") as stream, os.fdopen(os.dup(2), "w") as terminal:
        for descriptor in (1, 2):
            os.dup2(stream.fileno(), descriptor)
        try:
            yield terminal
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, original in zip((1, 2), kept, strict=True):
                os.dup2(original, descriptor)
                os.close(original)


@contextmanager
def claimed_device(device: str, say: Callable[[str], object]) -> Iterator[str]:
    """The device asked for, for the length of the body; of several GPUs one that no other job holds (`gpus`).

    Raises:
        ValueError: another name than cpu and cuda.
        RuntimeError: cuda is asked for and torch does not see it; there is no silent fall back to the CPU.
    """
    if device not in ("cpu", "cuda"):
        raise ValueError(f"device {device!r} is unknown; cpu and cuda can be used")
    if device == "cpu":
        yield device
        return
    with claimed_gpu(say):
        import torch

        if not torch.cuda.is_available():
            build = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "a build without CUDA"
            raise RuntimeError(
                f"config key 'device' is cuda, but no GPU can be used here (torch {torch.__version__}, {build}; "
                f"CUDA_VISIBLE_DEVICES is {os.environ.get('CUDA_VISIBLE_DEVICES', 'not set')}); "
                "set device: cpu, or run on a machine whose nvidia-smi lists a GPU"
            )
        yield device
