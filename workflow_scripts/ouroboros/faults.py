"""What a user reads where a job stops: the rule, what it was doing, why, what to try next, and where to read on.

An error tells by its class which entry of docs/troubleshooting.md is about it: classes of our own derive from `Fault`;
of others `entry_of` knows those that every long run meets some day. For the rest the rule tells (`TASKS`).
"""

import errno
import os
import pickle
import signal
import sqlite3
import sys
import textwrap
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

GUIDE = "docs/troubleshooting.md"
LINES = 10  # of a job's log that stand in the message
END = 2**18  # bytes of a log that are looked at
LENGTH = 800  # of a sentence: some libraries print pages
ROOM = 2**20  # bytes; a disk with less is full, whatever a library made of it
STOPPED = "Rule {rule} stopped"
BELOW = "The traceback, for whoever mends the program:"  # parts the log from what only the author of a fault reads

NEXT = {
    "a-file-is-damaged": "remove that file and run again: it is made anew",
    "a-job-crashes": "run again; if it crashes once more, make doctor looks for a broken installation",
    "a-job-is-ended-from-outside": "run the same command again: it goes on where it was",
    "a-job-runs-out-of-time": "run the same command again, it goes on where it was; or give the rule more minutes",
    "a-package-or-program-is-missing": "make doctor shows what is missing; make env installs the packages",
    "a-training-stops": "look at curves.svg and metrics.csv if they are there, change the training and run again",
    "a-download-fails": "run again, it goes on where it stopped; or fetch the file yourself (reference.download.url)",
    "an-arm-is-broken": "look at the files that the sentence names, mend the cause and run again",
    "dynamics-explode": "train on more or hotter frames, or run colder or with a smaller time step",
    "labels-fail": "run one such structure by hand; mend the section oracle of the config and run again",
    "memory-runs-out": "let less run at a time (ARGS=--cores=1), or take the smaller sizes that the entry names",
    "no-gpu": "make doctor shows what PyTorch sees; or set device: cpu",
    "no-permission": "make that place readable and writable for you, and run again",
    "oracle-and-reference-differ": "let the oracle label at the level of theory of the reference",
    "something-else": "run again once; if it stops in the same place, report it with the log",
    "test-frames-leak": "split so that neighbours stay together: split.strategy trajectory, time or column",
    "the-config-cannot-be-run": "change that key; config.yaml has all keys with meaning, unit and bounds",
    "the-disk-is-full": "make room and run the same command again: it goes on where it was",
    "the-folder-is-locked": "make resume CONFIG=my.yaml goes on, once no job of the run is alive",
    "the-reference-data-are-not-usable": "mend the file, or the keys that say what is in it, and run again",
    "the-scf-does-not-converge": "raise the oracle's number of SCF steps, or check charge, multiplicity and geometry",
    "the-split-cannot-be-made": "lower split.train, split.validation or split.test, or give more frames",
}


class Fault(Exception):
    """An error with an entry in docs/troubleshooting.md.

    Attributes:
        entry: the entry, as a link's anchor.
    """

    entry = "something-else"


@dataclass(frozen=True)
class Task:
    """What a rule does, in plain words, and the entry about a fault of its own."""

    doing: str
    entry: str = "something-else"


DAMAGED = (zipfile.BadZipFile, pickle.UnpicklingError, EOFError)  # what readers of files that are cut short raise

_TRAINING = "a-training-stops"
_LABELS = "labels-fail"
_REFERENCE = "the-reference-data-are-not-usable"
_DYNAMICS = "dynamics-explode"
TASKS = {
    "environment": Task("looking at the machine that the run uses"),
    "generate": Task("running molecular dynamics with the oracle, to make reference data", _LABELS),
    "distort": Task("labelling distorted structures, to test on", _LABELS),
    "download": Task("fetching published reference data", "a-download-fails"),
    "import_reference": Task("reading the reference data from files", _REFERENCE),
    "curate": Task("sorting out unusable reference frames", _REFERENCE),
    "split": Task("splitting the reference data into training, validation and test set", "the-split-cannot-be-made"),
    "leakage": Task("looking for test frames that are nearly in the training set", "test-frames-leak"),
    "check_oracle": Task("labelling some reference frames again, to compare the oracle with the reference", _LABELS),
    "check_reference": Task("judging the reference data before the first training", _REFERENCE),
    "dataset": Task("putting together the data that the round trains on"),
    "train": Task("training a member of the committee", _TRAINING),
    "test": Task("testing the committee on the test set", _TRAINING),
    "score_pool": Task("asking the committee about the frames of the pool"),
    "explore": Task("exploring with molecular dynamics of the committee", _DYNAMICS),
    "simulate": Task("running the production run with the committee", _DYNAMICS),
    "analyse": Task("analysing the production run", _DYNAMICS),
    "select": Task("choosing the structures to label"),
    "draw_selected": Task("drawing the chosen structures"),
    "show_structures": Task("writing the page of structures in 3-D"),
    "label": Task("labelling the chosen structures with the oracle", _LABELS),
    "gather": Task("gathering the labels of the round", _LABELS),
    "check_labels": Task("judging how many labels of the round failed", _LABELS),
    "prospective": Task("comparing the committee with the new labels"),
    "decide": Task("deciding whether the arm goes on"),
    "check_decision": Task("judging whether the arm can go on", "an-arm-is-broken"),
    "report": Task("writing the report of the arm"),
    "compare": Task("comparing the arms"),
    "sweep_train": Task("training with one of the settings of the sweep", _TRAINING),
    "sweep_test": Task("testing a model of the sweep", _TRAINING),
    "sweep_table": Task("comparing the settings of the sweep"),
    "overfit_train": Task("training on one batch", _TRAINING),
    "overfit": Task("judging whether one batch was learnt by heart", _TRAINING),
    "scan_timesteps": Task("running dynamics with several time steps", _DYNAMICS),
    "oracle_harmonic": Task("computing harmonic frequencies with the oracle", _LABELS),
    "committee_harmonic": Task("computing harmonic frequencies with the committee"),
    "oracle_nve": Task("running molecular dynamics with the oracle, for its spectrum", _LABELS),
    "compare_vibrations": Task("comparing the vibrations of committee and oracle"),
    "export_member": Task("writing a member of the committee for other programs"),
}
SIGNALS = {  # any other is a crash
    "SIGKILL": "memory-runs-out",
    **dict.fromkeys(("SIGTERM", "SIGINT", "SIGHUP"), "a-job-is-ended-from-outside"),
    "SIGXCPU": "a-job-runs-out-of-time",
}
SLURM_ENDS = {
    "OUT_OF_MEMORY": "memory-runs-out",
    "TIMEOUT": "a-job-runs-out-of-time",
    **dict.fromkeys(("CANCELLED", "NODE_FAIL", "PREEMPTED"), "a-job-is-ended-from-outside"),
}
WILDCARDS = {"arm": "", "r": "round ", "m": "member ", "b": "batch ", "k": "trajectory ", "run": "run ", "s": "seed "}


def sentence_of(error: BaseException) -> str:
    """What happened, in one line; with the error's class where the text alone says too little."""
    text = textwrap.shorten(str(error), LENGTH, placeholder=" ...")
    plain = isinstance(error, ValueError | RuntimeError | OSError | ImportError) and text
    return text if plain else ": ".join(filter(None, (type(error).__name__, text)))


def entry_of(error: BaseException, rule: str, folders: Iterable[str | Path] = ()) -> str:
    """The entry of docs/troubleshooting.md about an error.

    Args:
        error: and what caused it.
        rule: that met it.
        folders: where it writes; on a full disk some libraries raise errors that do not say so.
    """
    for each in _with_causes(error):
        if entry := _known(each):
            return entry
    if any(_is_full(folder) for folder in folders):
        return "the-disk-is-full"
    return TASKS[rule].entry if foreseen(error) and rule in TASKS else "something-else"


def foreseen(error: BaseException) -> bool:
    """Whether the error's text is meant for a user; any other is a fault of the program."""
    kinds = (
        Fault,
        KeyboardInterrupt,
        ValueError,
        RuntimeError,
        OSError,
        MemoryError,
        ImportError,
        sqlite3.Error,
        *DAMAGED,
    )
    return isinstance(error, kinds)


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    each: BaseException | None = error
    while each:
        yield each
        each = each.__cause__


def _known(error: BaseException) -> str:
    """The entry that the class of an error tells, empty where it tells none."""
    if isinstance(error, Fault):
        return error.entry
    if is_out_of_memory(error):
        return "memory-runs-out"
    if entry := entry_of_code(getattr(error, "errno", None)):
        return entry
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return "the-disk-is-full"
    if isinstance(error, ImportError):
        return "a-package-or-program-is-missing"
    if isinstance(error, DAMAGED):
        return "a-file-is-damaged"
    return "no-gpu" if isinstance(error, _of_torch("AcceleratorError")) else ""


def entry_of_code(code: int | None) -> str:
    """The entry about an error number of the system, empty where there is none."""
    if code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "the-disk-is-full"
    return "no-permission" if code in (errno.EACCES, errno.EPERM, errno.EROFS) else ""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, of the machine or the GPU; on a CPU torch has no class for it."""
    text = str(error).lower()
    told = isinstance(error, RuntimeError) and any(
        words in text for words in ("out of memory", "can't allocate memory", "bad_alloc")
    )
    of_its_class = isinstance(error, (MemoryError, *_of_torch("OutOfMemoryError")))
    return told or of_its_class or getattr(error, "errno", None) == errno.ENOMEM


def _of_torch(name: str) -> tuple[type, ...]:
    """An exception of torch's own, where torch is in use: it is slow to import."""
    kind = getattr(sys.modules.get("torch"), name, None)
    return (kind,) if kind else ()


def _is_full(folder: str | Path) -> bool:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize < ROOM


def message(rule: str, sentence: str, entry: str, wildcards: Mapping[str, str], log: str | Path) -> str:
    """All that a user is told, several lines."""
    where = ", ".join(f"{name}{wildcards[key]}" for key, name in WILDCARDS.items() if key in wildcards)
    lines = [f"{STOPPED.format(rule=rule)}: {sentence}"]
    if rule in TASKS:
        lines.append(f"  It was {TASKS[rule].doing}{f' ({where})' if where else ''}.")
    last = last_lines(log)
    lines.append(f"  Its log is {log}{', and ends with' if last else '.'}")
    lines += [f"    | {line}" for line in last]
    return "\n".join([*lines, *advice(entry)])


def advice(entry: str) -> list[str]:
    """What to try next, and the link to the entry."""
    return [f"  Next: {NEXT[entry]}", f"  More: {GUIDE}#{entry}"]


def last_lines(log: str | Path) -> list[str]:
    """The last lines of a job's log but for what this module wrote there; none where there is no log."""
    return [line[:LENGTH] for line in end_of(log).split(BELOW)[0].splitlines() if line.strip()][-LINES:]


def end_of(log: str | Path, size: int = END) -> str:
    """The last part of a log, `size` bytes of it at most; empty where there is none."""
    try:
        with Path(log).open("rb") as stream:
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - size))
            return stream.read(size).decode("utf-8", errors="replace")
    except OSError:
        return ""


def silent_death(rule: str, log: str, status: int | None, remark: str) -> str:
    """What is told of a job that could not tell it itself: it was killed, or crashed.

    Args:
        rule: of the job.
        log: its log.
        status: with which its process ended: a negative one is a signal, and so are those above 128 of a shell.
        remark: of the executor, such as SLURM's.
    """
    number = -status if status and status < 0 else status - 128 if status and status > 128 else 0
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = ""
    ends = [word for word in SLURM_ENDS if word in remark]
    entry = SLURM_ENDS[ends[0]] if ends else SIGNALS.get(name, "a-job-crashes" if name else "something-else")
    if name == "SIGKILL":
        sentence = "it was killed (SIGKILL), most often because memory ran out"
    elif name:
        sentence = f"it was ended by {name}"
    else:
        sentence = remark.strip() or "it ended without a word; what it printed, if anything, stands above"
    return message(rule, sentence, entry, {}, log)


def told_in(log: str | Path, rule: str) -> str:
    """The message that a job left in its log; empty where it left none."""
    text = end_of(log)
    start = text.rfind(f"{STOPPED.format(rule=rule)}: ")
    return text[start:].rstrip() if start >= 0 else ""
