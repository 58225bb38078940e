"""A process beside the job that computes its labels, so that no crash and no endless SCF costs more than one label."""

import multiprocessing
import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any

from ase import Atoms

from .claims import Claims
from .faults import Fault, entry_of_code
from .label_store import LabelStore, label_key
from .oracles import Label, Oracle, make_oracle

CRASHED, TIME_LIMIT = "crashed", "time_limit"
WAIT_S = 1.0  # before asking again for a label that another process computes


class StoreUnusable(Fault, RuntimeError):
    """Labels cannot be kept, so that none is computed; its entry is that of the system's error."""

    def __init__(self, sentence: str, code: int | None):
        super().__init__(sentence, code)
        self.entry = entry_of_code(code) or self.entry

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class Outcome:
    """What came of one structure: its label, whether it was there already, and what befell the process, if anything."""

    label: Label
    from_store: bool = False
    fault: str = ""


class LabelWorker:
    """Computes labels one at a time in a process of its own, which stores each before it reports it.

    The process has its own group, so that a program that it started ends with it. It outlives a job that is killed
    by no more than the label that it is at, which is stored and so not lost.
    """

    def __init__(self, settings: dict[str, Any], store: LabelStore, time_limit_s: float):
        """Nothing runs until the first label.

        Args:
            settings: for `make_oracle`.
            store: gets each label; scratch folders of failed labels stay in its folder `scratch`.
            time_limit_s: wall time of one label, s.
        """
        self._settings, self._folder, self._time_limit_s = settings, store.folder.resolve(), time_limit_s
        self._process: Any = None

    def __enter__(self) -> "LabelWorker":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End the process and all that it started."""
        self._end()

    def label(self, atoms: Atoms, key: str) -> Outcome | None:
        """Compute and store one label; None when another process is at it.

        A process that dies or takes too long gives a failed label that may be tried again, with its `fault`.

        Raises:
            ValueError: of `make_oracle`.
        """
        start = time.perf_counter()
        if self._process is None:
            self._begin()
        try:
            self._pipe.send((atoms, key))
            if self._pipe.poll(self._time_limit_s):
                answer = self._pipe.recv()
                if isinstance(answer, Exception):
                    raise answer
                return answer
            fault, message = TIME_LIMIT, f"took longer than labels.time_limit_s ({self._time_limit_s:g} s)"
        except (EOFError, ConnectionError):  # nobody is at the other end
            self._process.join()
            fault, message = CRASHED, _cause(self._process.exitcode or 0)
        self._end()
        seconds = time.perf_counter() - start
        return Outcome(Label.failed(len(atoms), "", seconds, message, reusable=False), fault=fault)

    def _begin(self) -> None:
        # a forked process has the oracle's library loaded already; macOS forbids forking with its own libraries in use
        context: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._pipe, self._settings, self._folder))
        self._process.start()
        self._group: int = self._process.pid
        theirs.close()  # or its end would not be seen

    def _end(self) -> None:
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._group, signal.SIGKILL)
        self._process.kill()  # in case it has not come to its own group yet
        self._process.join()
        self._pipe.close()
        self._process = None


class StoredOracle:
    """An oracle whose labels come from the store, or from a worker that puts them there; see `oracles.Oracle`."""

    def __init__(self, oracle: Oracle, store: LabelStore, worker: LabelWorker):
        self._store, self._worker = store, worker
        self.settings, self.level_of_theory, self.citation = oracle.settings, oracle.level_of_theory, oracle.citation
        self.refusal, self.calculator = oracle.refusal, oracle.calculator

    def label(self, atoms: Atoms) -> Label:
        """The label of `atoms`; waits where another process is at it."""
        key = label_key(atoms, self.settings)
        label = self._store.get(key)
        while label is None:
            outcome = self._worker.label(atoms, key)
            if outcome is None:
                time.sleep(WAIT_S)
            else:
                label = outcome.label
        return label


def _serve(pipe: Connection, other_end: Connection, settings: dict[str, Any], folder: Path) -> None:
    """In the process: compute what comes through the pipe until nobody is at its other end."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the job's to answer
    other_end.close()  # or the job's death would not be seen
    with suppress(EOFError, ConnectionError):
        try:
            oracle = make_oracle(settings)
        except Exception as error:
            pipe.recv()
            pipe.send(error)
            return
        store, claims = LabelStore(folder), Claims()
        while True:
            atoms, key = pipe.recv()
            try:
                answer: Outcome | StoreUnusable | None = _compute(oracle, store, claims, atoms, key)
            except OSError as error:  # the store's fault, not the oracle's: no label is safe
                answer = StoreUnusable(
                    f"the label store {store.folder} cannot be used ({error.strerror or error}): make room or mend its "
                    "permissions, and run again; labels that are stored are kept",
                    error.errno,
                )
            pipe.send(answer)


def _compute(oracle: Oracle, store: LabelStore, claims: Claims, atoms: Atoms, key: str) -> Outcome | None:
    """The label of `atoms`, computed unless it is there; None when another process is at it."""
    with claims.held(store.claim(key)) as mine:
        if not mine:
            return None
        label = store.get(key)  # another's claim may have ended since the job looked
        if label is not None:
            return Outcome(label, from_store=True)
        label = _in_scratch(oracle, atoms, store.folder / "scratch" / f"{key[:16]}_{os.getpid()}")
        store.put(key, atoms, label, oracle.settings)
        return Outcome(label)


def _in_scratch(oracle: Oracle, atoms: Atoms, scratch: Path) -> Label:
    """Label with `scratch` as working folder: codes that write files find it empty; it stays where they failed."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    home = Path.cwd()
    os.chdir(scratch)
    try:
        label = oracle.label(atoms)
    finally:
        os.chdir(home)
    if label.converged or not any(scratch.iterdir()):
        shutil.rmtree(scratch, ignore_errors=True)
    return label


def _cause(exitcode: int) -> str:
    if exitcode == -signal.SIGKILL:
        return "the oracle's process was killed (SIGKILL), most often because memory ran out"
    if exitcode < 0:
        return f"the oracle's process died of {signal.Signals(-exitcode).name}"
    return f"the oracle's process ended by itself with exit code {exitcode}"
