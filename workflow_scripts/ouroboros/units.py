"""Constants of conversion, each in one place."""

KCAL_PER_MOL_IN_EV = 0.04336410424  # 1 kcal/mol in eV: 4184 J / (N_A e), exact SI constants of 2019
CHEMICAL_ACCURACY_MEV = 1000 * KCAL_PER_MOL_IN_EV  # 1 kcal/mol; by custom 1 kcal/mol/Å for forces, in meV/Å
