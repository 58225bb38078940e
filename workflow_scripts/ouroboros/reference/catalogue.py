"""What is published as MD17 and rMD17: where it is, in which units, computed how, and what to know before using it."""

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

MOLECULES = (
    "aspirin",
    "azobenzene",
    "benzene",
    "ethanol",
    "malonaldehyde",
    "naphthalene",
    "paracetamol",
    "salicylic_acid",
    "toluene",
    "uracil",
)
UNITS = {"energy_unit": "kcal/mol", "force_unit": "kcal/mol/A", "length_unit": "A"}

MD17_FOLDER = "http://www.quantum-machine.org/gdml/data/npz/"
MD17_FILES = {name: f"md17_{name}.npz" for name in MOLECULES} | {
    "azobenzene": "azobenzene_dft.npz",
    "benzene": "md17_benzene2017.npz",  # there is a benzene2018 too; MD17 is this one
    "paracetamol": "paracetamol_dft.npz",
    "salicylic_acid": "md17_salicylic.npz",
}
MD17_NOTE = (
    "MD17 is another potential-energy surface than rMD17 and the two cannot be mixed; its energies and forces carry "
    "numerical noise, for which rMD17 was recomputed (Christensen and von Lilienfeld, 2020); its frames follow one "
    "another in time, so a random split puts neighbours of training frames into the test set: split by time"
)

# figshare.com/ndownloader answers programs with an empty HTTP 202, a browser check; this host of theirs does not
RMD17_URL = "https://ndownloader.figshare.com/files/23950376"
RMD17_MIRROR = "https://archive.materialscloud.org/records/pfffs-fff86/files/rmd17.tar.bz2?download=1"
# of version 3 of the record (1,066,301,513 bytes), as others saw it: load-atoms checks its first 12 digits
RMD17_SHA256 = "cddeea2ec2c4b22a9de16a9a65a3eeedac5b29da9c99c20bbff0153912bf922b"
RMD17_NOTE = (
    "rMD17 is MD17's structures with new labels, another potential-energy surface than MD17, and the two cannot be "
    "mixed; its authors warn against training on more than 1,000 of its frames, which are of one trajectory; they "
    "are not stored in the order of time: old_indices says where each stood in MD17"
)


@dataclass(frozen=True)
class Published:
    """One published set of labelled frames.

    Attributes:
        dataset: "md17" or "rmd17".
        molecule: one of `MOLECULES`.
        url: where it is published.
        filename: what the download is called here.
        archive: whether the download is a tar with more than this set in it.
        mirror: where else the same file is.
        sha256: of the download, where others told; not a promise of the publisher.
        keys: names of the arrays in the npz and their units, as `readers.read_source` takes them.
        temperature_K: of the dynamics that the structures are from.
        level_of_theory: of the labels.
        licence: as the publisher states it.
        citation: what to cite.
        note: what to know before using it.
    """

    dataset: str
    molecule: str
    url: str
    filename: str
    archive: bool
    level_of_theory: str
    licence: str
    citation: str
    note: str
    mirror: str | None = None
    sha256: str | None = None
    keys: dict[str, Any] = field(default_factory=dict)
    temperature_K: float = 500.0  # Chmiela et al., Nat. Commun. 9, 3887 (2018), Methods: NVT, 0.5 fs


def published(dataset: str, molecule: str) -> Published:
    """The published set of one molecule.

    Args:
        dataset: "md17" or "rmd17".
        molecule: one of the ten; "salicylic acid" and "salicylic_acid" are the same.

    Raises:
        ValueError: there is no such set; the sentence names what was probably meant.
    """
    kind = _known(dataset, ("md17", "rmd17"), "dataset")
    name = _known(molecule, MOLECULES, "molecule")
    return _md17(name) if kind == "md17" else _rmd17(name)


def rmd17_member(molecule: str) -> str:
    """The name of a molecule's npz in the archive of rMD17, without folders."""
    return f"rmd17_{'salicylic' if molecule == 'salicylic_acid' else molecule}.npz"


def _md17(molecule: str) -> Published:
    return Published(
        dataset="md17",
        molecule=molecule,
        url=MD17_FOLDER + MD17_FILES[molecule],
        filename=MD17_FILES[molecule],
        archive=False,
        level_of_theory="PBE+vdW-TS, FHI-aims",
        licence="not stated by the source",
        citation=(
            "Chmiela, Tkatchenko, Sauceda, Poltavsky, Schütt and Müller, Sci. Adv. 3, e1603015 (2017), "
            "doi:10.1126/sciadv.1603015; Chmiela, Sauceda, Müller and Tkatchenko, Nat. Commun. 9, 3887 (2018), "
            "doi:10.1038/s41467-018-06169-2"
        ),
        note=MD17_NOTE,
        keys={"energy_key": "E", "force_key": "F", "positions_key": "R", "numbers_key": "z", "columns": {}, **UNITS},
    )


def _rmd17(molecule: str) -> Published:
    return Published(
        dataset="rmd17",
        molecule=molecule,
        url=RMD17_URL,
        filename="rmd17.tar.bz2",
        archive=True,
        level_of_theory="PBE/def2-SVP, ORCA",
        licence="CC0 (figshare, doi:10.6084/m9.figshare.12672038.v3)",
        citation=(
            "Christensen and von Lilienfeld, Mach. Learn.: Sci. Technol. 1, 045018 (2020), "
            "doi:10.1088/2632-2153/abba6f; data doi:10.6084/m9.figshare.12672038"
        ),
        note=RMD17_NOTE,
        mirror=RMD17_MIRROR,
        sha256=RMD17_SHA256,
        keys={
            "energy_key": "energies",
            "force_key": "forces",
            "positions_key": "coords",
            "numbers_key": "nuclear_charges",
            "columns": {"md17_index": "old_indices"},
            **UNITS,
        },
    )


def _known(name: str, names: tuple[str, ...], key: str) -> str:
    plain = "_".join(name.lower().replace("_", " ").replace("-", " ").split())
    if plain in names:
        return plain
    close = get_close_matches(plain, names, n=3)
    meant = f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(names)}"
    raise ValueError(f"config key 'reference.download.{key}' is {name!r}, which is not published; {meant}")
