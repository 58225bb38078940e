"""Published files: the md5 that sGDML computes, and the archive of rMD17, from which nothing gets out of its folder."""

import tarfile
from pathlib import Path

import numpy as np
import pytest
from published_files import CONTENT, SPLITS, WANTED, files, rmd17_members, sentence, sgdml_arrays, sgdml_file, write_tar

from ouroboros.reference.archive import check_md5, extract_rmd17, sgdml_md5


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
