"""The fast evaluation of a committee: each member as stock SchNetPack, one composition and mixed, isolated or not."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, molecule
from schnetpack.interfaces import SpkCalculator
from schnetpack.transform import MatScipyNeighborList
from vesin import NeighborList

from ouroboros.committee import Committee
from ouroboros.evaluation import Pairs, StackedCommittee, TableTooCoarse, compiler, reason_not_to_stack
from ouroboros.evaluation.filter_tables import FEWEST, tabulate
from ouroboros.evaluation.neighbour_sums import PaiNNSum, SchNetSum
from ouroboros.frames import Frames
from ouroboros.models import SETTINGS_ADDED_LATER, build_model, export_schnetpack, save_model
from ouroboros.torchsim_model import all_pairs

CUTOFF = 4.0
SETTINGS = SETTINGS_ADDED_LATER | {
    "representation": "painn", "n_atom_basis": 24, "n_filters": 24, "n_interactions": 2, "n_rbf": 20,
    "cutoff_A": CUTOFF,
}  # fmt: skip
NETWORKS = {
    "schnet": {"representation": "schnet", "n_interactions": 3},
    "schnet, shared blocks, Bessel": {
        "representation": "schnet", "shared_interactions": True, "radial_basis": "bessel", "output_layers": 3,
    },
    "painn": {"representation": "painn", "n_interactions": 2},
    "painn, shared, mollifier": {
        "representation": "painn", "shared_filters": True, "shared_interactions": True, "cutoff_function": "mollifier",
    },
}  # fmt: skip


@pytest.fixture(scope="module", params=list(NETWORKS))
def members(request):
    """Three untrained members, whose forces are some eV/Å, and their settings."""
    settings = {**SETTINGS, **NETWORKS[request.param]}
    built = []
    for seed in range(3):
        torch.manual_seed(seed)
        built.append(build_model(settings))
    return built, settings


def distorted(atoms, seed):
    atoms.rattle(0.08, seed=seed)
    return atoms


def small_cell():
    """Two atoms in a cell so small that each meets images of itself."""
    atoms = Atoms("CO", [[0, 0, 0], [1.3, 0.2, 0.1]], cell=[[2.6, 0.1, 0], [0.2, 2.9, 0], [0, -0.2, 3.1]], pbc=True)
    return distorted(atoms, 5)


SETS = {
    "one composition": lambda: [distorted(molecule("CH3CH2OH"), seed) for seed in range(4)],
    "mixed": lambda: [distorted(molecule(name), 1) for name in ("H2O", "CH3CH2OH", "CH4", "H2O")] + [Atoms("O")],
    "periodic": lambda: [distorted(bulk("Cu", cubic=True), 2), small_cell()],
    "mixed, some periodic": lambda: [molecule("H2O"), small_cell(), distorted(molecule("CH3OH"), 3)],
    "molecules longer than the cutoff": lambda: [distorted(molecule("trans-butane"), 3)],
}


def stock_results(paths, images, dtype):
    """Energies (members, frames) and forces (members, atoms, 3) of stock SchNetPack, one structure at a time."""
    energies, forces = [], []
    for path in paths:
        calculator = SpkCalculator(
            str(path), MatScipyNeighborList(cutoff=CUTOFF), energy_unit="eV", position_unit="Ang", dtype=dtype
        )
        energies.append([calculator.get_potential_energy(atoms) for atoms in images])
        forces.append(np.concatenate([calculator.get_forces(atoms) for atoms in images]))
    return np.array(energies), np.array(forces)


@pytest.mark.parametrize("structures", list(SETS))
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-9)])
def test_each_member_agrees_with_stock_schnetpack(members, structures, dtype, tolerance, tmp_path):
    built, settings = members
    paths = []
    for m, member in enumerate(built):
        save_model(tmp_path / "model.pt", deepcopy(member).to(dtype), settings, np.zeros(100))
        paths.append(tmp_path / f"stock_{m}.pt")
        export_schnetpack(tmp_path / "model.pt", paths[-1])
    images = SETS[structures]()
    committee = Committee([deepcopy(member).to(dtype) for member in built], np.zeros((3, 100)), CUTOFF)
    assert committee.one_by_one_because == ""
    prediction = committee.predict(Frames.from_atoms(images))
    energies, forces = stock_results(paths, images, dtype)
    assert np.abs(forces).max() > 0.1
    np.testing.assert_allclose(prediction.member_forces, forces, rtol=0, atol=tolerance)
    np.testing.assert_allclose(prediction.member_energy, energies, rtol=0, atol=2 * tolerance)


@pytest.mark.parametrize("structures", ["mixed", "periodic"])
def test_features_are_those_of_schnetpack(members, structures, monkeypatch):
    built, _ = members
    frames = Frames.from_atoms(SETS[structures]())
    fast = Committee(built, np.zeros((3, 100)), CUTOFF)
    slow = Committee(built, np.zeros((3, 100)), CUTOFF)
    monkeypatch.setattr(slow, "_stacked", "taken one by one")
    features = slow.features(frames)
    assert np.ptp(features, axis=0).max() > 0.1
    np.testing.assert_allclose(fast.features(frames), features, rtol=0, atol=1e-5)


def test_forces_are_the_gradient_of_the_tabulated_energy(members):
    built, _ = members
    committee = Committee([deepcopy(member).double() for member in built], np.zeros((3, 100)), CUTOFF)
    atoms, step = distorted(molecule("CH3OH"), 0), 1e-4
    forces = committee.predict(Frames.from_atoms([atoms])).member_forces
    for atom, axis in ((0, 0), (1, 1), (4, 2)):
        images = [atoms.copy(), atoms.copy()]
        images[0].positions[atom, axis] += step
        images[1].positions[atom, axis] -= step
        energies = committee.predict(Frames.from_atoms(images)).member_energy
        np.testing.assert_allclose(forces[:, atom, axis], (energies[:, 1] - energies[:, 0]) / (2 * step), atol=1e-6)


def test_stress_agrees_with_schnetpack(members):
    built, _ = members
    images = [small_cell(), small_cell(), molecule("H2O")]
    images[1].set_cell(images[1].cell.array[[1, 0, 2]])  # left-handed
    fast, slow = (
        Committee([deepcopy(m).double() for m in built], np.zeros((3, 100)), CUTOFF, stress=True) for _ in range(2)
    )
    slow.one_by_one_because = "for comparison"
    stresses = [committee.predict(Frames.from_atoms(images)).member_stress for committee in (fast, slow)]
    assert fast.one_by_one_because == "" and np.abs(stresses[0][:, :2]).max() > 1e-3
    np.testing.assert_allclose(*stresses, rtol=0, atol=1e-9)


def test_nan_of_one_system_stays_in_it(members):
    built, _ = members
    images = [molecule("H2O"), molecule("CH4")]
    images[0].positions[1, 0] = np.nan
    idx_i, idx_j = all_pairs(torch.tensor([3, 5]))
    system = torch.tensor([0] * 3 + [1] * 5)
    pairs = Pairs.from_full_list(idx_i, idx_j, torch.zeros(len(idx_i), 3), system, 2)
    frames = Frames.from_atoms(images)
    result = Committee(built, np.zeros((3, 100)), CUTOFF).evaluate(
        torch.tensor(frames.numbers), torch.tensor(frames.positions), torch.zeros(2, 3, 3), system, pairs
    )
    assert result.energy.isnan().tolist() == [[True, False]] * 3
    assert result.forces[:, :3].isnan().any() and result.forces[:, 3:].isfinite().all()


# --- the parts


def two_systems():
    """Pairs of a triangle with one image of an atom itself, and of a pair of atoms: 5 atoms, 5 pairs."""
    idx_i, idx_j = torch.tensor([[0, 0, 1, 2, 3], [1, 2, 2, 2, 4]], dtype=torch.int32)
    return Pairs(idx_i, idx_j, torch.zeros(5, 3), torch.tensor([0, 4, 5], dtype=torch.int32))


def table(n_filters):
    def waves(phase):
        powers = torch.linspace(0.5, 2.0, n_filters, dtype=torch.float64)
        return lambda r: torch.cos(r[:, None] * powers + phase) * (1 - r[:, None] / CUTOFF) ** 3

    return tabulate([waves(0.0), waves(1.0)], CUTOFF, 7, torch.float64)


def test_derivatives_of_the_sums_are_their_finite_differences():
    torch.manual_seed(0)
    r = (0.5 + 3 * torch.rand(2, 5, dtype=torch.float64)).requires_grad_()
    d, mu = (torch.randn(2, 5, 3, *more, dtype=torch.float64, requires_grad=True) for more in ((), (7,)))
    x, x3 = (torch.randn(2, 5, n, dtype=torch.float64, requires_grad=True) for n in (7, 21))
    pairs, filters, filters3 = two_systems(), table(7), table(21)
    assert torch.autograd.gradcheck(lambda r, x: SchNetSum.apply(r, x, pairs, filters), (r, x))
    assert torch.autograd.gradcheck(lambda *given: PaiNNSum.apply(*given, pairs, filters3), (r, d, x3, mu))


def test_a_pair_with_its_own_image_counts_both_ways_and_pairs_beyond_the_cutoff_not_at_all():
    pairs = two_systems()
    r = torch.full((2, 5), 1.5, dtype=torch.float64)
    x = torch.ones(2, 5, 7, dtype=torch.float64)
    filters = table(7)
    one = SchNetSum.apply(r[:, :], x, pairs, filters)[:, 4]  # of one neighbour
    neighbours = torch.tensor([2, 2, 4, 1, 1])  # atom 2: atoms 0 and 1, and itself in two directions
    torch.testing.assert_close(SchNetSum.apply(r, x, pairs, filters), one[:, None] * neighbours[:, None])
    r[:, 1] = CUTOFF
    neighbours = torch.tensor([1, 2, 3, 1, 1])
    torch.testing.assert_close(SchNetSum.apply(r, x, pairs, filters), one[:, None] * neighbours[:, None])


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-9)])
@pytest.mark.parametrize("waves", [3.0, 40.0])
def test_a_table_has_the_values_and_slopes_of_its_function(dtype, tolerance, waves):
    """Of slow functions and of fast ones, for which it is made finer."""
    steepness = torch.linspace(0.1, 1.0, 20, dtype=torch.float64) * waves

    def function(r):
        return torch.sin(r[:, None] * steepness.to(r.dtype)) * (1 - r[:, None] / CUTOFF) ** 3

    made = tabulate([function], CUTOFF, 20, dtype)
    r = 0.5 + (CUTOFF - 0.5) * torch.rand(1, 400, generator=torch.Generator().manual_seed(0), dtype=dtype)
    r.requires_grad_()
    idx = torch.arange(400, dtype=torch.int32)
    pairs = Pairs(idx, idx + 400, torch.zeros(400, 3), torch.tensor([0, 400], dtype=torch.int32))
    out = SchNetSum.apply(r, torch.ones(1, 800, 20, dtype=dtype), pairs, made)[0, :400]
    exact = function(r[0])
    assert (out - exact).abs().max() < tolerance
    ours, theirs = (torch.autograd.grad(f.sum(), r, retain_graph=True)[0] for f in (out, exact))
    assert (ours - theirs).abs().max() < tolerance * waves * 20


def test_a_finer_table_for_faster_functions_and_higher_precision():
    def sizes(waves, dtype):
        def fading(r):
            return (torch.sin(waves * r) * (1 - r / CUTOFF) ** 3)[:, None]

        return tabulate([fading], CUTOFF, 1, dtype).intervals

    assert sizes(3.0, torch.float32) < sizes(40.0, torch.float32)
    assert sizes(3.0, torch.float32) < sizes(3.0, torch.float64)


def test_pairs_of_a_full_list_come_once_and_give_it_back():
    atoms = small_cell()
    search = NeighborList(cutoff=CUTOFF, full_list=True)
    i, j, shift = search.compute(atoms.positions, atoms.cell.array, True, quantities="ijS")
    i, j, offsets = torch.tensor(i.astype(int)), torch.tensor(j.astype(int)), torch.tensor(shift @ atoms.cell.array)
    pairs = Pairs.from_full_list(i, j, offsets, torch.zeros(2, dtype=torch.long), 1)
    assert 2 * len(pairs.idx_i) == len(i) and (i == j).any()
    rows = [torch.cat([a[:, None].double(), b[:, None].double(), o], 1).round(decimals=6) + 0.0 for a, b, o in
            ((i, j, offsets), pairs.both_ways())]  # fmt: skip
    assert torch.equal(*(torch.unique(row, dim=0) for row in rows))


# --- where the kernels cannot serve


def test_what_the_kernels_cannot_do_is_left_to_schnetpack_with_the_reason(monkeypatch):
    def made(**changes):
        return build_model({**SETTINGS, "lmax": 1, **changes})

    assert "SO3net" in reason_not_to_stack([made(representation="so3net")], "cpu")
    assert "differ" in reason_not_to_stack([made(), made(n_rbf=12)], "cpu")
    assert "differ" in reason_not_to_stack([made(), made(representation="schnet")], "cpu")
    assert "CPU" in reason_not_to_stack([made()], "cuda")
    odd = made()
    odd.representation.interactions[0].interatomic_context_net[0].activation = torch.tanh
    assert "activation" in reason_not_to_stack([odd], "cpu")
    renamed, doubled = made(), made()
    renamed.output_modules[0].output_key = "total"
    doubled.output_modules.append(doubled.output_modules[0])
    assert "total" in reason_not_to_stack([renamed], "cpu")
    assert "Atomwise" in reason_not_to_stack([doubled], "cpu")
    compiler.load_kernels.cache_clear()
    try:
        monkeypatch.setenv("CXX", "no-such-compiler")
        assert reason_not_to_stack([made()], "cpu") == "there is no C++ compiler (no-such-compiler)"
        committee = Committee([made(), made()], np.zeros((2, 100)), CUTOFF)
        assert np.isfinite(committee.predict(Frames.from_atoms([molecule("H2O")])).forces).all()
    finally:
        compiler.load_kernels.cache_clear()


def test_offsets_within_a_stock_model_are_not_lost(members, tmp_path):
    built, settings = members
    offsets = np.zeros(100)
    offsets[[1, 8]] = -13.0, -430.0
    save_model(tmp_path / "model.pt", built[0], settings, offsets)
    export_schnetpack(tmp_path / "model.pt", tmp_path / "stock.pt")
    stock = torch.load(tmp_path / "stock.pt", weights_only=False)
    committee = Committee([stock], np.zeros((1, 100)), CUTOFF)
    assert "CastTo64" in committee.one_by_one_because
    frames = Frames.from_atoms([molecule("H2O")])
    with_offsets = Committee([built[0]], offsets[None], CUTOFF).predict(frames)
    np.testing.assert_allclose(committee.predict(frames).energy, with_offsets.energy, rtol=0, atol=1e-3)


def test_a_filter_too_fast_for_a_table_is_left_to_schnetpack(monkeypatch):
    with pytest.raises(TableTooCoarse, match="4096 intervals"):
        tabulate([lambda r: torch.sin(1000.0 * r)[:, None]], CUTOFF, 1, torch.float64)
    monkeypatch.setattr("ouroboros.evaluation.filter_tables.MOST", FEWEST)
    committee = Committee([build_model(SETTINGS)], np.zeros((1, 100)), CUTOFF)
    assert "too fast" in committee.one_by_one_because
    assert np.isfinite(committee.predict(Frames.from_atoms([molecule("H2O")])).forces).all()


def test_a_compiler_that_fails_is_named_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CXX", "false")
    compiler.load_kernels.cache_clear()
    try:
        with pytest.raises(compiler.KernelsMissing, match="false cannot compile the kernels"):
            compiler.load_kernels()
    finally:
        compiler.load_kernels.cache_clear()
    assert list((tmp_path / "ouroboros").iterdir()) == []


def test_kernels_are_compiled_once(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    compiler.load_kernels.cache_clear()
    compiler.load_kernels()
    made = list((tmp_path / "ouroboros").iterdir())
    compiler.load_kernels.cache_clear()
    monkeypatch.setattr(compiler, "_compile", None)  # would fail if it were called
    compiler.load_kernels()
    assert [path.suffix for path in made] == [".so"]


def test_without_a_cache_the_kernels_lie_in_a_folder_of_the_user_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    monkeypatch.setattr(compiler.tempfile, "gettempdir", lambda: str(tmp_path))
    folder = compiler._cache()
    assert folder.parent == tmp_path and folder.stat().st_mode & 0o777 == 0o700
    assert compiler._cache() == folder
    folder.chmod(0o777)
    with pytest.raises(compiler.KernelsMissing, match="open to others"):
        compiler._cache()


def test_members_of_one_number_of_threads_give_the_same_on_two(members):
    built, _ = members
    frames = Frames.from_atoms(SETS["mixed"]())
    results = []
    for threads in (1, 2):
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        results.append(Committee(built, np.zeros((3, 100)), CUTOFF).predict(frames).member_forces)
        torch.set_num_threads(before)
    np.testing.assert_allclose(*results, rtol=0, atol=1e-6)


def test_stacking_copies_the_weights(members):
    built, _ = members
    copies = [deepcopy(member) for member in built]
    stacked = StackedCommittee(copies, torch.float32, stress=False)
    before = stacked.energy_of_atom.layers[0].weight.clone()
    with torch.no_grad():
        for member in copies:
            for weight in member.parameters():
                weight.zero_()
    assert torch.equal(stacked.energy_of_atom.layers[0].weight, before)
