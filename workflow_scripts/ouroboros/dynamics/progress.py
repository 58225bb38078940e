"""One line now and then about how far a run is."""

import time

from ..durations import clock

EVERY_S = 30.0


class Progress:
    """Prints how far a run is: at every tenth of it, and every half minute where that is sooner."""

    def __init__(self, steps: int, first_step: int = 0, walker_steps: int = 0, every_s: float = EVERY_S):
        """Begin to count.

        Args:
            steps: of the whole run.
            first_step: from which it goes on.
            walker_steps: that were made before.
            every_s: seconds between two lines, or fewer.
        """
        self.steps, self.every_s = steps, every_s
        self._began, self._first, self._before = time.monotonic(), first_step, walker_steps
        self._last, self._tenth = self._began, first_step * 10 // max(steps, 1)

    def tell(self, step: int, going: int, started: int, walker_steps: int) -> None:
        """Print a line where it is time for one.

        Args:
            step: of the run.
            going: walkers that move.
            started: walkers that ever did.
            walker_steps: that all of them have made.
        """
        now, tenth = time.monotonic(), step * 10 // max(self.steps, 1)
        if step == self._first or (tenth == self._tenth and now < self._last + self.every_s):
            return
        self._last, self._tenth = now, tenth
        seconds = max(now - self._began, 1e-9)
        left = seconds / (step - self._first) * (self.steps - step)
        print(
            f"step {step}/{self.steps}: {going} of {started} walkers going, "
            f"{(walker_steps - self._before) / seconds:.0f} walker-steps/s, {clock(left)} left",
            flush=True,
        )
