"""The frame around a script: what the log holds, what the terminal shows, and that no device is swapped in silence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ouroboros import faults
from ouroboros.job import claimed_device

LIBRARY = Path(__file__).parents[2] / "workflow_scripts"
SCRIPT = """
import os, sys
from types import SimpleNamespace
from ouroboros.job import start

snakemake = SimpleNamespace(
    rule="train", log=["logs/deep/train.log"], params={params}, threads=1, resources={{"mem_mb": 1000}},
    output=["out/model.pt"], wildcards={{"arm": "start-42", "r": "0", "m": "1"}},
)
print("before")
with start(snakemake) as job:
{body}
print("after")
"""


@pytest.fixture
def run(tmp_path):
    """Run a script whose body stands in `start`; gives the finished process and the text of its log."""

    def run(*body, device="cpu", log="logs/deep/train.log", **environment):
        params = {} if device is None else {"device": device}
        script = tmp_path / "script.py"
        script.write_text(
            SCRIPT.format(params=params, body="\n".join(f"    {line}" for line in body)), encoding="utf-8"
        )
        environment = {**os.environ, "PYTHONPATH": str(LIBRARY), "PYTHONIOENCODING": "utf-8", **environment}
        process = subprocess.run(
            [sys.executable, "script.py"], cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8"
        )
        return process, log and (tmp_path / log).read_text(encoding="utf-8")

    return run


def test_all_output_is_in_the_log_that_of_compiled_code_too(run):
    process, log = run(
        'print("from print")',
        'print("to stderr", file=sys.stderr)',
        'os.write(1, b"from C\\n")',
        'os.write(2, b"C errors\\n")',
        'os.system("echo from a child")',
    )
    assert process.returncode == 0
    for words in ("from print", "to stderr", "from C", "C errors", "from a child"):
        assert words in log
    assert process.stderr == ""
    assert process.stdout.splitlines() == ["before", "after"]


def test_a_script_leaves_without_clean_up_but_with_what_is_registered_for_its_end(run):
    process, _ = run(
        "import atexit",
        'atexit.register(print, "at exit")',
        "kept = type('Kept', (), {'__del__': lambda self: os.write(1, b'cleaned up')})()",
        "kept.itself = kept",
    )
    assert process.returncode == 0 and process.stdout.splitlines() == ["before", "after", "at exit"]


def test_an_error_after_the_body_is_not_hidden(run):
    process, _ = run("pass\n1 / 0")
    assert process.returncode == 1 and "ZeroDivisionError" in process.stderr


def test_what_is_said_stands_on_the_terminal_and_in_the_log(run):
    process, log = run('job.say("round 3: 40.1 meV/Å")')
    assert process.stderr == "round 3: 40.1 meV/Å\n"
    assert log == "round 3: 40.1 meV/Å\n"


@pytest.mark.parametrize(
    "error", ["ValueError('the label 7 is bad')", "RuntimeError('the label 7 is bad')", "OSError('the label 7 is bad')"]
)
def test_a_foreseeable_failure_is_told_in_words_and_the_traceback_is_in_the_log(run, error):
    process, log = run('print("reading")', f"raise {error}")
    assert process.returncode == 1
    assert process.stderr.splitlines() == [
        "Rule train stopped: the label 7 is bad",
        "  It was training a member of the committee (start-42, round 0, member 1).",
        "  Its log is logs/deep/train.log, and ends with",
        "    | reading",
        f"  Next: {faults.NEXT['a-training-stops']}",
        "  More: docs/troubleshooting.md#a-training-stops",
    ]
    assert "Traceback" in log and "script.py" in log
    assert log.splitlines()[0] == "reading"
    assert log.endswith(process.stderr)  # for whoever reads it on another machine
    assert "after" not in process.stdout


def test_a_bug_is_named_and_its_traceback_stands_on_the_terminal_and_in_the_log(run):
    """The log is what the user is sent to, whatever went wrong."""
    process, log = run('{}["forgotten"]')
    assert process.returncode == 1
    assert process.stderr.startswith("Rule train stopped: KeyError: 'forgotten'\n")
    assert "    | KeyError: 'forgotten'" in process.stderr and "script.py" in process.stderr
    assert "#something-else" in process.stderr
    assert "Traceback" in log and "KeyError: 'forgotten'" in log


FAULTS = {  # what a script may meet, and the entry that tells what to do
    "memory": ("import numpy; numpy.ones(10**14)", "memory-runs-out"),
    "memory of torch": ("import torch; torch.ones(10**14)", "memory-runs-out"),
    "disk": ("import errno; raise OSError(errno.ENOSPC, 'No space left on device')", "the-disk-is-full"),
    "a file too large": (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536)); open('large', 'wb').write(bytes(10**6))",
        "the-disk-is-full",
    ),
    "database": (
        "import sqlite3; db = sqlite3.connect(':memory:'); db.execute('pragma max_page_count = 1'); "
        "db.execute('create table t (x)')",
        "the-disk-is-full",
    ),
    "permission": ("raise PermissionError(13, 'Permission denied', 'reference.db')", "no-permission"),
    "package": ("import no_such_package", "a-package-or-program-is-missing"),
    "damaged": (
        "open('x.npz', 'wb').write(b'PK\\x03\\x04'); import zipfile; zipfile.ZipFile('x.npz')",
        "a-file-is-damaged",
    ),
    "caused": (
        "try: import no_such_package\n    except ImportError as error: raise ValueError('no oracle') from error",
        "a-package-or-program-is-missing",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_has_a_next_step_and_no_traceback(run, fault):
    body, entry = FAULTS[fault]
    process, log = run(body)
    assert process.returncode == 1
    lines = process.stderr.splitlines()
    assert lines[0].startswith("Rule train stopped: ") and lines[0] != "Rule train stopped: "
    assert lines[-2:] == [f"  Next: {faults.NEXT[entry]}", f"  More: docs/troubleshooting.md#{entry}"]
    assert "Traceback" not in process.stderr and "Traceback" in log


def test_an_interruption_says_nothing_as_snakemake_does(run):
    process, log = run(
        "import signal, time",
        "signal.signal(signal.SIGINT, signal.default_int_handler)",  # a shell has what it starts with & ignore it
        'print("reading")',
        "os.kill(os.getpid(), signal.SIGINT)",
        "time.sleep(9)",
    )
    assert process.returncode == 130 and process.stderr == ""
    assert "KeyboardInterrupt" in log


def test_a_full_disk_is_told_though_nothing_can_be_written(run, tmp_path):
    """The log too is on it."""
    (tmp_path / "logs/deep").mkdir(parents=True)
    (tmp_path / "logs/deep/train.log").symlink_to("/dev/full")
    process, _ = run('print("reading", flush=True)', log=None)
    assert process.returncode == 1
    assert process.stderr.startswith("Rule train stopped: [Errno 28] No space left on device\n")
    assert "#the-disk-is-full" in process.stderr and "Traceback" not in process.stderr


def test_an_older_log_is_replaced(run):
    run('print("first try")')
    _, log = run('print("second try")')
    assert log == "second try\n"


def test_threads_are_set_before_the_libraries_load(run):
    _, log = run("import torch", "print(torch.get_num_threads())", OMP_NUM_THREADS="2")
    assert log.splitlines()[-1] == "1"


def test_a_script_without_a_device_runs_on_the_cpu(run):
    _, log = run("print(job.device)", device=None)
    assert log == "cpu\n"


def test_cuda_without_a_gpu_is_a_sentence_and_the_body_never_runs(run):
    process, log = run('print("trained on the CPU after all")', device="cuda", CUDA_VISIBLE_DEVICES="")
    assert process.returncode == 1
    assert process.stderr.startswith("Rule train stopped: config key 'device' is cuda, but no GPU can be used here")
    assert "set device: cpu" in process.stderr
    assert "trained on the CPU" not in log


def test_a_gpu_is_held_before_torch_is_asked_and_the_log_says_which(run, tmp_path):
    process, log = run("pass", device="cuda", CUDA_VISIBLE_DEVICES="7", TMPDIR=str(tmp_path))
    assert process.stderr.splitlines()[0] == "runs on GPU 7"
    assert "CUDA_VISIBLE_DEVICES is 7" in log


def test_cpu_is_cpu():
    with claimed_device("cpu", print) as device:
        assert device == "cpu"


@pytest.mark.parametrize("device", ["cuda:0", "gpu", "CUDA"])
def test_a_device_it_does_not_know_is_refused_and_not_swapped_for_the_cpu(device):
    with pytest.raises((ValueError, RuntimeError), match=device), claimed_device(device, print):
        pass
