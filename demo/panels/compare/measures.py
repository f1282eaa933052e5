"""What the shipped figures mean: which way is better, how each is written, and how it stands to the paper's.

Nothing here is a result: every figure comes from a model's ``metrics.json``, by way of the catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from demo.kit.markup import Message, say
from onnx_models.catalog import Metric, Model

NUMBER, PERCENT, TIMES = "number", "percent", "times"
BETTER, LEVEL, SHORT = "better", "level", "short"


@dataclass(frozen=True)
class Measure:
    """A kind of figure, by the name that `metrics.json` gives it."""

    name: str
    way: int
    """1 where more is better, -1 where less is, 0 where neither."""
    form: str = NUMBER
    """How a value is written; a fraction as a percentage."""


MEASURES = (
    Measure("ais_test_log_probability", 1),
    Measure("raise_test_log_probability", 1),
    Measure("variational_bound_test_log_probability", 1),
    Measure("negative_log_likelihood_5000", -1),
    Measure("parzen_log_likelihood", 1),
    Measure("reconstruction_squared_error", -1),
    Measure("test_error", -1, PERCENT),
    Measure("test_error_up_down", -1, PERCENT),
    Measure("test_errors_100_labels", -1),
    Measure("frechet_ratio_to_real", -1, TIMES),
    Measure("precision_k3", 1, PERCENT),
    Measure("recall_k3", 1, PERCENT),
    Measure("classification_accuracy_score", 1, PERCENT),
    Measure("label_agreement", 1, PERCENT),
    Measure("diversity_ratio", 0),
    Measure("nearest_neighbour_ratio", 0),
)
"""In the order of the table."""

BY_NAME = {measure.name: measure for measure in MEASURES}


@dataclass(frozen=True)
class Finding:
    """A figure of a model, with what is known of its kind."""

    model: Model
    metric: Metric
    measure: Measure

    @property
    def verdict(self) -> str | None:
        """How it stands to the paper's: better, level within its own error, or short; None without one."""
        if self.metric.paper_value is None or not self.measure.way:
            return None
        if abs(self.gain) <= (self.metric.error or 0.0):
            return LEVEL
        return BETTER if self.gain > 0 else SHORT

    @property
    def gain(self) -> float:
        """By how much it is better than the paper's; negative where it is short of it."""
        if self.metric.paper_value is None:
            return 0.0
        return self.measure.way * (self.metric.value - self.metric.paper_value)

    @property
    def value(self) -> Message:
        """The figure with its error, to be read."""
        plain = written(self.metric.value, self.measure)
        if self.metric.error is None:
            return plain
        error = scaled(self.metric.error, self.measure)
        return say(
            f"compare.error.{self.measure.form}", value=scaled(self.metric.value, self.measure), error=error
        )

    @property
    def tells(self) -> Message:
        """All there is to say about it: figure, the paper's, protocol with its seed."""
        parts = {
            "model": say(f"model.{self.model.id}.title"),
            "measure": name(self.metric.name),
            "value": self.value,
            "protocol": self.metric.protocol,
            "source": self.metric.source,
        }
        if self.metric.paper_value is None:
            return say("compare.tells", **parts)
        return say("compare.tells.paper", paper=written(self.metric.paper_value, self.measure), **parts)


def found(model: Model, metric_name: str) -> Finding | None:
    """Return a model's figure of that name; None where it was not measured on the files that ship."""
    metric = model.metric(metric_name)
    return None if metric is None else finding(model, metric)


def finding(model: Model, metric: Metric) -> Finding:
    """Return a figure with what is known of its kind; of an unknown kind no way is better.

    ``frechet_ratio_to_real_after_1408`` is of the kind ``frechet_ratio_to_real``.
    """
    known = [measure for measure in MEASURES if metric.name.startswith(measure.name)]
    longest = max(known, key=lambda measure: len(measure.name), default=Measure(metric.name, 0))
    return Finding(model, metric, longest)


def with_papers(models: Iterable[Model]) -> Iterator[Finding]:
    """Yield every figure that stands beside a paper's: by kind, then by year."""
    both = [
        finding(model, metric)
        for model in models
        for metric in model.metrics
        if metric.paper_value is not None
    ]
    order = {measure.name: place for place, measure in enumerate(MEASURES)}
    yield from sorted(both, key=lambda one: order.get(one.measure.name, len(order)))


def scaled(value: float, measure: Measure) -> float:
    """Return the number that is written: a fraction in percent."""
    return 100 * value if measure.form == PERCENT else value


def written(value: float, measure: Measure) -> Message:
    """Return a value of that kind to be read, in four significant digits."""
    return say(f"compare.form.{measure.form}", value=scaled(value, measure))


def difference(value: float, measure: Measure) -> Message:
    """Return by how much two values of that kind differ, to three significant digits; fractions in points."""
    form = "points" if measure.form == PERCENT else measure.form
    return say(f"compare.form.{form}", value=float(f"{scaled(value, measure):.3g}"))


def name(metric_name: str) -> Message:
    """Return what a measure is called; of one that nobody here has heard of, the words of its name."""
    return Message(f"compare.measure.{metric_name}", fallback=metric_name.replace("_", " "))
