#!/usr/bin/env bash
# Create .venv, or bring it up to date with requirements.lock. `make env` runs this; running it twice does no harm.
# Needs either uv, or Python of the version in .python-version with pip. Works with the bash 3.2 of macOS.
set -euo pipefail
cd "$(dirname "$0")/.."

wanted=$(cat .python-version)
python=.venv/bin/python

stop() {
    echo "make env: $*" >&2
    exit 1
}

# A command may be found and still not run (a pyenv shim without its interpreter): so ask it.
works() { "$@" >/dev/null 2>&1; }
is_wanted() { works "$1" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$wanted')"; }

# 1. The environment, with the wanted interpreter
if ! is_wanted "$python"; then
    rm -rf .venv # left half made, or made for another Python
    if works uv --version; then
        uv venv --quiet --python "$wanted" .venv ||
            stop "uv found no Python $wanted and could not fetch it; install Python $wanted and try again."
    else
        found=""
        for candidate in "python$wanted" python3 python; do
            if is_wanted "$candidate"; then
                found=$candidate
                break
            fi
        done
        [ -n "$found" ] || stop "needs Python $wanted, or uv, which fetches it; neither was found."
        "$found" -m venv .venv ||
            stop "$found cannot make an environment: install its venv package (Debian: python3-venv), or uv."
    fi
fi

# 2. uv: the one on PATH, or one inside the environment
uv=uv
if ! works uv --version; then
    uv=.venv/bin/uv
    if ! works "$uv" --version; then
        echo "uv is not installed: putting it into .venv"
        works "$python" -m pip --version || "$python" -m ensurepip >/dev/null
        "$python" -m pip install --quiet --disable-pip-version-check uv || stop "pip could not install uv."
    fi
fi

# 3. Which torch. Its makers' own index has one build for each graphics driver and a small one for none (auto picks);
#    the general index has one build a platform: on Linux the CUDA one, 6 GB once installed. Ask once, and do not wait long.
backend=${UV_TORCH_BACKEND:-auto}
unset UV_TORCH_BACKEND
torch=$(grep '^torch==' requirements.lock | cut -d ' ' -f 1)
choice="--torch-backend=$backend"
if ! echo "$torch" | UV_HTTP_RETRIES=0 UV_HTTP_TIMEOUT=10 \
    works "$uv" pip compile --python "$python" --no-deps "$choice" -; then
    echo "No $torch from PyTorch's own index (backend: $backend); taking the default build (on Linux with CUDA, 6 GB)."
    choice=""
fi

# 4. The packages, compiled to bytecode now: where PYTHONDONTWRITEBYTECODE is set, as in many containers, each job would
#    compile all that it imports, for longer than many a job works. Progress bars only where somebody watches.
quiet=""
[ -t 2 ] || quiet="--quiet"
# shellcheck disable=SC2086 # the two options may be empty
"$uv" pip install --python "$python" --compile-bytecode $quiet $choice -r requirements.lock ||
    stop "the packages could not be installed."

# 5. What is there now
"$python" - <<'END'
import importlib.util
import platform

import torch

device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU in use"
print(f"Ready: Python {platform.python_version()}, torch {torch.__version__}, {device}.")
if importlib.util.find_spec("tblite") is None:
    print("tblite has no ready package for this machine: see envs/README.md, or label with PySCF.")
END
