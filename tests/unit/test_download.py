"""Published reference data over real sockets: resumed, checked, unpacked, and one plain sentence for each fault."""

import hashlib
import http.server
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections import deque
from pathlib import Path

import numpy as np
import pytest

from ouroboros.reference import transfer
from ouroboros.reference.archive import check_md5, extract_rmd17, sgdml_md5
from ouroboros.reference.catalogue import MOLECULES, published
from ouroboros.reference.download import fetch, unpack

CONTENT = np.random.default_rng(0).bytes(400_000)
HASH = hashlib.sha256(CONTENT).hexdigest()
OTHER = "0" * 64
SPLITS = [f"index_{part}_0{fold}.csv" for part in ("train", "test") for fold in range(1, 6)]


class Site:
    """A web server of one file that misbehaves as told, one fault a request, and keeps a log of (range, bytes sent)."""

    def __init__(self, content):
        self.content, self.etag, self.modified = content, '"one"', "Mon, 01 Jan 2024 00:00:00 GMT"
        self.kind, self.ranges, self.faults, self.log, self.go_on = (
            "application/zip",
            True,
            deque(),
            [],
            threading.Event(),
        )
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                site.answer(self, site.faults.popleft() if site.faults else None)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/file.npz"

    def close(self):
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, handler, fault):
        asked, kind = handler.headers.get("Range"), fault[0] if fault else None
        index = len(self.log)
        self.log.append((asked, 0))
        if kind == "status":
            handler.send_response(fault[1])
            for name, value in fault[2].items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        condition = handler.headers.get("If-Range")
        honoured = asked and self.ranges and (kind == "careless" or condition in (self.etag, self.modified))
        start = int(asked.removeprefix("bytes=").rstrip("-")) if honoured else 0
        total = len(self.content)
        if honoured and start >= total:
            handler.send_error(416)
            return
        handler.send_response(206 if honoured else 200)
        handler.send_header("Content-Type", self.kind)
        if kind != "no length":
            handler.send_header("Content-Length", str(total - start))
        if honoured:
            handler.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        for name, value in (("ETag", self.etag), ("Last-Modified", self.modified)):
            if value:
                handler.send_header(name, value)
        handler.end_headers()
        end = min(total, start + fault[1]) if kind in ("cut", "stall", "reset") else total
        handler.wfile.write(self.content[start:end])
        handler.wfile.flush()
        self.log[index] = (asked, end - start)
        if kind == "stall":
            self.go_on.wait()

    @property
    def sent(self):
        return sum(n for _, n in self.log)


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


def files(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def sentence(problem):
    """The message, which has to be one line that says what to do."""
    text = str(problem.value)
    assert "\n" not in text and len(text) > 40
    return text


# --- catalogue ---------------------------------------------------------------------------------------------------


def test_ten_molecules_are_published_twice():
    md17 = [published("md17", name) for name in MOLECULES]
    assert len({source.url for source in md17}) == 10 and all(source.url.endswith(source.filename) for source in md17)
    rmd17 = [published("rmd17", name) for name in MOLECULES]
    assert {(source.url, source.archive) for source in rmd17} == {(rmd17[0].url, True)}
    for source in md17 + rmd17:
        units = {source.keys[name] for name in ("energy_unit", "force_unit", "length_unit")}
        assert units == {"kcal/mol", "kcal/mol/A", "A"} and source.temperature_K == 500.0


def test_the_two_surfaces_and_their_traps_are_named():
    md17, rmd17 = published("md17", "benzene"), published("rmd17", "benzene")
    assert md17.filename == "md17_benzene2017.npz"
    assert "PBE+vdW-TS" in md17.level_of_theory and "FHI-aims" in md17.level_of_theory
    assert "PBE/def2-SVP" in rmd17.level_of_theory and "ORCA" in rmd17.level_of_theory
    assert "noise" in md17.note and "random split" in md17.note and "another potential-energy surface" in rmd17.note
    assert md17.licence == "not stated by the source" and rmd17.licence.startswith("CC0")
    assert "045018" in rmd17.citation and "e1603015" in md17.citation and "3887" in md17.citation


def test_names_are_taken_as_people_write_them():
    for name in ("salicylic acid", "salicylic_acid", "Salicylic-Acid"):
        assert published("MD17", name).url.endswith("/md17_salicylic.npz")


@pytest.mark.parametrize(
    ("dataset", "molecule", "meant"),
    [("rmd17", "etanol", "ethanol"), ("md71", "ethanol", "md17"), ("md17", "caffeine", "aspirin, azobenzene")],
)
def test_an_unknown_set_is_an_error_that_names_what_there_is(dataset, molecule, meant):
    with pytest.raises(ValueError, match=meant) as problem:
        published(dataset, molecule)
    assert "reference.download." in sentence(problem)


# --- the md5 of sGDML --------------------------------------------------------------------------------------------


def sgdml_arrays(n=50):
    grid = np.arange(n * 9 * 3, dtype=float).reshape(n, 9, 3)
    return {
        "z": np.array([6, 6, 8, 1, 1, 1, 1, 1, 1], np.uint8),
        "R": grid / 64,
        "F": grid[:, ::-1] / -128,
        "E": np.arange(n, dtype=float)[:, None] / 4 - 97000,
    }


def sgdml_file(path, arrays, md5=b"d4a37c08243820bb01bc828d3dfe0d4d"):
    about = {"type": "d", "name": "ethanol", "theory": "PBE+vdW-TS", "r_unit": "Ang", "e_unit": "kcal/mol"}
    np.savez_compressed(path, **arrays, **about, **({"md5": md5} if md5 else {}))
    return path


def test_md5_is_the_one_that_sgdml_computes(tmp_path):
    # dataset_md5 of sGDML 1.0.3 gave these for the same arrays
    arrays = sgdml_arrays()
    assert sgdml_md5(sgdml_file(tmp_path / "a.npz", arrays)) == "d4a37c08243820bb01bc828d3dfe0d4d"
    arrays["F"] = np.asfortranarray(arrays["F"])
    assert sgdml_md5(sgdml_file(tmp_path / "b.npz", arrays)) == "d4a37c08243820bb01bc828d3dfe0d4d"
    del arrays["E"]
    assert sgdml_md5(sgdml_file(tmp_path / "c.npz", arrays)) == "9b712966319bec2a222e927252645870"


@pytest.mark.parametrize("kind", [bytes, str])
def test_md5_of_the_file_is_compared(tmp_path, kind):
    md5 = b"d4a37c08243820bb01bc828d3dfe0d4d"  # later versions of sGDML store bytes, early ones text
    path = sgdml_file(tmp_path / "a.npz", sgdml_arrays(), md5 if kind is bytes else md5.decode())
    assert "is that of its content" in check_md5(path)
    wrong = sgdml_arrays()
    wrong["E"][7] = np.nextafter(wrong["E"][7], 0)
    path = sgdml_file(tmp_path / "b.npz", wrong)
    with pytest.raises(ValueError, match="d4a37c08243820bb01bc828d3dfe0d4d") as problem:
        check_md5(path)
    assert sgdml_md5(path) in sentence(problem)


def test_a_file_without_md5_passes_with_a_note(tmp_path):
    assert "no md5" in check_md5(sgdml_file(tmp_path / "a.npz", sgdml_arrays(), md5=None))


def test_what_is_not_an_sgdml_file_is_told(tmp_path):
    whole = sgdml_file(tmp_path / "whole.npz", sgdml_arrays()).read_bytes()
    middle = len(whole) // 2
    cases = {
        "cut.npz": (whole[:middle], "not an npz file, or it is cut short"),
        "page.npz": (b"<html>moved</html>", "not an npz file"),
        "empty.npz": (b"", "not an npz file"),
        "rotten.npz": (whole[:middle] + b"\xff" * 64 + whole[middle + 64 :], "is damaged"),
    }
    for name, (content, told) in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=told) as problem:
            check_md5(tmp_path / name)
        assert name in sentence(problem)
    np.savez(tmp_path / "rmd17.npz", coords=np.zeros((2, 3, 3)), nuclear_charges=np.ones(3))
    with pytest.raises(ValueError, match="no array z and no R and no F") as problem:
        check_md5(tmp_path / "rmd17.npz")
    sentence(problem)
    with pytest.raises(ValueError, match="there is no") as problem:
        check_md5(tmp_path / "nowhere.npz")
    sentence(problem)


# --- the archive of rMD17 ----------------------------------------------------------------------------------------


def rmd17_npz(n=40, n_atoms=9, seed=0):
    draw, file = np.random.default_rng(seed), io.BytesIO()
    arrays = {name: draw.normal(size=(n, n_atoms, 3)) for name in ("coords", "forces", "old_forces")}
    arrays |= {name: draw.normal(-97000, 1, n) for name in ("energies", "old_energies")}
    arrays |= {"nuclear_charges": np.full(n_atoms, 6, np.uint8), "old_indices": draw.permutation(n)}
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def rmd17_members():
    members = {"rmd17/readme.txt": b"Revised MD17"}
    members |= {
        f"rmd17/npz_data/rmd17_{name}.npz": rmd17_npz(seed=i) for i, name in enumerate(["ethanol", "salicylic"])
    }
    for i, name in enumerate(SPLITS):
        members[f"rmd17/splits/{name}"] = "".join(f"{j}\n" for j in range(i, i + 10)).encode()
    return members


def write_tar(path, members, mode="w:bz2"):
    """Members are contents, or TarInfos of links and devices."""
    with tarfile.open(path, mode) as tar:
        for name, content in members.items():
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            if not isinstance(content, tarfile.TarInfo):
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return path


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize("mode", ["w:bz2", "w:gz", "w"])
def test_a_molecule_and_its_splits_come_out_bit_for_bit(tmp_path, mode):
    members = rmd17_members()
    archive = write_tar(tmp_path / "rmd17.tar.bz2", members, mode)
    out = extract_rmd17(archive, "salicylic_acid", tmp_path / "out")
    assert files(tmp_path / "out") == sorted(["rmd17_salicylic.npz", *SPLITS]) == sorted(out)
    assert out["rmd17_salicylic.npz"].read_bytes() == members["rmd17/npz_data/rmd17_salicylic.npz"]
    assert out["index_test_03.csv"].read_bytes() == members["rmd17/splits/index_test_03.csv"]


def test_nothing_is_read_behind_the_last_file_that_is_needed(tmp_path):
    # the published archive is 1 GB; what stands behind the last split must not matter
    archive = write_tar(tmp_path / "a.tar", rmd17_members(), "w")
    members = rmd17_members() | {"rmd17/npz_data/rmd17_uracil.npz": bytes(100_000)}
    longer = write_tar(tmp_path / "b.tar", members, "w").read_bytes()
    archive.write_bytes(longer[: len(longer) - 60_000])
    assert len(extract_rmd17(archive, "ethanol", tmp_path / "out")) == 11


WANTED = "rmd17_ethanol.npz"
EVIL = {
    "parent": (f"../../{WANTED}", b"evil"),
    "inside out": (f"rmd17/../../{WANTED}", b"evil"),
    "absolute": (f"/tmp/{WANTED}", b"evil"),
    "symlink": (f"rmd17/npz_data/{WANTED}", special(f"rmd17/npz_data/{WANTED}", tarfile.SYMTYPE, "/etc/passwd")),
    "hardlink": (f"rmd17/npz_data/{WANTED}", special(f"rmd17/npz_data/{WANTED}", tarfile.LNKTYPE, "rmd17/readme.txt")),
    "device": (f"rmd17/npz_data/{WANTED}", special(f"rmd17/npz_data/{WANTED}", tarfile.CHRTYPE)),
    "fifo": (f"rmd17/npz_data/{WANTED}", special(f"rmd17/npz_data/{WANTED}", tarfile.FIFOTYPE)),
    "folder": (f"rmd17/npz_data/{WANTED}", special(f"rmd17/npz_data/{WANTED}", tarfile.DIRTYPE)),
}


@pytest.mark.parametrize("case", EVIL)
def test_an_archive_cannot_write_or_read_elsewhere(tmp_path, case):
    name, content = EVIL[case]
    members = {name: content} | {n: c for n, c in rmd17_members().items() if WANTED not in n}
    archive, out = write_tar(tmp_path / "rmd17.tar.bz2", members), tmp_path / "a" / "b" / "out"
    with pytest.raises(ValueError, match=r"outside its own folder|not as a file") as problem:
        extract_rmd17(archive, "ethanol", out)
    assert WANTED in sentence(problem) and str(archive) in str(problem.value)
    assert files(out) == [] and sorted(p.name for p in tmp_path.rglob("*")) == ["a", "b", "out", "rmd17.tar.bz2"]


def test_evil_members_that_nobody_asked_for_are_left_alone(tmp_path):
    evil = {
        "../escaped.txt": b"evil",
        "/tmp/ouroboros_escaped.txt": b"evil",
        "rmd17/splits": special("rmd17/splits", tarfile.SYMTYPE, "/etc"),
        "._rmd17_ethanol.npz": b"evil",
        "rmd17/npz_data/xrmd17_ethanol.npz": b"evil",
    }
    archive = write_tar(tmp_path / "rmd17.tar.bz2", evil | rmd17_members())
    out = extract_rmd17(archive, "ethanol", tmp_path / "out")
    assert out[WANTED].read_bytes() == rmd17_members()[f"rmd17/npz_data/{WANTED}"]
    assert files(tmp_path) == ["out", "rmd17.tar.bz2"] and files(tmp_path / "out") == sorted([WANTED, *SPLITS])
    assert not Path("/tmp/ouroboros_escaped.txt").exists()


def test_a_bad_archive_is_told_and_leaves_what_was_there(tmp_path):
    longer = {"rmd17/npz_data/rmd17_aspirin.npz": CONTENT * 8} | rmd17_members()  # several blocks of bzip2
    whole = write_tar(tmp_path / "whole.tar.bz2", longer).read_bytes()
    plain = write_tar(tmp_path / "whole.tar", rmd17_members(), "w").read_bytes()
    write_tar(tmp_path / "foreign.tar.bz2", {"qm9/readme.txt": b"QM9"})
    write_tar(tmp_path / "other.tar.bz2", {n: c for n, c in rmd17_members().items() if WANTED not in n})
    middle = len(whole) // 2
    contents = {
        "cut.tar.bz2": whole[:middle],
        "cut_early.tar.bz2": whole[:2000],
        "cut.tar": plain[: len(plain) - 20_000],
        "cut_in_npz.tar": plain[:2000],
        "rotten.tar.bz2": whole[:middle] + b"\xff" * 64 + whole[middle + 64 :],
        "page.tar.bz2": b"<html>moved</html>",
        "empty.tar.bz2": b"",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    told = {
        "foreign.tar.bz2": "is not the archive of rMD17",
        "other.tar.bz2": f"has no {WANTED}, but rmd17_salicylic.npz",
        "cut.tar.bz2": "cut short",
        "cut_early.tar.bz2": "not a whole one",
        "cut.tar": "cut short",
        "cut_in_npz.tar": "cut short",
        "rotten.tar.bz2": "damaged",
        "page.tar.bz2": "not a tar archive",
        "empty.tar.bz2": "not a tar archive",
        "nowhere.tar.bz2": "there is no",
    }
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / WANTED).write_bytes(b"of an earlier run")
    for name, words in told.items():
        with pytest.raises(ValueError, match=words) as problem:
            extract_rmd17(tmp_path / name, "ethanol", tmp_path / "out")
        assert name in sentence(problem) and "download it again" in str(problem.value)
        assert files(tmp_path / "out") == [WANTED]
        assert (tmp_path / "out" / WANTED).read_bytes() == b"of an earlier run"


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
