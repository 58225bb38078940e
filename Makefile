# Ouroboros: everything runs from .venv, nobody has to activate it. `make` alone lists the targets.

# make run CONFIG=my.yaml PROFILE=profiles/slurm: on a cluster
PROFILE ?= profiles/default
SNAKEMAKE := .venv/bin/snakemake --workflow-profile $(PROFILE)
PYTHON := .venv/bin/python
# Snakemake 9.27 warns of a coroutine of its own, once a job, whenever it writes a report.
REPORTER := PYTHONWARNINGS=ignore::RuntimeWarning $(SNAKEMAKE) --quiet all --report-stylesheet docs/report.css

DEMO_CONFIG := examples/demo.yaml
DEMO_REPORT := results/demo/report.html
ROUNDS := $(PYTHON) -m ouroboros.rounds

# make run CONFIG=my.yaml ARGS="-n": any option of Snakemake
CONFIG ?= config.yaml
REPORT ?= results/$(basename $(notdir $(CONFIG))).html
ARGS ?=

# make new MOLECULE=my.xyz NAME=my CHARGE=1 MULTIPLICITY=2 ORACLE=pyscf: all but the first may be left out.
# Some shells have a NAME of their own, which is not meant.
NEW_ARGS := $(if $(filter command%,$(origin NAME)),--name "$(NAME)") $(if $(CHARGE),--charge $(CHARGE)) $(if $(ORACLE),--oracle $(ORACLE)) \
    $(if $(MULTIPLICITY),--multiplicity $(MULTIPLICITY))

# `make lock LOCK_ARGS="--upgrade-package torch"` moves one version; without it the lock keeps its versions.
LOCK_ARGS ?=

# The library without installing it.
export PYTHONPATH := $(CURDIR)/workflow_scripts$(if $(PYTHONPATH),:$(PYTHONPATH))

.PHONY: help env readable doctor demo copper new plan status watch run train quick resume unlock sweep overfit timestep_scan vibrations export report test test-slurm lint config lock clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z_-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

env: .venv/.installed ## create .venv from requirements.lock (does nothing when it is up to date)

.venv/.installed: requirements.lock .python-version
	@bash envs/create.sh
	@touch $@

doctor: env ## what this machine has for a run, whether it works, and the fix where it does not
	@$(PYTHON) -m ouroboros.doctor

demo: env ## active learning of ethanol from nothing, the table of rounds and an HTML report
	$(SNAKEMAKE) --configfile $(DEMO_CONFIG)
	@$(REPORTER) --configfile $(DEMO_CONFIG) --report $(DEMO_REPORT)
	@echo
	@$(ROUNDS) $(DEMO_CONFIG)
	@echo "Report: $(DEMO_REPORT)"

copper: env downloads/copper_emt.extxyz ## a periodic example: liquid copper with EMT, time-step scan and spectra included
	$(SNAKEMAKE) all timestep_scan vibrations $(ARGS) --configfile examples/copper_emt.yaml
	@$(ROUNDS) examples/copper_emt.yaml

downloads/copper_emt.extxyz: examples/copper_emt.py
	@$(PYTHON) examples/copper_emt.py $@

new: env ## write the config of your own molecule: make new MOLECULE=my.xyz [NAME=...] [CHARGE=...] [MULTIPLICITY=...]
	@$(PYTHON) -m ouroboros.new_experiment "$(MOLECULE)" $(NEW_ARGS)

readable: env
	@$(PYTHON) -m ouroboros.config_file $(CONFIG)

plan: readable ## jobs, labels and time of a run, measured on this machine before it starts: make plan CONFIG=my.yaml
	@$(PYTHON) -m ouroboros.plan $(CONFIG) $(ARGS)

status: readable ## how a run stands, from its files, while it goes on or after: make status CONFIG=my.yaml
	@$(PYTHON) -m ouroboros.status $(CONFIG)

watch: readable ## the same every 5 seconds, until Ctrl-C: make watch CONFIG=my.yaml
	@$(PYTHON) -m ouroboros.status $(CONFIG) --watch

run: readable ## run an experiment and print its table: make run CONFIG=my.yaml [ARGS=--dry-run]
	$(SNAKEMAKE) $(ARGS) --configfile $(CONFIG)
	@$(ROUNDS) $(CONFIG)

train: readable ## train and test on the reference alone, without the loop: make train CONFIG=my.yaml
	$(SNAKEMAKE) trained $(ARGS) --configfile $(CONFIG)

quick: readable ## try the whole loop on a few frames, in results/<name>_quick: make quick CONFIG=my.yaml
	@$(PYTHON) -m ouroboros.quick $(CONFIG) --workflow-profile $(PROFILE) $(ARGS)

resume: unlock ## go on after a crash or kill -9 that left Snakemake's lock: make resume CONFIG=my.yaml
	@$(MAKE) --no-print-directory run

unlock: readable ## take that lock away, if no job of the run is alive: make unlock CONFIG=my.yaml
	@$(PYTHON) -m ouroboros.living_jobs
	@$(SNAKEMAKE) --configfile $(CONFIG) --unlock

sweep: readable ## compare settings by training each: make sweep CONFIG=examples/sweep_interactions.yaml
	$(SNAKEMAKE) sweep --keep-going $(ARGS) --configfile $(CONFIG)
	@$(PYTHON) -m ouroboros.sweeps $(CONFIG)

overfit: readable ## can the model learn one batch by heart? make overfit CONFIG=my.yaml
	$(SNAKEMAKE) overfit $(ARGS) --configfile $(CONFIG)

timestep_scan: readable ## does the energy error fall with the time step? make timestep_scan CONFIG=my.yaml
	$(SNAKEMAKE) timestep_scan $(ARGS) --configfile $(CONFIG)

vibrations: readable ## frequencies of committee and oracle side by side: make vibrations CONFIG=my.yaml
	$(SNAKEMAKE) vibrations $(ARGS) --configfile $(CONFIG)

export: readable ## the committee for SchNetPack, LAMMPS and C++ (docs/using.md): make export CONFIG=my.yaml
	$(SNAKEMAKE) export $(ARGS) --configfile $(CONFIG)

report: readable ## HTML report of a finished run: make report CONFIG=my.yaml [REPORT=out.html]
	@mkdir -p $(dir $(REPORT))
	@$(REPORTER) --configfile $(CONFIG) --report $(REPORT)
	@echo "Report: $(REPORT)"

test: env ## run the tests
	$(PYTHON) -m pytest -q -n auto --maxprocesses 8 --dist loadfile tests/unit
	$(PYTHON) -m pytest -q -n 2 --dist loadfile --durations=10 --ignore tests/workflow/test_slurm.py tests/workflow

test-slurm: env ## run the test on a real SLURM of one node, which root on Debian installs (no other machine is touched)
	@bash tests/workflow/install_packages.sh "slurmctld munged" slurm-wlm munge
	$(PYTHON) -m pytest -q tests/workflow/test_slurm.py

lint: env ## check style, types and the workflow
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m snakefmt --check Snakefile rules
	$(SNAKEMAKE) --lint
	$(PYTHON) -m mypy

config: env ## write config.yaml and its JSON schema from the models in ouroboros/config
	$(PYTHON) -m ouroboros.config

# Left out of the lock: what torch pins by itself (NVIDIA's libraries, several GB that its CPU build does not have),
# and packages for Windows.
lock: ## renew requirements.lock from requirements.in (needs uv)
	uv pip compile --quiet --universal --python-version $$(cat .python-version) --annotation-style line \
	    --custom-compile-command "make lock" $(LOCK_ARGS) requirements.in --output-file requirements.lock
	grep -vE "^(nvidia-|cuda-|triton)|sys_platform == 'win32'" requirements.lock > requirements.lock.new
	mv requirements.lock.new requirements.lock

clean: ## remove caches and build leftovers, never results, labels or .venv
	rm -rf build dist .pytest_cache .ruff_cache .mypy_cache
	find . -name .venv -prune -o -name results -prune -o \( -name __pycache__ -o -name '*.egg-info' \) -prune -exec rm -rf {} +
