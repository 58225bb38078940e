"""Named units against the numbers: the right ones always pass, the usual mistakes never do."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.calculators.singlepoint import SinglePointCalculator
from ase.md.langevin import Langevin

from ouroboros.frames import Frames
from ouroboros.oracles import make_oracle
from ouroboros.reference.plausibility import check_units, contacts_and_bonds, energy_over_free_atoms, neighbours
from ouroboros.units import BOHR_IN_A, ENERGY_UNITS, FORCE_UNITS

USUAL = [("eV", "eV/A"), ("kcal/mol", "kcal/mol/A"), ("Hartree", "Hartree/Bohr")]
XTB = make_oracle({"kind": "xtb"})


def labelled(images, calculator):
    made = []
    for image in images:
        atoms = image.copy()
        atoms.calc = calculator()
        atoms.calc = SinglePointCalculator(atoms, energy=atoms.get_potential_energy(), forces=atoms.get_forces())
        made.append(atoms)
    return Frames.from_atoms(made)


def rattled(atoms, amplitude, n=30):
    images = [atoms.copy() for _ in range(n)]
    for seed, image in enumerate(images):
        image.rattle(amplitude, seed=seed)
    return images


def trajectory(atoms, calculator, temperature_K, timestep_fs, n=40):
    atoms, images = atoms.copy(), []
    atoms.calc = calculator()
    rng = np.random.default_rng(0)
    dynamics = Langevin(
        atoms, timestep_fs * units.fs, temperature_K=temperature_K, friction=0.02 / units.fs, fixcm=False, rng=rng
    )
    dynamics.run(60)
    for _ in range(n):
        dynamics.run(10)
        images.append(atoms.copy())
    return images


@pytest.fixture(scope="module")
def sets():
    ethanol, copper = molecule("CH3CH2OH"), bulk("Cu", cubic=True) * (2, 2, 2)
    return {
        "ethanol at 400 K": labelled(trajectory(ethanol, XTB.calculator, 400, 0.5), XTB.calculator),
        "ethanol, rattled": labelled(rattled(ethanol, 0.05), XTB.calculator),
        "water, nearly at rest": labelled(rattled(molecule("H2O"), 0.005), XTB.calculator),
        "water, broken": labelled(rattled(molecule("H2O"), 0.3), XTB.calculator),
        "salt, two atoms": labelled(rattled(molecule("NaCl"), 0.1), XTB.calculator),
        "copper at 1200 K": labelled(trajectory(copper, EMT, 1200, 2.0), EMT),
        "copper, rattled": labelled(rattled(copper, 0.1), EMT),
    }


def all_electron(frames):
    """The same surface as from a code with all electrons: energies deeper by a constant."""
    depth = energy_over_free_atoms(frames)
    return replace(frames, energy=frames.energy + frames.energy.mean() * (1.005 / depth - 1))


def misread(frames, true, said):
    """Numbers in the units `true`, taken for `said`."""
    by_energy = ENERGY_UNITS[said[0]] / ENERGY_UNITS[true[0]]
    by_force = FORCE_UNITS[said[1]] / FORCE_UNITS[true[1]]
    return replace(frames, energy=frames.energy * by_energy, forces=frames.forces * by_force)


def judge(frames, said, where="mine.xyz"):
    check_units(frames, energy_unit=said[0], force_unit=said[1], where=where)


@pytest.mark.parametrize("said", [*USUAL, ("kJ/mol", "kJ/mol/nm"), ("meV", "meV/A"), ("eV", "Hartree/Bohr")])
def test_the_right_units_pass(sets, said):
    for frames in sets.values():
        judge(frames, said)
    judge(all_electron(sets["ethanol at 400 K"]), said)


def test_few_frames_and_relaxed_ones_pass(sets):
    for n in (1, 2, 3):
        judge(sets["ethanol at 400 K"].take(np.arange(n)), USUAL[0])
    still = labelled([molecule("CH4")] * 5, XTB.calculator)
    judge(replace(still, forces=still.forces * 1e-6), USUAL[0])
    judge(sets["ethanol at 400 K"].take([]), USUAL[0])


def methane_pair():
    """Two molecules that move against one another far more than within: as soft as a surface gets."""
    rng, images = np.random.default_rng(0), []
    for _ in range(40):
        one, other = molecule("CH4"), molecule("CH4")
        for part in (one, other):
            part.positions += rng.normal(scale=0.005, size=(5, 3))
        other.positions += np.array([4.2, 0, 0]) + rng.normal(scale=0.4, size=3)
        images.append(one + other)
    return images


def pulled_apart(symbols, lengths):
    return [Atoms(symbols, [[0, 0, 0], [0, 0, length]]) for length in lengths]


@pytest.mark.parametrize(
    ("images", "calculator"),
    [
        (methane_pair(), XTB.calculator),
        (pulled_apart("H2", np.linspace(0.5, 3, 30)), XTB.calculator),
        (pulled_apart("N2", np.linspace(0.9, 2.5, 30)), XTB.calculator),
        (pulled_apart("Ar2", np.linspace(3.2, 7, 30)), lambda: LennardJones(sigma=3.4, epsilon=0.0103, rc=10)),
        (rattled(molecule("LiH"), 0.1), XTB.calculator),
        (rattled(molecule("SiH4"), 0.2), XTB.calculator),
        (rattled(molecule("C6H6"), 0.3), XTB.calculator),
    ],
    ids=["soft", "H2", "N2", "argon", "hydride", "silane", "benzene"],
)
def test_odd_but_honest_sets_pass(images, calculator):
    judge(labelled(images, calculator), USUAL[0])


@pytest.mark.parametrize("true", USUAL[1:])
def test_hydrogen_tells_even_where_frames_are_far_apart(true):
    frames = labelled(rattled(molecule("C6H6"), 0.2, 20), XTB.calculator)
    frames = replace(frames, energy=frames.energy - frames.energy.mean())  # which then tell nothing
    with pytest.raises(ValueError, match=f"bonds of hydrogen.*energy_unit {true[0]} with force_unit {true[1]}"):
        judge(misread(frames, true, USUAL[0]), USUAL[0])


def test_bonds_of_hydrogen_have_their_stiffness():
    """F = −k (r − r0) along the bond, under any other forces across it."""
    rng, k, images = np.random.default_rng(0), 31.0, []
    for length in 0.96 + rng.normal(scale=0.03, size=40):
        axis = rng.normal(size=3)
        axis /= np.linalg.norm(axis)
        atoms = Atoms("OH", [[0, 0, 0], length * axis])
        forces = np.array([[0, 0, 0], -k * (length - 0.96) * axis + np.cross(axis, rng.normal(size=3))])
        atoms.calc = SinglePointCalculator(atoms, energy=k / 2 * (length - 0.96) ** 2, forces=forces)
        images.append(atoms)
    assert contacts_and_bonds(Frames.from_atoms(images))[1] == pytest.approx(k, rel=1e-9)


@pytest.mark.parametrize("true", USUAL)
@pytest.mark.parametrize("said", USUAL)
def test_units_taken_for_one_another_are_refused_and_the_right_ones_named(sets, true, said):
    if true == said:
        return
    for name in ("ethanol at 400 K", "ethanol, rattled"):
        for frames in (sets[name], all_electron(sets[name])):
            with pytest.raises(ValueError) as error:
                judge(misread(frames, true, said), said)
            assert f"energy_unit {true[0]} with force_unit {true[1]} would fit better" in str(error.value)


@pytest.mark.parametrize("name", ["copper at 1200 K", "copper, rattled", "water, nearly at rest", "salt, two atoms"])
@pytest.mark.parametrize("true", USUAL[1:])
def test_numbers_taken_for_ev_are_refused_for_metals_and_small_molecules(sets, name, true):
    if name == "salt, two atoms" and true[0] == "kcal/mol":
        return  # two atoms may be that stiff, and one bond that soft is no proof
    with pytest.raises(ValueError, match=f"energy_unit {true[0]}"):
        judge(misread(sets[name], true, USUAL[0]), USUAL[0])


@pytest.mark.parametrize("true", [("eV", "kcal/mol/A"), ("kcal/mol", "eV/A"), ("eV", "Hartree/Bohr")])
def test_energies_and_forces_in_units_that_do_not_belong_together(sets, true):
    for name in ("ethanol at 400 K", "copper, rattled"):
        with pytest.raises(ValueError, match=f"energy_unit {true[0]} with force_unit {true[1]}"):
            judge(misread(sets[name], true, USUAL[0]), USUAL[0])


@pytest.mark.parametrize("factor", [1 / BOHR_IN_A, BOHR_IN_A, 0.1])
def test_lengths_in_another_unit(sets, factor):
    for name in ("ethanol at 400 K", "copper, rattled"):
        frames = replace(sets[name], positions=sets[name].positions * factor, cell=sets[name].cell * factor)
        with pytest.raises(ValueError, match="length_unit"):
            judge(frames, USUAL[0])


def test_the_sentence_names_file_units_numbers_and_the_way_out(sets):
    with pytest.raises(ValueError) as error:
        judge(misread(all_electron(sets["ethanol at 400 K"]), USUAL[1], USUAL[0]), USUAL[0], where="a.xyz, b.xyz")
    for words in ("a.xyz, b.xyz: energies in eV and forces in eV/A", "23.2 times", "accept_units: true"):
        assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_work_of_a_harmonic_surface():
    """E = k x²/2: the mean force times the way is the energy difference, exactly, and the stiffness is k."""
    rng, k = np.random.default_rng(0), 7.0
    cell = bulk("Cu", cubic=True)
    images = []
    for _ in range(20):
        atoms = cell.copy()
        step = rng.normal(scale=0.05, size=atoms.positions.shape)
        atoms.positions += step + 10  # out of the cell: minimum images count
        atoms.wrap()
        atoms.calc = SinglePointCalculator(atoms, energy=k * (step**2).sum() / 2, forces=-k * step)
        images.append(atoms)
    found = neighbours(Frames.from_atoms(images))
    assert found.pairs == 20
    assert found.slope == pytest.approx(1, abs=1e-9) and found.stiffness == pytest.approx(k, abs=1e-9)


def test_the_formula_for_free_atoms():
    """Hartree–Fock energies of free atoms (Clementi and Roetti 1974), Hartree."""
    hartree_fock = {"H": -0.5, "C": -37.6886, "O": -74.8094, "Si": -288.8544, "Cu": -1638.9637}
    for symbol, energy in hartree_fock.items():
        atom = Atoms(symbol)
        atom.calc = SinglePointCalculator(atom, energy=energy * ENERGY_UNITS["Hartree"], forces=np.zeros((1, 3)))
        assert energy_over_free_atoms(Frames.from_atoms([atom])) == pytest.approx(1, abs=0.08)


def test_gradients_taken_for_forces(sets):
    for name in ("ethanol, rattled", "copper, rattled"):
        frames = replace(sets[name], forces=-sets[name].forces)
        with pytest.raises(
            ValueError, match="the energy rises where the forces point; gradients are forces of the other"
        ):
            judge(frames, USUAL[0])
