"""What every run's configuration carries, and `--set name=value` typed from its fields.

A family's config is a frozen dataclass derived from :class:`Config`; a preset is one instance of it.
Presets live in the family's file, beside the network and the learning rule they configure.
"""

import dataclasses
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar


class ConfigError(ValueError):
    """A configuration that cannot be trained; the message is one sentence a person can act on."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """What the loop needs to know of any run. Counts of images are training images seen, repeats included."""

    image_shape: ClassVar[tuple[int, int, int]] = (1, 28, 28)  # channels, height, width that the family takes

    dataset: str = "mnist"  # a name known to training.datasets, or the path of a folder of images
    split: str = "train"  # "train", or "train[:50000]" where a choice is to be made on the rest
    images: int = 0  # training images to see in all
    batch: int = 100  # images a step, over all processes together
    ema_half_life: int = 0  # images after which a weight's share in the average has halved; 0 = no average
    snapshots: int = 5  # saved generations of the weights, log-spaced; the first has seen no image

    def validate(self) -> None:
        """Raise :class:`ConfigError` for values that no family can train with."""
        if self.batch < 1:
            raise ConfigError(f"batch must be at least 1 image, not {self.batch}.")
        if self.images < 0:
            raise ConfigError(f"images must be 0 or more training images, not {self.images}.")
        if self.ema_half_life < 0:
            raise ConfigError(f"ema_half_life must be 0 or more images, not {self.ema_half_life}.")
        if self.snapshots < 1:
            raise ConfigError(f"snapshots must be at least 1, not {self.snapshots}.")


C = TypeVar("C", bound=Config)


def with_settings(config: C, settings: Sequence[str]) -> C:
    """`config` with each `name=value` of `settings` applied, read as the type of the field it names.

    Tuples are written with commas (`hidden=256,512`), truth values as true/false. Raises
    :class:`ConfigError` for an unknown name (with the list of known ones) or an unreadable value.
    """
    hints = typing.get_type_hints(type(config))
    hints = {field.name: hints[field.name] for field in dataclasses.fields(config)}
    changes: dict[str, Any] = {}
    for setting in settings:
        name, separator, text = setting.partition("=")
        if not separator:
            raise ConfigError(f"--set takes name=value, not {setting!r}.")
        if name not in hints:
            raise ConfigError(f"--set knows no {name!r}; the names are {', '.join(sorted(hints))}.")
        changes[name] = _parse(name, text, hints[name])
    return dataclasses.replace(config, **changes)


def as_settings(config: Config, base: Config) -> list[str]:
    """The `name=value` texts that turn `base` into `config`: the inverse of :func:`with_settings`."""
    settings = []
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if value == getattr(base, field.name):
            continue
        if isinstance(value, tuple):
            text = ",".join(str(item) for item in value)
        elif isinstance(value, bool):
            text = str(value).lower()
        else:
            text = str(value)
        settings.append(f"{field.name}={text}")
    return settings


def _parse(name: str, text: str, hint: Any) -> Any:
    if isinstance(hint, types.GenericAlias) and hint.__origin__ is tuple:  # tuple[int, ...]
        return tuple(_parse(name, item, hint.__args__[0]) for item in text.split(",") if item)
    if hint is bool:
        if text.lower() not in ("true", "false"):
            raise ConfigError(f"--set {name} takes true or false, not {text!r}.")
        return text.lower() == "true"
    try:
        return hint(text)
    except ValueError as error:
        raise ConfigError(f"--set {name} takes {_WORDS[hint]}, not {text!r}.") from error


_WORDS: dict[type, str] = {int: "a whole number", float: "a number", str: "a text"}
