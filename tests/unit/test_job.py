"""The frame around a script: what the log holds, what the terminal shows, and that no device is swapped in silence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ouroboros.job import claimed_device

LIBRARY = Path(__file__).parents[2] / "workflow_scripts"
SCRIPT = """
import os, sys
from types import SimpleNamespace
from ouroboros.job import start

snakemake = SimpleNamespace(
    rule="train", log=["logs/deep/train.log"], params={params}, threads=1, resources={{"mem_mb": 1000}}
)
print("before")
with start(snakemake) as job:
{body}
print("after")
"""


@pytest.fixture
def run(tmp_path):
    """Run a script whose body stands in `start`; gives the finished process and the text of its log."""

    def run(*body, device="cpu", **environment):
        params = {} if device is None else {"device": device}
        script = tmp_path / "script.py"
        script.write_text(
            SCRIPT.format(params=params, body="\n".join(f"    {line}" for line in body)), encoding="utf-8"
        )
        environment = {**os.environ, "PYTHONPATH": str(LIBRARY), "PYTHONIOENCODING": "utf-8", **environment}
        process = subprocess.run(
            [sys.executable, "script.py"], cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8"
        )
        return process, (tmp_path / "logs/deep/train.log").read_text(encoding="utf-8")

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


def test_what_is_said_stands_on_the_terminal_and_in_the_log(run):
    process, log = run('job.say("round 3: 40.1 meV/Å")')
    assert process.stderr == "round 3: 40.1 meV/Å\n"
    assert log == "round 3: 40.1 meV/Å\n"


@pytest.mark.parametrize(
    "error", ["ValueError('the label 7 is bad')", "RuntimeError('the label 7 is bad')", "OSError('the label 7 is bad')"]
)
def test_a_foreseeable_failure_is_one_sentence_and_the_traceback_is_in_the_log(run, error):
    process, log = run('print("reading")', f"raise {error}")
    assert process.returncode == 1
    first, second = process.stderr.splitlines()
    assert first == "Rule train stopped: the label 7 is bad"
    assert second == f"The whole story is in {Path('logs/deep/train.log')}."
    assert "Traceback" in log and "script.py" in log
    assert log.splitlines()[0] == "reading"
    assert log.splitlines()[-1] == first
    assert "after" not in process.stdout


def test_a_bug_shows_its_traceback_and_is_in_the_log_too(run):
    """The log is what the user is sent to, whatever went wrong."""
    process, log = run('{}["forgotten"]')
    assert process.returncode == 1
    assert "KeyError: 'forgotten'" in process.stderr
    assert "KeyError: 'forgotten'" in log


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
