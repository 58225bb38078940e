#!/usr/bin/env bash
# Install Debian packages that a test needs: as root, where their programs are missing. Elsewhere the test says why it
# is skipped.
#   install_packages.sh "program ..." package ...
set -euo pipefail
programs=$1
shift
missing=""
for program in $programs; do
    command -v "$program" >/dev/null || missing="$missing $program"
done
if [ -z "$missing" ]; then
    exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "test:$missing missing, and only root on Debian may install them here"
    exit 0
fi
echo "test: installing $*"
export DEBIAN_FRONTEND=noninteractive
apt-get install --quiet --yes --no-install-recommends "$@" >/dev/null ||
    { apt-get update --quiet >/dev/null && apt-get install --quiet --yes --no-install-recommends "$@" >/dev/null; } ||
    echo "test: they could not be installed"
