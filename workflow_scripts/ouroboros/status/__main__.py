"""`python -m ouroboros.status my.yaml [--watch [SECONDS]]`: how a run stands, once or again and again."""

import argparse
import shutil
import signal
import time
from pathlib import Path

import yaml
from rich.console import Console

from ..config import ConfigError, load_experiment
from .view import view

WIDTH = 100
EVERY_S = 5.0


def main() -> int:
    """Show it; Ctrl-C ends a watch."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` is no fault
    arguments = argparse.ArgumentParser(prog="python -m ouroboros.status", description=__doc__)
    arguments.add_argument("config", type=Path)
    arguments.add_argument("--watch", type=float, nargs="?", const=EVERY_S, metavar="SECONDS", help="repeat")
    asked = arguments.parse_args()
    try:
        settings = load_experiment(yaml.safe_load(asked.config.read_text(encoding="utf-8")) or {})
    except (OSError, ConfigError, yaml.YAMLError) as error:
        print(f"{asked.config} cannot be read as a config: {error}")
        return 1
    console = Console(width=min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns), highlight=False)
    home = Path("results") / settings["name"]
    try:
        while True:
            with console.capture() as capture:
                console.print(view(home, settings))
            if asked.watch is not None:
                console.clear()
            print("\n".join(line.rstrip() for line in capture.get().splitlines()), flush=True)
            if asked.watch is None:
                return 0
            time.sleep(asked.watch)
    except KeyboardInterrupt:
        print()
        return 0


if __name__ == "__main__":
    raise SystemExit(main())
