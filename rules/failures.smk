"""What Snakemake alone can tell: of jobs that died without a word or on another machine, and of the lock."""

import logging
import os
import re

from snakemake.logging import logger
from snakemake_interface_logger_plugins.common import LogEvent

from ouroboros import faults

ENDED = r"CalledProcessError.*(?:exit status (\d+)|died with <Signals.\w+: (\d+)>)"


class Failures(logging.Filter):
    """Sees all that Snakemake logs, adds what a user can use, and takes away what tells nobody anything."""

    def __init__(self):
        super().__init__()
        self.logs = {}  # by job: when its log was written, before it began
        self.statuses = {}  # by thread: with which status a script has just ended
        self.table = ""

    def filter(self, record):
        """Whether the record is shown."""
        event = getattr(record, "event", None)
        if event == LogEvent.JOB_INFO:
            self.logs[record.jobid] = [written(log) for log in record.log]
        elif event == LogEvent.JOB_ERROR:
            self.tell(record)
        elif event == LogEvent.RUN_INFO:  # a dry run has the table of jobs twice
            shown, self.table = self.table, str(record.msg)
            return self.table != shown
        elif event == LogEvent.ERROR and record.exception == "LockException":
            record.msg = "\n".join([record.msg, *faults.advice("the-folder-is-locked")])
        elif event == LogEvent.ERROR and record.exception == "RuleException":
            ended = re.search(ENDED, record.msg, re.DOTALL)
            if ended:  # of a script: what it had to say is told, and the name of its temporary file tells nothing
                self.statuses[record.thread] = int(ended[1]) if ended[1] else -int(ended[2])
                return False
        return True

    def tell(self, record):
        """Tell what a job could not: it has not, or its terminal was that of another machine."""
        status = self.statuses.pop(record.thread, None)
        log = record.log[0] if record.log else ""
        fresh = log and written(log) != (self.logs.get(record.jobid) or [None])[0]
        told = faults.told_in(log, record.rule_name) if fresh else ""
        if told and not record.aux:
            return
        logger.error(told or faults.silent_death(record.rule_name, log, status, record.rule_msg or ""))


def written(log):
    """When a file was written last, None where there is none."""
    return os.stat(log).st_mtime_ns if os.path.exists(log) else None


for earlier in [each for each in logger.filters if type(each).__name__ == "Failures"]:
    logger.removeFilter(earlier)
logger.addFilter(Failures())
