"""Claims: one holder at a time, and the dead hold nothing."""

import json
import os
import subprocess
import sys
import time

import pytest

from ouroboros.claims import Claims

HOLDER = """
import sys, time
from pathlib import Path
from ouroboros.claims import Claims
with Claims().held(Path(sys.argv[1])) as mine:
    print(mine, flush=True)
    time.sleep(1000)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ab" / "abc.claim"


def hold(path):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "True\n"
    return holder


def test_one_holder_at_a_time(path):
    with Claims().held(path) as first, Claims().held(path) as second:
        assert first and not second
    assert not path.exists()
    with Claims().held(path) as again:
        assert again


def test_a_failure_in_the_body_gives_the_claim_back(path):
    with pytest.raises(RuntimeError), Claims().held(path):
        raise RuntimeError
    assert not path.exists()


def test_a_holder_that_was_killed_holds_nothing(path):
    holder = hold(path)
    with Claims().held(path) as mine:
        assert not mine
    holder.kill()
    os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)  # dead, and a zombie still
    with Claims().held(path) as mine:
        assert mine
    holder.wait()


def test_claims_of_the_dead_are_cleared_and_those_of_the_living_are_not(path):
    Claims().clear(path)  # none is there
    holder = hold(path)
    Claims().clear(path)
    assert path.exists()
    holder.kill()
    holder.wait()
    Claims().clear(path)
    assert not list(path.parent.iterdir())


def test_a_number_used_by_a_later_process_is_another_holder(path):
    holder = hold(path)
    claim = json.loads(path.read_text())
    holder.kill()
    holder.wait()
    other = subprocess.Popen(["sleep", "100"])
    path.write_text(json.dumps({**claim, "pid": other.pid}))
    with Claims().held(path) as mine:
        assert mine
    other.kill()
    other.wait()


def test_a_holder_on_another_machine_has_to_show_signs_of_life(path):
    path.parent.mkdir()
    path.write_text(json.dumps({"host": "elsewhere", "pid": 1, "birth": "1"}))
    claims = Claims(stale_s=0.3)
    for _ in range(4):
        time.sleep(0.15)
        path.touch()
        with claims.held(path) as mine:
            assert not mine
    time.sleep(0.4)
    with claims.held(path) as mine:
        assert mine


def test_a_claim_that_was_taken_over_is_left_to_its_new_holder(path):
    with Claims().held(path):
        path.write_text(json.dumps({"host": "elsewhere", "pid": 1, "birth": "1"}))
    assert path.exists()


def test_a_holder_shows_signs_of_life(path):
    with Claims(alive_every_s=0.05).held(path):
        first = path.stat().st_mtime_ns
        time.sleep(0.3)
        assert path.stat().st_mtime_ns > first


def test_an_empty_claim_is_one_whose_writer_died(path):
    path.parent.mkdir()
    path.touch()
    claims = Claims(stale_s=0.05)
    with claims.held(path) as mine:
        assert not mine  # it may be about to write
    time.sleep(0.1)
    with claims.held(path) as mine:
        assert mine


RACER = """
import sys, time
from pathlib import Path
from ouroboros.claims import Claims
claims, log = Claims(), Path(sys.argv[2])
while not log.with_name("enough").exists():
    with claims.held(Path(sys.argv[1])) as mine:
        if mine:
            with log.open("a") as file:
                file.write(f"in {sys.argv[3]}\\n")
            time.sleep(0.002)
            with log.open("a") as file:
                file.write(f"out {sys.argv[3]}\\n")
"""


def test_racing_processes_never_hold_it_together(path, tmp_path):
    log = tmp_path / "log"
    racers = [subprocess.Popen([sys.executable, "-c", RACER, str(path), str(log), name]) for name in "abc"]
    while not log.exists() or len(set(log.read_text().split())) < 5:  # all three had it
        time.sleep(0.05)
    time.sleep(0.5)
    (tmp_path / "enough").touch()  # a racer killed while it holds would hand over to the next without its "out"
    assert [racer.wait() for racer in racers] == [0, 0, 0]
    lines = log.read_text().splitlines()
    assert len(lines) > 20
    for begin, end in zip(lines[::2], lines[1::2], strict=False):
        assert begin.startswith("in") and end == begin.replace("in", "out")
