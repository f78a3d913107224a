"""A sweep as parallel coordinates: an axis a setting, the last one the validation loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from optuna.distributions import CategoricalDistribution

from mnist_classifier.learn.scale.results import Row
from mnist_classifier.learn.scale.space import Space

_BESIDE = "#b9bfc6"  # of trials that were stopped early
_WIDE = 1.9  # inches an axis


@dataclass(frozen=True)
class _Scale:
    """An axis: its ends, and whether it is logarithmic; or its choices, evenly spaced."""

    name: str
    low: float
    high: float
    log: bool = False
    choices: tuple[Any, ...] = ()

    def place(self, value: Any) -> float:
        """Return where a value stands, 0 below to 1 above."""
        if self.choices:
            value = self.choices.index(value)
        bend: Callable[[float], float] = math.log if self.log else float
        return (bend(value) - bend(self.low)) / ((bend(self.high) - bend(self.low)) or 1.0)

    def draw(self, axes: Axes) -> None:
        """Give an axis this scale and its marks."""
        axes.set_yscale("log" if self.log else "linear")
        axes.set_ylim(self.low, self.high)
        if self.choices:
            axes.set_yticks(range(len(self.choices)), [str(choice) for choice in self.choices])


def sweep_figure(rows: Sequence[Row], space: Space, title: str, note: str | None) -> Figure:
    """Draw a line a trial.

    Trials that came to their end are coloured by their loss, the best is the thickest; those that
    were stopped early are grey, and end before the axis of the loss.

    Args:
        rows: The trials, best first.
        space: What could be tried.
        title: The figure's title.
        note: What must be said about the data, or ``None``.
    """
    ended = [row for row in rows if row.is_finished and math.isfinite(row.loss)]
    losses = [row.loss for row in ended] or [1.0]
    scales = [_scale(name, distribution) for name, distribution in space.items()]
    # Not from the least to the greatest: a single trial would have no axis.
    scales.append(_Scale("validation loss", min(losses) / 1.05, max(losses) * 1.05, log=True))
    figure = Figure(figsize=(_WIDE * len(scales) + 1, 4.8), layout="constrained")
    host = figure.add_subplot()
    host.set_xlim(0, len(scales) - 1)
    host.set_ylim(0, 1)
    host.set_xticks(range(len(scales)), [scale.name for scale in scales])
    host.tick_params("x", length=0, pad=8)
    host.yaxis.set_visible(False)
    host.spines[:].set_visible(False)
    host.set_title(title, pad=14)
    for place, scale in enumerate(scales):
        axes = host.twinx()
        axes.spines[["top", "left", "bottom"]].set_visible(False)
        axes.spines["right"].set_position(("data", place))
        scale.draw(axes)
    colours = matplotlib.colormaps["viridis"]
    for row in reversed(rows):
        places = [scale.place(row.changes[scale.name]) for scale in scales[:-1]]
        style: dict[str, Any] = {"color": _BESIDE, "linewidth": 0.8}
        if row in ended:
            places.append(scales[-1].place(row.loss))
            style = {"color": colours(0.9 * places[-1]), "linewidth": 1.4, "zorder": 3}
        if row is rows[0]:
            style["linewidth"] = 3
        host.plot(range(len(places)), places, clip_on=False, **style)
    if note:
        figure.supxlabel(note, fontsize="small")
    return figure


def _scale(name: str, distribution: Any) -> _Scale:
    if isinstance(distribution, CategoricalDistribution):
        choices = tuple(distribution.choices)
        return _Scale(name, 0, len(choices) - 1, choices=choices)
    return _Scale(name, distribution.low, distribution.high, distribution.log)
