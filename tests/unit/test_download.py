"""Published reference data over real sockets: resumed, checked, unpacked, and one plain sentence for each fault."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from file_server import Site
from published_files import CONTENT, SPLITS, WANTED, files, rmd17_members, sentence, sgdml_arrays, sgdml_file, write_tar

from ouroboros.reference import transfer
from ouroboros.reference.catalogue import published
from ouroboros.reference.download import fetch, unpack

HASH = hashlib.sha256(CONTENT).hexdigest()
OTHER = "0" * 64


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setattr(transfer, "PAUSE_S", 0.001)
    site = Site(CONTENT)
    yield site
    site.close()


@pytest.fixture
def get(tmp_path):
    """`fetch` into a folder of downloads; `get.told` is what it reported."""

    def get(url, **settings):
        settings = {"sha256": None, "retries": 2, "timeout_s": 20.0, "report": get.told.append} | settings
        return fetch(url, tmp_path / "downloads" / "file.npz", **settings)

    get.told, get.target = [], tmp_path / "downloads" / "file.npz"
    get.part = get.target.with_name("file.npz.part")
    return get


# --- fetching ----------------------------------------------------------------------------------------------------


def test_a_file_comes_once_and_is_there_from_then_on(site, get):
    first = get(site.url)
    assert first.path.read_bytes() == CONTENT and (first.sha256, first.n_bytes) == (HASH, len(CONTENT))
    assert not first.from_cache and files(get.target.parent) == ["file.npz", "file.npz.json"]
    record = json.loads((get.target.parent / "file.npz.json").read_text())
    assert (record["url"], record["sha256"], record["bytes"]) == (site.url, HASH, len(CONTENT))
    assert record["downloaded_utc"].endswith("+00:00")
    again = get(site.url, sha256=HASH)
    assert again.from_cache and again.url == site.url and again.sha256 == HASH
    assert site.log == [(None, len(CONTENT))]


@pytest.mark.parametrize("at", [1, 123_456, len(CONTENT) - 1])
def test_a_broken_download_goes_on_where_it_broke(site, get, at):
    site.faults.append(("cut", at))
    assert get(site.url).path.read_bytes() == CONTENT
    assert site.log == [(None, at), (f"bytes={at}-", len(CONTENT) - at)]
    assert any(f"{at:,} of 400,000 bytes" in line for line in get.told)


def test_a_redirection_is_followed_and_continued(site, get):
    # as from figshare to its storage, whose address is another one each time
    def elsewhere(i):
        return ("status", 302, {"Location": f"{site.url}?signature={i}"})

    site.faults.extend([elsewhere(1), ("cut", 150_000), elsewhere(2)])
    assert get(site.url).path.read_bytes() == CONTENT
    assert site.log[1:] == [(None, 150_000), ("bytes=150000-", 0), ("bytes=150000-", 250_000)]


def test_a_stall_is_a_failed_try_and_what_came_is_kept(site, get):
    site.faults.append(("stall", 100_000))
    assert get(site.url, timeout_s=0.3).sha256 == HASH
    assert site.log[1] == ("bytes=100000-", 300_000)
    assert any("nothing came for 0.3 s" in line for line in get.told)


def test_a_server_that_never_goes_on_is_given_up_with_a_sentence(site, get):
    site.faults.extend([("stall", 100_000), ("stall", 100_000), ("stall", 100_000)])
    with pytest.raises(RuntimeError, match=r"nothing came for 0.2 s, at the last of 3 tries") as problem:
        get(site.url, timeout_s=0.2)
    assert site.url in sentence(problem) and "0.3 MB that came are kept" in str(problem.value)
    assert "try again" in str(problem.value) and "reference.download.url" in str(problem.value)
    assert files(get.target.parent) == ["file.npz.part", "file.npz.part.json"]
    get(site.url)  # the next run asks for the last quarter only
    assert site.sent == len(CONTENT) and get.target.read_bytes() == CONTENT


def test_a_truncating_server_is_given_up_and_the_target_never_appears(site, get):
    site.faults.extend([("cut", 100_000)] * 3)
    with pytest.raises(RuntimeError, match="the connection ended after 300,000 of 400,000 bytes") as problem:
        get(site.url)
    sentence(problem)
    assert not get.target.exists()


def test_busy_servers_are_asked_again_with_growing_pauses(site, get, monkeypatch):
    pauses = []
    monkeypatch.setattr(transfer.time, "sleep", pauses.append)
    site.faults.extend([("status", 503, {}), ("status", 500, {}), ("status", 429, {"Retry-After": "7"})])
    assert get(site.url, retries=3).sha256 == HASH
    assert pauses == [0.001, 0.002, 7.0] and len(site.log) == 4
    assert [code for code in (503, 500, 429) if any(f"HTTP {code}" in line for line in get.told)] == [503, 500, 429]


def test_a_broken_server_is_given_up_after_the_retries(site, get):
    site.faults.extend([("status", 500, {})] * 3)
    with pytest.raises(RuntimeError, match="HTTP 500") as problem:
        get(site.url)
    assert site.url in sentence(problem) and len(site.log) == 3


@pytest.mark.parametrize("code", [404, 403, 401, 410, 202, 204])
def test_a_refusal_fails_at_once(site, get, code):
    site.faults.append(("status", code, {}))
    with pytest.raises(RuntimeError, match=f"HTTP {code}") as problem:
        get(site.url, mirror="https://mirror.org/file")
    assert "reference.download.url a mirror (https://mirror.org/file) or a file://" in sentence(problem)
    assert len(site.log) == 1 and files(get.target.parent) == []


def test_a_web_page_is_not_the_file(site, get):
    site.kind = "text/html; charset=utf-8"
    with pytest.raises(RuntimeError, match="a web page instead of the file") as problem:
        get(site.url)
    assert site.url in sentence(problem) and files(get.target.parent) == []


def test_a_server_without_ranges_starts_over(site, get):
    site.ranges = False
    site.faults.append(("cut", 150_000))
    assert get(site.url).path.read_bytes() == CONTENT
    assert site.log == [(None, 150_000), ("bytes=150000-", 400_000)]


@pytest.mark.parametrize("kind", [None, "careless"])
@pytest.mark.parametrize("length", [400_000, 399_000, 90_000])
def test_a_file_that_changed_is_never_glued_to_the_old_half(site, get, kind, length):
    site.faults.append(("cut", 150_000))
    with pytest.raises(RuntimeError):
        get(site.url, retries=0)
    new = np.random.default_rng(1).bytes(length)
    site.content, site.etag, site.modified = new, '"two"', "Tue, 02 Jan 2024 00:00:00 GMT"
    site.faults.append((kind,) if kind else None)  # careless: sends the rest although If-Range does not hold
    assert get(site.url).path.read_bytes() == new


def test_without_etag_the_date_tells_versions_apart(site, get):
    site.etag = None
    site.faults.append(("cut", 150_000))
    assert get(site.url).sha256 == HASH and site.sent == len(CONTENT)


def test_without_etag_and_date_nothing_is_continued(site, get):
    site.etag = site.modified = None
    site.faults.append(("cut", 150_000))
    assert get(site.url).sha256 == HASH
    assert site.log == [(None, 150_000), (None, 400_000)]


def test_a_part_of_another_url_is_not_continued(site, get):
    site.faults.append(("cut", 150_000))
    with pytest.raises(RuntimeError):
        get(site.url, retries=0)
    assert get(f"{site.url}?mirror").sha256 == HASH
    assert site.log[1] == (None, 400_000)


def test_a_part_that_was_spoilt_on_disk_is_fetched_whole(site, get):
    # after a power cut a file may have its length but not its content
    site.faults.append(("cut", 150_000))
    with pytest.raises(RuntimeError):
        get(site.url, retries=0)
    get.part.write_bytes(bytes(150_000))
    assert get(site.url, sha256=HASH).path.read_bytes() == CONTENT
    assert [asked for asked, _ in site.log] == [None, "bytes=150000-", None]


def test_a_file_of_unknown_length_comes_whole(site, get):
    site.faults.append(("no length",))
    assert get(site.url).sha256 == HASH


def test_progress_is_told_in_megabytes_and_percent(site, get):
    site.content = bytes(8_000_000)
    get(site.url)
    shares = [int(line.split("(")[1].split(" %")[0]) for line in get.told if " %)" in line]
    assert shares == sorted(shares) and shares[-1] >= 95 and 10 <= len(shares) <= 21
    assert any(" of 8.0 MB (" in line for line in get.told)


def test_nobody_there_and_no_such_host_are_told(get, site, monkeypatch):
    monkeypatch.setattr(transfer, "PAUSE_S", 0.001)
    site.close()
    for url in (site.url, "http://no-such-host.invalid/file.npz"):
        with pytest.raises(RuntimeError, match="the connection failed") as problem:
            get(url, retries=1)
        assert url in sentence(problem) and "at the last of 2 tries" in str(problem.value)


# --- hashes ------------------------------------------------------------------------------------------------------


def test_the_hash_of_the_config_is_enforced(site, get):
    with pytest.raises(ValueError, match=OTHER) as problem:
        get(site.url, sha256=OTHER)
    text = sentence(problem)
    assert HASH in text and "config key 'reference.download.sha256'" in text and site.url in text
    assert files(get.target.parent) == ["file.npz.wrong"]
    assert get(site.url, sha256=HASH.upper()).sha256 == HASH


def test_the_hash_of_the_first_download_is_enforced_even_after_the_file_is_gone(site, get):
    get(site.url)
    get.target.unlink()
    site.content, site.etag = b"another file", '"two"'
    with pytest.raises(ValueError, match=HASH) as problem:
        get(site.url)
    text = sentence(problem)
    found = hashlib.sha256(b"another file").hexdigest()
    assert found in text and str(get.target.parent / "file.npz.json") in text
    assert f"set reference.download.sha256 to {found}" in text  # which then is what helps
    assert (get.target.parent / "file.npz.wrong").read_bytes() == b"another file" and not get.target.exists()
    assert get(site.url, sha256=found).path.read_bytes() == b"another file"


def test_the_hash_of_reference_json_is_enforced(site, get):
    with pytest.raises(ValueError, match=r"reference\.json") as problem:
        get(site.url, recorded_sha256=OTHER)
    assert HASH in sentence(problem) and OTHER in str(problem.value) and not get.target.exists()
    get(site.url)
    with pytest.raises(ValueError, match=r"reference\.json") as problem:
        get(site.url, recorded_sha256=OTHER)
    sentence(problem)
    assert get.target.read_bytes() == CONTENT  # it was good, and stays
    assert get(site.url, recorded_sha256=HASH).from_cache


def test_a_download_that_was_changed_on_disk_is_fetched_again(site, get):
    get(site.url)
    get.target.write_bytes(CONTENT[:-1] + b"?")
    assert not get(site.url).from_cache and get.target.read_bytes() == CONTENT
    assert (get.target.parent / "file.npz.wrong").read_bytes() == CONTENT[:-1] + b"?"
    assert any("was changed since its download" in line for line in get.told)


def test_a_new_hash_in_the_config_brings_the_new_file_and_keeps_the_old(site, get):
    get(site.url)
    site.content, site.etag = b"version two", '"two"'
    with pytest.raises(ValueError):
        get(site.url, sha256=OTHER)
    assert get.target.read_bytes() == CONTENT
    new = get(site.url, sha256=hashlib.sha256(b"version two").hexdigest())
    assert new.path.read_bytes() == b"version two"
    assert (get.target.parent / "file.npz.old").read_bytes() == CONTENT
    assert get(site.url).from_cache  # the record went along


def test_a_file_put_there_by_hand_is_taken_and_its_hash_kept(get):
    get.target.parent.mkdir()
    get.target.write_bytes(CONTENT)
    fetched = get("http://127.0.0.1:9/never-asked")
    assert fetched.from_cache and fetched.sha256 == HASH and fetched.url == str(get.target)
    assert json.loads((get.target.parent / "file.npz.json").read_text())["sha256"] == HASH


@pytest.mark.parametrize("content", ["", "{", "[]", '{"sha256": "abc"}'])
def test_a_broken_record_is_told_and_not_passed_over(site, get, content):
    get.target.parent.mkdir()
    (get.target.parent / "file.npz.json").write_text(content)
    with pytest.raises(ValueError, match="remove it") as problem:
        get(site.url)
    assert "file.npz.json" in sentence(problem) and site.log == []


# --- files in place of the network -------------------------------------------------------------------------------


def test_a_local_file_or_path_stands_in(get, tmp_path, monkeypatch):
    (tmp_path / "my mirror.npz").write_bytes(CONTENT)
    monkeypatch.chdir(tmp_path)
    for url in ((tmp_path / "my mirror.npz").as_uri(), str(tmp_path / "my mirror.npz"), "my mirror.npz"):
        assert get(url, sha256=HASH).path.read_bytes() == CONTENT
        get.target.unlink()
    with pytest.raises(ValueError, match="sha256") as problem:
        get("my mirror.npz", sha256=OTHER)
    sentence(problem)
    assert (tmp_path / "my mirror.npz").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("file:///nowhere/rmd17.tar.bz2", "no such file"),
        ("nowhere/rmd17.tar.bz2", "no such file"),
        ("file://rmd17.tar.bz2", "three slashes"),
        ("ftp://host/file", "it takes http://"),
        ("https:///file", "it takes http://"),
        ("/tmp", "no such file"),
    ],
)
def test_a_url_that_cannot_be_used_is_told(get, url, words):
    with pytest.raises(ValueError, match=words) as problem:
        get(url)
    assert "config key 'reference.download.url'" in sentence(problem) and url.removeprefix("file://") in str(
        problem.value
    )
    assert not get.target.exists()


def test_a_malformed_url_is_told(get):
    with pytest.raises(RuntimeError, match="not a URL that can be asked") as problem:
        get("http://127.0.0.1:port/file")
    sentence(problem)


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "downloads").write_text("a file")
    with pytest.raises(ValueError, match=r"reference\.download\.folder") as problem:
        fetch("x", tmp_path / "downloads" / "a", sha256=None, retries=0, timeout_s=1, report=print)
    assert str(tmp_path / "downloads") in sentence(problem)


# --- other processes ---------------------------------------------------------------------------------------------

FETCH = """
import sys
from ouroboros.reference.download import fetch
fetched = fetch(sys.argv[1], sys.argv[2], sha256=None, retries=0, timeout_s=60, report=print)
print("cached" if fetched.from_cache else "fetched", fetched.sha256)
"""


def spawn(url, target, code=FETCH):
    environment = os.environ | {"PYTHONPATH": str(Path(transfer.__file__).parents[2])}
    command = [sys.executable, "-c", code, url, str(target)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def test_after_kill_9_only_the_rest_is_fetched(site, get):
    half = len(CONTENT) // 2
    site.faults.append(("stall", half))
    process = spawn(site.url, get.target)
    wait_until(lambda: get.part.exists() and get.part.stat().st_size == half)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL and not get.target.exists()
    assert get(site.url).path.read_bytes() == CONTENT
    assert site.log == [(None, half), (f"bytes={half}-", len(CONTENT) - half)]
    assert files(get.target.parent) == ["file.npz", "file.npz.json"]


def test_two_processes_fetch_it_once(site, get):
    site.faults.append(("stall", 100_000))
    processes = [spawn(site.url, get.target)]
    wait_until(lambda: get.part.exists() and get.part.stat().st_size == 100_000)
    processes += [spawn(site.url, get.target) for _ in range(2)]
    waiting = [process.stdout.readline() for process in processes[1:]]
    assert all("another process is fetching" in line for line in waiting)
    site.go_on.set()  # the connection ends short: the first gives up, the second goes on, the third finds it done
    outputs = [process.communicate() for process in processes]
    ends = sorted(
        out.splitlines()[-1].split()[0] for (out, _), p in zip(outputs, processes, strict=True) if not p.returncode
    )
    assert ends == ["cached", "fetched"] and processes[0].returncode != 0
    assert get.target.read_bytes() == CONTENT and site.sent == len(CONTENT)


def test_a_full_disk_is_told_and_what_came_is_kept(site, get):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))"
    process = spawn(site.url, get.target, limit + FETCH)
    _, errors = process.communicate()
    assert process.returncode == 1 and "StorageError" in errors.splitlines()[-1]
    assert "cannot be written (File too large)" in errors.splitlines()[-1] and not get.target.exists()
    came = get.part.stat().st_size
    assert get(site.url).sha256 == HASH and site.log[-1] == (f"bytes={came}-", len(CONTENT) - came)


# --- from the server to the files of a run -----------------------------------------------------------------------


def test_md17_from_the_server_to_the_run(site, get, tmp_path):
    site.content = sgdml_file(tmp_path / "sgdml.npz", sgdml_arrays()).read_bytes()
    raw = tmp_path / "raw"
    unpack(get(site.url), published("md17", "ethanol"), raw / "published.npz", raw / "published.json")
    with np.load(raw / "published.npz") as arrays:
        np.testing.assert_array_equal(arrays["R"], sgdml_arrays()["R"])
    record = json.loads((raw / "published.json").read_text())
    assert (record["dataset"], record["molecule"], record["url"]) == ("md17", "ethanol", site.url)
    assert record["sha256"] == hashlib.sha256(site.content).hexdigest() and "md5" in record["integrity"]
    assert files(raw) == ["published.json", "published.npz", "splits"] and files(raw / "splits") == []


def test_md17_with_a_wrong_md5_does_not_reach_the_run(site, get, tmp_path):
    site.content = sgdml_file(tmp_path / "sgdml.npz", sgdml_arrays(), md5=b"0" * 32).read_bytes()
    raw = tmp_path / "raw"
    with pytest.raises(ValueError, match="carries the md5") as problem:
        unpack(get(site.url), published("md17", "ethanol"), raw / "published.npz", raw / "published.json")
    sentence(problem)
    assert files(raw) == ["splits"] and files(raw / "splits") == []
    assert not get.target.exists() and get.target.with_name("file.npz.wrong").exists()
    # nor is the hash of what was no good asked of the next download
    site.content, site.etag = sgdml_file(tmp_path / "sgdml.npz", sgdml_arrays()).read_bytes(), '"two"'
    unpack(get(site.url), published("md17", "ethanol"), raw / "published.npz", raw / "published.json")
    assert (raw / "published.npz").read_bytes() == site.content


def test_rmd17_from_the_server_to_the_run(site, get, tmp_path):
    site.content = write_tar(tmp_path / "rmd17.tar.bz2", rmd17_members()).read_bytes()
    raw = tmp_path / "raw"
    site.faults.append(("cut", 5000))
    unpack(get(site.url), published("rmd17", "ethanol"), raw / "published.npz", raw / "published.json")
    assert (raw / "published.npz").read_bytes() == rmd17_members()[f"rmd17/npz_data/{WANTED}"]
    assert files(raw / "splits") == sorted(SPLITS) and site.sent == len(site.content)
    record = json.loads((raw / "published.json").read_text())
    assert "not the same as" in record["integrity"]  # nor is it the published archive
    keys = published("rmd17", "ethanol").keys
    with np.load(raw / "published.npz") as arrays:
        assert {keys[f"{name}_key"] for name in ("energy", "force", "positions", "numbers")} <= set(arrays)
        assert set(keys["columns"].values()) <= set(arrays)
