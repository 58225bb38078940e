#!/usr/bin/env bash
# Install Chromium and its driver for the test of the report: on Debian, as root, where they are missing. Elsewhere the
# test says why it is skipped.
set -euo pipefail
if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then
    exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "test: chromium and chromedriver are missing, and only root on Debian may install them here"
    exit 0
fi
echo "test: installing chromium and chromium-driver"
export DEBIAN_FRONTEND=noninteractive
apt-get install --quiet --yes --no-install-recommends chromium chromium-driver >/dev/null ||
    { apt-get update --quiet >/dev/null && apt-get install --quiet --yes --no-install-recommends chromium chromium-driver >/dev/null; } ||
    echo "test: they could not be installed"
