#!/usr/bin/env bash
# Install SLURM and MUNGE for the test on one node: on Debian, as root, where they are missing. Elsewhere the test says
# why it is skipped.
set -euo pipefail
if command -v slurmctld >/dev/null && command -v munged >/dev/null; then
    exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "test-slurm: slurm-wlm and munge are missing, and only root on Debian may install them here"
    exit 0
fi
echo "test-slurm: installing slurm-wlm and munge"
export DEBIAN_FRONTEND=noninteractive
apt-get install --quiet --yes --no-install-recommends slurm-wlm munge >/dev/null ||
    { apt-get update --quiet >/dev/null && apt-get install --quiet --yes --no-install-recommends slurm-wlm munge >/dev/null; } ||
    echo "test-slurm: they could not be installed"
