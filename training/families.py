"""Every model that can be trained, by its name: a family is a file of this folder that lists its `MODELS`.

No other list is kept, so a new family is a new file and nothing else.
"""

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, Protocol, cast

from torch import Tensor, nn

import training
from training.config import Config
from training.stage import Stage


class Family(Protocol):
    """What a family's file offers."""

    __name__: str
    MODELS: Mapping[str, Mapping[str, Config]]  # model -> preset -> configuration
    GRAPHS: Mapping[str, Sequence[str]]  # network -> the graph roles whose files hold its parameters
    DISTRIBUTED: bool  # whether several processes can share a batch
    # Where a family's networks have got parameters since files shipped, it lists their last names as ADDED.

    def build(self, config: Any) -> dict[str, nn.Module]:
        """The networks, with fresh weights."""
        ...

    def stages(
        self, config: Any, networks: Mapping[str, nn.Module], images: Tensor, labels: Tensor
    ) -> list[Stage]:
        """How they learn."""
        ...


def offering(package: ModuleType, name: str) -> tuple[ModuleType, ...]:
    """The modules of `package` that have a `name`, in alphabetical order; the one that runs it is no part."""
    files = (info.name for info in pkgutil.iter_modules(package.__path__) if info.name != "__main__")
    modules = (importlib.import_module(f"{package.__name__}.{file}") for file in files)
    return tuple(module for module in modules if hasattr(module, name))


FAMILIES: dict[str, Family] = {  # of each model
    model: cast(Family, module) for module in offering(training, "MODELS") for model in module.MODELS
}


def name_of(family: Family) -> str:
    """What a family is called: its file, without folder and ending."""
    return family.__name__.rpartition(".")[2]
