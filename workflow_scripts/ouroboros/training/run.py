"""One try at a training, from the state that was kept where there is one."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from .. import seeds
from ..epochs import number_of_epochs
from ..graphs import GraphLoader
from .checks import label_rms, overfitting, still_falling, weighted_sizes
from .compiled import CompiledStep, reason_not_to_compile
from .course import Course
from .force_matching import ForceMatching
from .prepare import Start
from .trainer import count_batches_anew, make_trainer

VALIDATION_BATCH = 64  # frames at a time; as many as in a part of a step where memory is short


class Run:
    """One try at a training."""

    def __init__(
        self,
        start: Start,
        training: dict[str, Any],
        seed: int,
        device: str,
        course: Course,
        keep_every_s: float,
        clock: Callable[[], float],
    ):
        order, parts = seeds.integer(seed, "batches"), training["accumulation"]
        self.loader = GraphLoader(start.graphs, training["batch_size"], order, parts)
        at_once = self.loader.frames_at_once
        size = max(at_once, VALIDATION_BATCH) if training["accumulation"] == 1 else at_once
        self.validation = GraphLoader(start.validation, size)
        self.epochs = number_of_epochs(training, self.loader.steps)
        self.start, self.training, self.device, self.course = start, training, device, course
        steps = self.epochs * self.loader.steps
        ignorant = sum(weighted_sizes(start.graphs, training).values()) or float("inf")
        self.task = ForceMatching(start.model.train(), training, steps, ignorant, clock=clock)
        self.not_compiled = reason_not_to_compile(training, device, steps)
        self.compile_seconds: float | None = None
        self.keep_every_s = keep_every_s

    def go(self, tensorboard: str | Path | None) -> None:
        """Train to the end, from the state that was kept where there is one, and take up the best epoch's weights."""
        if not self.not_compiled:
            self._compile()
        resumed = self.course.state if self.course.state.exists() else None
        if resumed:
            count_batches_anew(resumed, len(self.loader))
        self.trainer = make_trainer(
            self.training, self.device, self.epochs, self.loader.parts, self.course, self.keep_every_s, tensorboard
        )
        self.trainer.fit(self.task, self.loader, self.validation, ckpt_path=resumed, weights_only=False)
        best = torch.load(self.course.best, map_location="cpu", weights_only=False)
        self.task.load_state_dict(best["state_dict"])
        self.best_epoch = int(best["epoch"])

    def _compile(self) -> None:
        cutoff = float(self.task.model.representation.cutoff)
        step = CompiledStep(self.task, self.loader.frames_at_once, *self.loader.largest(self.epochs), cutoff)
        began, default = time.perf_counter(), torch.get_default_dtype()
        torch.set_default_dtype(next(self.task.model.parameters()).dtype)  # as Lightning does in double precision
        print("compiling the step ...", flush=True)
        try:
            step(next(iter(self.loader)))
        except Exception as error:  # of the compiler, in a variety that torch does not promise
            self.not_compiled = f"the compiler failed ({type(error).__name__})"
            print(f"the step is not compiled: {error}", flush=True)
            return
        finally:
            torch.set_default_dtype(default)
        self.task.step, self.compile_seconds = step, time.perf_counter() - began
        print(f"compiled in {self.compile_seconds:.0f} s", flush=True)

    def summary(self) -> dict[str, Any]:
        """How the training went."""
        history, training = self.task.history, self.training
        chosen = next(row for row in history if row["epoch"] == self.best_epoch)
        stopped_early = self.trainer.current_epoch < self.epochs
        warning = overfitting(history, self.best_epoch)
        unfinished = still_falling(history, self.best_epoch, training["schedule"])
        return {
            "frames": {"train": len(self.start.graphs), "validation": len(self.start.validation)},
            "labels": label_rms(self.start.graphs),
            "best_epoch": self.best_epoch,
            "epochs": self.trainer.current_epoch,
            "steps": self.trainer.global_step,
            "stop_reason": "validation loss stalled" if stopped_early else "all epochs done",
            "validation": {
                name.removeprefix("val_"): float(value) for name, value in chosen.items() if name.startswith("val_")
            },
            "overfitting": bool(warning),
            "warnings": [sentence for sentence in (warning, unfinished) if sentence],
            "learning_rate": training["learning_rate"],
            "parts_of_a_step": self.loader.parts,
            "compile_s": self.compile_seconds,
            "not_compiled_because": self.not_compiled or None,
            "parameters": sum(p.numel() for p in self.task.model.parameters()),
        }
