"""An executor for Snakemake whose jobs take a time and leave empty files: a cluster to try the scheduler on.

`PRETEND_CLUSTER` holds JSON: `seconds` of a job by rule, `rest` of all others, `local_cores` that local rules share.
A line a finished job goes to `PRETEND_CLUSTER_LOG`: rule; when it was handed over, began, and had ended.
"""

import heapq
import json
import os
import threading
import time
from pathlib import Path

from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.real import RealExecutor
from snakemake_interface_executor_plugins.jobs import JobExecutorInterface
from snakemake_interface_executor_plugins.settings import CommonSettings, ExecMode

common_settings = CommonSettings(non_local_exec=False, implies_no_shared_fs=False, job_deploy_sources=False)


class Executor(RealExecutor):
    """Jobs end when their time is over; local rules queue for few cores, as on the node where Snakemake runs."""

    def __post_init__(self) -> None:
        told = json.loads(os.environ["PRETEND_CLUSTER"])
        self.seconds, self.rest = told["seconds"], told["rest"]
        self.free = [0.0] * told["local_cores"]
        self.log = Path(os.environ["PRETEND_CLUSTER_LOG"]).open("w", encoding="utf-8")  # noqa: SIM115  closed by shutdown
        self.running: list[tuple[float, int, float, float, SubmittedJobInfo]] = []
        self.count, self.on, self.changed = 0, True, threading.Condition()
        self.clock = threading.Thread(target=self.end_jobs, daemon=True)
        self.clock.start()

    def run_job(self, job: JobExecutorInterface) -> None:
        """Hand a job over."""
        handed = begin = time.monotonic()
        if job.rule.name in self.workflow._localrules:
            begin = max(begin, heapq.heappop(self.free))
        end = begin + self.seconds.get(job.rule.name, self.rest)
        told = SubmittedJobInfo(job)
        self.report_job_submission(told)
        with self.changed:
            if job.rule.name in self.workflow._localrules:
                heapq.heappush(self.free, end)
            self.count += 1
            heapq.heappush(self.running, (end, self.count, handed, begin, told))
            self.changed.notify()

    def end_jobs(self) -> None:
        """Write the files of each job whose time is over, and say so."""
        while self.on:
            with self.changed:
                wait = self.running[0][0] - time.monotonic() if self.running else 1.0
                if wait > 0:
                    self.changed.wait(wait)
                    continue
                _, _, handed, begin, told = heapq.heappop(self.running)
            for file in [*told.job.output, *([told.job.benchmark] if told.job.benchmark else [])]:
                Path(file).parent.mkdir(parents=True, exist_ok=True)
                Path(file).touch()
            self.log.write(f"{told.job.rule.name} {handed} {begin} {time.monotonic()}\n")
            self.report_job_success(told)

    # What follows is not asked, as no job starts another Snakemake.
    cores = 1

    def get_python_executable(self) -> str:
        """Not asked."""
        raise NotImplementedError

    def get_exec_mode(self) -> ExecMode:
        """Not asked."""
        raise NotImplementedError

    def cancel(self) -> None:
        """End at once."""
        self.shutdown()

    def shutdown(self) -> None:
        """Stop the clock."""
        self.on = False
        with self.changed:
            self.changed.notify()
        self.clock.join()
        self.log.close()
