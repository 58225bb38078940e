"""The frame around every script: its log, its device, and a plain sentence where a fault was foreseeable."""

import atexit
import gc
import os
import shutil
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from .faults import BELOW, Fault, entry_of, foreseen, message, sentence_of
from .gpus import claimed_gpu

if TYPE_CHECKING:
    from .committee import Committee


class NoGpu(Fault, RuntimeError):
    """`device: cuda` where no GPU can be used."""

    entry = "no-gpu"


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
    imports included. Where it fails, the terminal gets what a user can use (`faults`), the log the
    traceback and the same. The body is the whole script: once it is done, the process ends without the interpreter's
    clean-up, so that files are to be closed in it.

    Args:
        snakemake: the object that Snakemake hands to the script.
    """
    finished = _quick_imports_and_end(snakemake)
    os.environ["OMP_NUM_THREADS"] = str(snakemake.threads)
    os.environ["PYSCF_MAX_MEMORY"] = str(snakemake.resources.get("mem_mb", 1000))
    log = Path(snakemake.log[0])
    for kind in (DeprecationWarning, FutureWarning, SyntaxWarning, UserWarning):
        warnings.simplefilter("ignore", kind)  # of libraries, while they are imported: no news for the user
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        stream = log.open("w", encoding="utf-8")
    except OSError as error:
        sys.exit(_told(error, snakemake, log))
    with stream, _output_to(stream) as terminal:
        try:
            with claimed_device(snakemake.params.get("device", "cpu"), Job("cpu", terminal).say) as device:
                yield Job(device, terminal)
        except Exception as error:
            _write_down(error)
            text = _told(error, snakemake, log)
            with suppress(OSError):
                print(text, flush=True)
            terminal.write(f"{text}\n")
            raise SystemExit(1) from None  # Snakemake would show the traceback of the script's wrapper
        except KeyboardInterrupt as interruption:
            _write_down(interruption)
            raise SystemExit(128 + signal.SIGINT) from None  # which Snakemake tells of
    finished.append(True)


def _quick_imports_and_end(snakemake: Any) -> list[bool]:
    """Spare a job the search for garbage among what torch and SchNetPack leave on import, a third of its time there.

    The interpreter's last collection takes most of it: a script that has come to its end leaves without it, after all
    that was registered to be done at exit.

    Returns:
        An empty list, which gets an entry when the script has come to its end.
    """
    finished: list[bool] = []
    if getattr(sys.modules["__main__"], "snakemake", None) is snakemake:  # the process is this script's alone
        gc.set_threshold(10_000)
        atexit.register(_leave, finished)  # the first to be registered comes last
    return finished


def _leave(finished: list[bool]) -> None:
    if finished and not hasattr(sys, "last_exc"):  # nothing was raised after the body
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _write_down(error: BaseException) -> None:
    """The traceback, in the log; nothing where the disk is full."""
    with suppress(OSError):
        sys.stdout.flush()
        if foreseen(error):
            print(f"\n{BELOW}", file=sys.stderr)
        traceback.print_exc()
        sys.stderr.flush()


def _told(error: Exception, snakemake: Any, log: Path) -> str:
    """What the user reads about an error."""
    folders = {log.parent, *(Path(output).parent for output in snakemake.output)}
    entry = entry_of(error, snakemake.rule, (folder for folder in folders if folder.is_dir()))
    return message(snakemake.rule, sentence_of(error), entry, dict(snakemake.wildcards.items()), log)


@contextmanager
def _output_to(log: TextIO) -> Iterator[TextIO]:
    """Send all output, that of compiled libraries too, to `log`; yields the terminal."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(descriptor) for descriptor in (1, 2)]
    with os.fdopen(os.dup(2), "w") as terminal:
        for descriptor in (1, 2):
            os.dup2(log.fileno(), descriptor)
        try:
            yield terminal
        finally:
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError):  # of a full disk
                    stream.flush()
            for descriptor, original in zip((1, 2), kept, strict=True):
                os.dup2(original, descriptor)
                os.close(original)


@contextmanager
def claimed_device(device: str, say: Callable[[str], object]) -> Iterator[str]:
    """The device asked for, for the length of the body; of several GPUs one that no other job holds (`gpus`).

    Raises:
        ValueError: another name than cpu and cuda.
        NoGpu: cuda is asked for and torch does not see it; there is no silent fall back to the CPU.
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
            raise NoGpu(
                f"config key 'device' is cuda, but no GPU can be used here (torch {torch.__version__}, {build}; "
                f"CUDA_VISIBLE_DEVICES is {os.environ.get('CUDA_VISIBLE_DEVICES', 'not set')}); "
                "set device: cpu, or run on a machine whose nvidia-smi lists a GPU"
            )
        yield device
