"""The oracle of any ASE calculator: its numbers, its convergence, its files, and the states that it is told of."""

import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.calculator import SCFError
from ase.calculators.emt import EMT
from ase.calculators.espresso import Espresso, EspressoProfile
from ase.calculators.orca import ORCA, OrcaProfile
from ase.md.verlet import VelocityVerlet

from ouroboros.oracles import convergence, make_oracle

EMT_SETTINGS = {"kind": "ase", "calculator": "ase.calculators.emt.EMT", "level_of_theory": "EMT"}

CALCULATORS = '''
"""Calculators of a user's own."""
from pathlib import Path

from ase.calculators.calculator import Calculator, FileIOCalculator, SCFError, all_changes
from ase.calculators.emt import EMT
from ase.calculators.espresso import Espresso, EspressoProfile


class Doubtful(EMT):
    """EMT that says whether it converged, in every way that the oracle can read."""

    made = 0

    def __init__(self, answer=True, energy_shift=0.0, free_energy_shift=0.0, error=None, stress="", **kwargs):
        super().__init__(**kwargs)
        type(self).made += 1
        self.converged, self._error, self._stress = answer, error, stress
        self._shifts = {"energy": float(energy_shift), "free_energy": float(free_energy_shift)}

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        if self._error:
            raise {"scf": SCFError(), "key": KeyError("H"), "assert": AssertionError()}[self._error]
        super().calculate(atoms, properties, system_changes)
        self.results["scf_ok"] = self.converged
        if self._stress:
            self.results["stress"] = None if self._stress == "none" else self.results["stress"] * float("nan")
        if self._stress == "missing":
            del self.results["stress"]
        for name, shift in self._shifts.items():
            self.results[name] += shift

    def read_convergence(self):
        return self.converged


def judge(calculator, atoms):
    return calculator.converged, "as the judge says"


class Harmonic(FileIOCalculator):
    """A program that is run as a process: reads system.in, writes system.out."""

    implemented_properties = ["energy", "forces"]

    def __init__(self, k=1.0, charge=0, **kwargs):
        super().__init__(**kwargs)
        self.k, self.charge = k, charge

    def write_input(self, atoms, properties=None, system_changes=None):
        super().write_input(atoms, properties, system_changes)
        rows = "\\n".join(" ".join(map(repr, map(float, row))) for row in atoms.positions)
        self._file("system.in").write_text(f"{self.k} {self.charge}\\n{rows}\\n")

    def read_results(self):
        lines = self._file("system.out").read_text().splitlines()
        import numpy as np
        self.results = {"energy": float(lines[0]), "forces": np.array([line.split() for line in lines[2:]], float)}

    def _file(self, name):
        return Path(self.directory) / name


def harmonic_converged(calculator, atoms):
    word = calculator._file("system.out").read_text().splitlines()[1]
    return {"converged": True, "diverged": (False, "it diverged")}.get(word)
'''

PROGRAM = """
import sys
from pathlib import Path
lines = Path("system.in").read_text().splitlines()
k, charge = map(float, lines[0].split())
rows = [list(map(float, line.split())) for line in lines[1:]]
energy = 0.5 * k * sum(x * x for row in rows for x in row) + charge
word = sys.argv[1]
Path("system.out").write_text("\\n".join([repr(energy), word] + [" ".join(repr(-k * x) for x in row) for row in rows]))
sys.exit(3 if word in ("diverged", "silent") else 0)
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A module of the user's, a program beside it, and an empty folder to work in."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code/own_calculators.py").write_text(CALCULATORS)
    (tmp_path / "code/program.py").write_text(PROGRAM)
    (tmp_path / "scratch").mkdir()
    monkeypatch.syspath_prepend(tmp_path / "code")
    monkeypatch.chdir(tmp_path / "scratch")
    yield tmp_path
    sys.modules.pop("own_calculators", None)


def doubtful(converged=None, **arguments):
    return {
        **EMT_SETTINGS,
        "calculator": "own_calculators.Doubtful",
        "arguments": arguments,
        "converged": converged,
    }


def harmonic(folder, word, **settings):
    command = f"{sys.executable} {folder / 'code/program.py'} {word}"
    return {
        **EMT_SETTINGS,
        "calculator": "own_calculators.Harmonic",
        "level_of_theory": "harmonic",
        "arguments": {"k": 2.0, "charge": "$charge", "command": command},
        **settings,
    }


def copper():
    atoms = bulk("Cu", cubic=True) * (2, 1, 1)
    atoms.rattle(0.05, seed=0)
    return atoms


def test_emt_on_a_periodic_cell():
    atoms, oracle = copper(), make_oracle(EMT_SETTINGS)
    label = oracle.label(atoms)
    assert label.converged and label.message == "" and label.level_of_theory == "EMT"
    assert atoms.calc is None  # left untouched
    atoms.calc = EMT()
    assert label.energy == atoms.get_potential_energy()
    np.testing.assert_array_equal(label.forces, atoms.get_forces())
    moved = [atoms.copy() for _ in range(2)]
    for image, sign in zip(moved, (1, -1), strict=True):
        image.positions[3, 1] += sign * 1e-4
    energies = [oracle.label(image).energy for image in moved]
    assert label.forces[3, 1] == pytest.approx(-(energies[0] - energies[1]) / 2e-4, abs=1e-6)
    np.testing.assert_array_equal(label.stress, atoms.get_stress(voigt=False))


def test_a_stress_that_is_none_costs_no_label(own):
    isolated = copper()
    isolated.pbc = False
    assert make_oracle(EMT_SETTINGS).label(isolated).stress is None
    for stress in ("nan", "none", "missing"):
        label = make_oracle(doubtful(stress=stress)).label(copper())
        assert label.converged and label.stress is None and np.isfinite(label.forces).all(), stress
    assert make_oracle(doubtful()).label(copper()).stress.shape == (3, 3)


def test_the_settings_tell_versions_and_nothing_else():
    oracle = make_oracle({**EMT_SETTINGS, "version": "ORCA 6.0.1"})
    assert oracle.settings == {
        "kind": "ase", "charge": 0, "multiplicity": 1, "calculator": "ase.calculators.emt.EMT", "arguments": {},
        "converged": None, "level_of_theory": "EMT", "version": f"ase {version('ase')}, ORCA 6.0.1",
    }  # fmt: skip
    with_package = make_oracle({**EMT_SETTINGS, "calculator": "tblite.ase.TBLite"})
    assert ", tblite 0." in with_package.settings["version"]
    assert "273002 (ASE)" in oracle.citation and "EMT" in oracle.citation


def test_a_calculator_of_a_package_with_its_spin():
    settings = {
        "kind": "ase",
        "calculator": "tblite.ase.TBLite",
        "level_of_theory": "GFN2-xTB",
        "arguments": {"verbosity": 0, "charge": "$charge", "multiplicity": "$multiplicity"},
    }
    cation = molecule("H2O")
    expected = make_oracle({"kind": "xtb", "charge": 1, "multiplicity": 2}).label(cation)
    cation.info.update(charge=1, multiplicity=2)
    assert make_oracle(settings).label(cation).energy == pytest.approx(expected.energy, abs=1e-6)


@pytest.mark.parametrize("how", ["converged", "read_convergence", "scf_ok", "own_calculators.judge"])
def test_ways_to_read_convergence(own, how):
    atoms = copper()
    good, bad = (make_oracle(doubtful(how, answer=answer)).label(atoms) for answer in (True, False))
    assert good.converged and good.energy == make_oracle(EMT_SETTINGS).label(atoms).energy
    assert not bad.converged and bad.reusable and np.isnan(bad.energy)
    assert bad.message == ("as the judge says" if "judge" in how else f"not converged, as {how} says")


def test_without_a_word_on_convergence_only_exceptions_count(own):
    assert make_oracle(doubtful(answer=False)).label(copper()).converged
    scf = make_oracle(doubtful(error="scf")).label(copper())
    assert not scf.converged and scf.reusable  # ASE's own exception for an SCF that did not converge
    for error, message in (("key", "KeyError: 'H'"), ("assert", "AssertionError")):
        broken = make_oracle(doubtful(error=error)).label(copper())
        assert not broken.converged and not broken.reusable and broken.message == message


@pytest.mark.parametrize(
    ("how", "answer", "words"),
    [
        ("finished", True, "oracle.ase.converged is 'finished', but Doubtful has no such attribute, method or result"),
        ("converged", "maybe", "gave 'maybe', which is neither true nor false"),
        ("converged", 0.5, "gave 0.5, which is neither true nor false"),
        ("converged", None, "does not tell whether the calculation converged"),
    ],
)
def test_an_answer_that_is_none_is_no_label(own, how, answer, words):
    label = make_oracle(doubtful(how, answer=answer)).label(copper())
    assert not label.converged and not label.reusable and words in label.message


def test_numbers_that_are_none_are_no_label(own):
    # ASE's ORCA gives a NaN for the energy where the wavefunction is not fully converged
    label = make_oracle(doubtful(answer=True, free_energy_shift="nan")).label(copper())
    assert not label.converged and "not finite" in label.message
    assert not label.reusable  # a file that was read half gives one too: the next run tries again


def test_each_label_has_a_calculator_of_its_own(own):
    oracle = make_oracle(doubtful())
    made = sys.modules["own_calculators"].Doubtful.made
    assert made == 0  # some start their program at once
    first, second = oracle.label(copper()), oracle.label(copper())
    assert sys.modules["own_calculators"].Doubtful.made == 2
    assert first.energy == second.energy


def test_the_energy_is_the_one_that_the_forces_belong_to(own):
    # as with smeared occupations: `energy` is extrapolated to zero kelvin, `free_energy` is not
    shifted = make_oracle(doubtful(energy_shift=-0.5)).label(copper())
    assert shifted.energy == make_oracle(EMT_SETTINGS).label(copper()).energy


def test_a_program_runs_in_the_working_directory(own):
    atoms = Atoms("H2", [[0.1, 0.2, 0.3], [1.0, 0.0, 0.0]], info={"charge": 2})
    oracle = make_oracle(harmonic(own, "converged", converged="own_calculators.harmonic_converged"))
    label = oracle.label(atoms)
    assert label.converged and label.energy == pytest.approx((atoms.positions**2).sum() + 2)
    np.testing.assert_allclose(label.forces, -2 * atoms.positions)
    assert sorted(path.name for path in (own / "scratch").iterdir()) == ["system.in", "system.out"]
    assert (own / "scratch/system.in").read_text().startswith("2.0 2\n")
    assert sorted(path.name for path in (own / "code").glob("*.*")) == ["own_calculators.py", "program.py"]


def test_a_function_tells_a_failed_scf_from_a_broken_program(own):
    atoms, reader = molecule("H2"), "own_calculators.harmonic_converged"
    diverged = make_oracle(harmonic(own, "diverged", converged=reader)).label(atoms)
    assert diverged.reusable and diverged.message == "it diverged"
    for settings in (harmonic(own, "diverged"), harmonic(own, "silent", converged=reader)):
        broken = make_oracle(settings).label(atoms)
        assert not broken.converged and not broken.reusable and "failed with" in broken.message


def test_a_program_that_is_not_there(own):
    settings = harmonic(own, "converged")
    settings["arguments"]["command"] = "no_such_program"
    label = make_oracle(settings).label(molecule("H2"))
    assert not label.converged and not label.reusable and "no_such_program" in label.message


def orca(**arguments):
    return {
        "kind": "ase",
        "calculator": "ase.calculators.orca.ORCA",
        "level_of_theory": "PBE/def2-SVP",
        "arguments": {
            "profile": {"import": "ase.calculators.orca.OrcaProfile", "arguments": {"command": "/opt/orca/orca"}},
            "charge": "$charge",
            "mult": "$multiplicity",
            "orcasimpleinput": "PBE def2-SVP EnGrad",
            "orcablocks": "# charge $charge, unpaired $unpaired",
            **arguments,
        },
    }


@pytest.mark.parametrize("how", ["converged", "scf_ok", "own_calculators.judge"])
def test_forces_that_are_not_converged_drive_nothing(own, how):
    atoms = copper()
    atoms.calc = make_oracle(doubtful(how)).calculator()
    plain = copper()
    plain.calc = EMT()
    assert atoms.get_forces() == pytest.approx(plain.get_forces()) and atoms.get_stress() is not None
    VelocityVerlet(atoms, 1.0).run(2)
    atoms.calc.calculator.converged = False
    with pytest.raises(SCFError, match="as the judge says" if "judge" in how else f"not converged, as {how} says"):
        VelocityVerlet(atoms, 1.0).run(2)
    lost = copper()
    lost.calc = make_oracle(doubtful("converged", energy_shift="nan")).calculator()
    with pytest.raises(SCFError, match="not finite"):
        lost.get_forces()


def test_objects_within_the_arguments(own):
    oracle = make_oracle({**orca(), "charge": -1, "multiplicity": 3})
    calculator = oracle.calculator()
    assert isinstance(calculator, ORCA) and isinstance(calculator.profile, OrcaProfile)
    assert calculator.profile.command == "/opt/orca/orca"
    calculator.write_inputfiles(molecule("O2"), ["energy", "forces"])
    text = (own / "scratch/orca.inp").read_text()
    assert "! PBE def2-SVP EnGrad" in text and "*xyz -1 3" in text and "# charge -1, unpaired 2" in text
    label = oracle.label(Atoms("H2", [[0, 0, 0], [0, 0, 0.7]], info={"charge": 0, "multiplicity": 1}))
    assert not label.converged and not label.reusable and "/opt/orca/orca" in label.message
    assert "*xyz 0 1" in (own / "scratch/orca.inp").read_text()


def test_a_state_that_the_calculator_is_not_told_of_is_refused():
    ion = Atoms("Cu2", [[0, 0, 0], [0, 0, 2.5]], info={"charge": 1})
    oracle = make_oracle(EMT_SETTINGS)
    assert "charge 1, but nothing in oracle.ase.arguments is $charge" in oracle.refusal(ion)
    assert not oracle.label(ion).converged and oracle.label(ion).message == oracle.refusal(ion)
    radical = Atoms("Cu", info={"multiplicity": 2})
    assert "nothing in oracle.ase.arguments is $multiplicity or $unpaired" in oracle.refusal(radical)
    assert make_oracle(orca()).refusal(Atoms("Cu", info={"charge": 1, "multiplicity": 2})) is None
    with pytest.raises(ValueError, match="would compute another state"):
        make_oracle({**EMT_SETTINGS, "charge": 1}).calculator()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"calculator": ""}, "oracle.ase.calculator is missing"),
        ({"level_of_theory": ""}, "oracle.ase.level_of_theory is missing"),
        ({"calculator": "EMT"}, "oracle.ase.calculator is 'EMT', which cannot be imported"),
        ({"calculator": "ase.calculators.emt.ETM"}, "'ase.calculators.emt.ETM', which cannot be imported"),
        ({"calculator": "ase.calculators.nope.X"}, "No module named 'ase.calculators.nope'"),
        ({"calculator": "ase.units.Bohr"}, "'ase.units.Bohr', which is not a class or function"),
        ({"calculator": 5}, "oracle.ase.calculator is 5, but it has to be of type str"),
        ({"arguments": ["charge"]}, "oracle.ase.arguments is ['charge'], but it has to be of type dict"),
        ({"arguments": {"directory": "run"}}, "oracle.ase.arguments has a directory"),
        ({"arguments": {"a": [{"import": "x.Y"}]}}, "oracle.ase.arguments.a.0.import is 'x.Y', which cannot be"),
        ({"arguments": {"a": {"import": "ase.Atoms", "args": 1}}}, "oracle.ase.arguments.a has args beside import"),
        ({"arguments": {"a": {"import": "ase.Atoms", "arguments": 1}}}, "oracle.ase.arguments.a.arguments is 1"),
        ({"arguments": {"a": {"import": 1}}}, "oracle.ase.arguments.a.import is 1, which cannot be imported"),
        ({"arguments": orca(profile={"import": "ase.calculators.espresso.EspressoProfile"})["arguments"]}, "missing a"),
        ({"converged": "nope.function"}, "oracle.ase.converged is 'nope.function', which cannot be imported"),
        ({"converged": True}, "oracle.ase.converged is True, but it has to be of type str or null"),
        ({"argument": {}}, "oracle.ase.argument is not a setting of the kind ase: did you mean arguments?"),
    ],
)
def test_bad_settings_in_one_sentence(change, sentence):
    with pytest.raises(ValueError) as error:
        make_oracle({**EMT_SETTINGS, **change})
    assert sentence in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("reader", "output", "verdict"),
    [
        ("orca", "  SCF CONVERGED AFTER  12 CYCLES\n  ****ORCA TERMINATED NORMALLY****", True),
        ("orca", "  SCF NOT CONVERGED AFTER 125 CYCLES\n", False),
        ("orca", "FINAL SINGLE POINT ENERGY (Wavefunction not fully converged!)\n ORCA TERMINATED NORMALLY", False),
        ("orca", "Input file not found\n", None),
        ("espresso", "     convergence has been achieved in   7 iterations", True),
        ("espresso", "     convergence NOT achieved after   2 iterations: stopping", False),
        ("cp2k", "  *** SCF run converged in     9 steps ***", True),
        ("cp2k", "  outer SCF loop converged in   3 iterations or   60 steps", True),
        ("cp2k", " *** WARNING in qs_scf.F:601 :: SCF run NOT converged ***", False),
        ("cp2k", None, None),
    ],
)
def test_what_programs_write_about_their_convergence(tmp_path, reader, output, verdict):
    calculator, name = {
        "orca": (ORCA(profile=OrcaProfile("orca"), directory=tmp_path), "orca.out"),
        "espresso": (Espresso(profile=EspressoProfile("pw.x", "."), directory=tmp_path), "espresso.pwo"),
        "cp2k": (SimpleNamespace(label=str(tmp_path / "cp2k")), "cp2k.out"),  # ASE's own starts CP2K at once
    }[reader]
    if output is not None:
        (tmp_path / name).write_text(output)
    found = getattr(convergence, reader)(calculator, molecule("H2"))
    assert (found[0] if isinstance(found, tuple) else found) is verdict
    if verdict is False:
        assert f"{name} says" in found[1]


DOCUMENTED = [
    yaml.safe_load(block.split("```")[0])["oracle"]
    for block in (Path(__file__).parents[2] / "docs/oracles.md").read_text().split("```yaml\n")[1:]
]


@pytest.mark.parametrize("section", DOCUMENTED, ids=lambda section: section.get("ase", section).get("calculator"))
def test_the_recipes_of_the_docs_are_settings_that_work(section):
    kind = section.pop("kind")
    oracle = make_oracle({"kind": kind, **section.pop(kind), **section})
    ion = molecule("OH")
    ion.info.update(charge=-1)
    assert oracle.refusal(ion) is None
