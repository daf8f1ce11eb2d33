"""How far an audit is, how long the rest takes, and which part takes it."""

from __future__ import annotations

from collections.abc import Callable

from repbias.core.progress import Meter, duration, time_left

WORTH_SAYING = 10.0  # seconds of ablation and steering from which their time is announced


class AuditProgress(Meter):
    """Shows how much of an audit is done: the estimates of each layer, then ablation and steering.

    Parameters
    ----------
    enabled : False to show nothing.
    passes : forward passes of all stimuli that ablation and steering take.
    """

    def __init__(self, *, enabled: bool, passes: int = 0) -> None:
        super().__init__("audit", enabled=enabled)
        self._passes, self._causal = passes, 0.0
        self._began = 0.0

    def has_read(self) -> None:
        """Note that reading the activity, one pass of all stimuli, has ended, and say what follows from its time."""
        self._began, self._causal = self.elapsed, self._passes * self.elapsed
        if self._causal > WORTH_SAYING:
            self.say(
                f"audit: reading took {duration(self.elapsed)}; ablation and steering take {self._passes} more passes, "
                f"about {duration(self._causal)} (interventions=() leaves them out)"
            )

    def estimated(self, share: float, layer: str) -> None:
        """Show that `share` of the estimates and tests of all layers is done; `layer` is the current one."""
        took = self.elapsed - self._began
        left = took * (1 - share) / max(share, 1e-9) + self._causal
        self.update(self.elapsed / (self.elapsed + left), f"estimates and tests, {layer}", left)

    def intervening(self) -> Callable[[float], None]:
        """Return the function that shows which share of ablation and steering is done."""
        first: list[float] = []  # seconds and share at the first pass: before it, what is erased is fitted

        def on_pass(share: float) -> None:
            first[:] = first or [self.elapsed, share]
            rest = time_left(share, self.elapsed, *first)
            left = self._causal * (1 - share) if rest is None else rest
            self.update(self.elapsed / (self.elapsed + left), "ablation and steering", left)

        return on_pass

    def has_read_part(self, read: int, n_stimuli: int) -> None:
        """Show how many stimuli of a stream were read."""
        self.update(read / n_stimuli, f"reading, {read:,} of {n_stimuli:,} stimuli")
