"""Constants of conversion, each in one place; CODATA 2018 and the exact SI constants of 2019."""

from scipy import constants

KCAL_PER_MOL_IN_EV = 4184 / (constants.N_A * constants.e)  # 0.0433641042...: at −97,080 kcal/mol digit 8 is 1 meV
CHEMICAL_ACCURACY_MEV = 1000 * KCAL_PER_MOL_IN_EV  # 1 kcal/mol; by custom 1 kcal/mol/Å for forces, in meV/Å
HARTREE_IN_EV = constants.value("Hartree energy in eV")
BOHR_IN_A = constants.value("Bohr radius") * 1e10

ENERGY_UNITS = {  # in eV
    "eV": 1.0,
    "meV": 1e-3,
    "kcal/mol": KCAL_PER_MOL_IN_EV,
    "kJ/mol": KCAL_PER_MOL_IN_EV / 4.184,
    "Hartree": HARTREE_IN_EV,
    "Rydberg": HARTREE_IN_EV / 2,
}
LENGTH_UNITS = {"A": 1.0, "Bohr": BOHR_IN_A, "nm": 10.0}  # in Å
FORCE_UNITS = {  # in eV/Å
    "eV/A": 1.0,
    "meV/A": 1e-3,
    "kcal/mol/A": KCAL_PER_MOL_IN_EV,
    "kJ/mol/A": KCAL_PER_MOL_IN_EV / 4.184,
    "kJ/mol/nm": KCAL_PER_MOL_IN_EV / 41.84,
    "Hartree/Bohr": HARTREE_IN_EV / BOHR_IN_A,
    "Hartree/A": HARTREE_IN_EV,
    "Rydberg/Bohr": HARTREE_IN_EV / 2 / BOHR_IN_A,
    "eV/Bohr": 1 / BOHR_IN_A,
}
GPA_IN_EV_PER_A3 = 1e-21 / constants.e
STRESS_UNITS = {  # in eV/Å³
    "eV/A^3": 1.0,
    "meV/A^3": 1e-3,
    "GPa": GPA_IN_EV_PER_A3,
    "kbar": GPA_IN_EV_PER_A3 / 10,
    "bar": GPA_IN_EV_PER_A3 / 10_000,
    "kcal/mol/A^3": KCAL_PER_MOL_IN_EV,
    "kJ/mol/nm^3": KCAL_PER_MOL_IN_EV / 4184,
    "Hartree/Bohr^3": HARTREE_IN_EV / BOHR_IN_A**3,
    "Rydberg/Bohr^3": HARTREE_IN_EV / 2 / BOHR_IN_A**3,
}
