"""State of a long-running operation: what is done, how fast, and the text that says so."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

SHORTEST_INTERVAL_S, LONGEST_INTERVAL_S = 5.0, 60.0
"""Time between two lines of progress; within these limits it is a tenth of the time so far."""
SPEED_PERIOD_S = 60.0
"""The speed is measured over the last period of this length."""
MIN_MEASURED_S = 3.0
"""Speed and remaining time are shown once they are based on so many seconds."""


@dataclass
class ProgressTask:
    """What is counted in one unit, and how fast; `samples` are pairs of (time in s, done)."""

    label: str
    unit: str
    start_s: float
    last_line_s: float
    done: int = 0
    total: int | None = None
    note: str = ""
    phase: str | None = None
    samples: deque[tuple[float, int]] = field(default_factory=deque)

    def __str__(self) -> str:
        text = self.describe()
        return f"{self.label}: {text}" if text else self.label

    @property
    def is_set_up(self) -> bool:
        """Whether the first step has not begun yet."""
        return not self.samples

    def update(self, now_s: float, done: int, total: int | None, note: str) -> bool:
        """Set the state, and return whether it is time for a line."""
        self.done, self.total, self.note = done, total, note
        if self.is_set_up and not done and total is None:
            is_new, self.phase = note != self.phase, note
            return is_new
        self._add_sample(now_s, done)
        elapsed_s = now_s - self.start_s
        interval_s = min(max(SHORTEST_INTERVAL_S, elapsed_s / 10), LONGEST_INTERVAL_S)
        is_end = done == total and elapsed_s > SHORTEST_INTERVAL_S
        if not is_end and now_s - self.last_line_s < interval_s:
            return False
        self.last_line_s = now_s
        return True

    def _add_sample(self, now_s: float, done: int) -> None:
        samples = self.samples
        # Keep a sample per second, and one that is older than the period.
        if len(samples) > 1 and samples[-1][0] - samples[-2][0] < 1:
            samples.pop()
        samples.append((now_s, done))
        while len(samples) > 2 and now_s - samples[1][0] >= SPEED_PERIOD_S:
            samples.popleft()

    @property
    def speed(self) -> float | None:
        """What is done in a second; None until it can be measured."""
        if self.is_set_up:
            return None
        (first_s, first), (last_s, last) = self.samples[0], self.samples[-1]
        if last <= first or last_s - first_s < MIN_MEASURED_S:
            return None
        return (last - first) / (last_s - first_s)

    def describe(self) -> str:
        """Return a text such as "50/100 punks · 5/s · 0:10 left · lowest loss 0.1"."""
        if self.is_set_up:
            return self.note
        unit, scale, digits = self.unit, 1.0, 0
        if unit == "bytes":
            unit, scale, digits = "MB", 1e6, 1
        text = f"{self.done / scale:,.{digits}f}"
        if self.total:
            text += f"/{self.total / scale:,.{digits}f}"
        text += f" {unit}"
        if speed := self.speed:
            shown = speed / scale
            is_slow = shown < 1 and not digits
            text += f" · {1 / shown:,.0f} s each" if is_slow else f" · {shown:,.{digits}f}/s"
            if remaining_s := int(max(0, (self.total or 0) - self.done) / speed):
                text += f" · {remaining_s // 60}:{remaining_s % 60:02d} left"
        return f"{text} · {self.note}" if self.note else text
