"""Lends one network to successive passes, each starting from the same state, and restores it bit for bit after each."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from proxybench.proxies.ambience import neutral_settings
from proxybench.proxies.restore import Snapshot
from proxybench.proxies.unwrap import EffectiveWeight


class Lender:
    """Lends a network.

    Args:
        network: the network to lend.
        seed: of the global random generators in each pass.
        device: of the network.
        dtype: of the network.

    Attributes:
        stand_ins: plain weights that replace computed ones while the network is lent.
        drew: whether torch's global generator on the CPU was used while the network was lent.
    """

    def __init__(self, network: nn.Module, seed: int, device: torch.device, dtype: torch.dtype) -> None:
        self._network, self._seed, self._device, self._dtype = network, seed, device, dtype
        self._modules = list(network.modules())
        self._inplace = [module for module in self._modules if getattr(module, "inplace", False) is True]
        self._snapshot: Snapshot | None = None
        self._lent = False
        self.stand_ins: list[EffectiveWeight] = []
        self.drew = False

    @contextmanager
    def remembered(self) -> Iterator[None]:
        """Let the passes inside share one snapshot of the network's state, which nothing else may change meanwhile."""
        with neutral_settings(self._dtype):
            self._snapshot = self._take_snapshot()
            try:
                yield
            finally:
                self._snapshot = None

    @contextmanager
    def borrowed(self, *, train: bool, weights: bool) -> Iterator[nn.Module]:
        """See `Probe.borrowed`."""
        if self._lent:
            with _in_mode(self._modules, train):
                yield self._network
            return
        snapshot = self._snapshot or self._take_snapshot()
        with neutral_settings(self._dtype), snapshot.lent(weights=weights) as network:
            self._seed_everything()
            seeded = torch.get_rng_state()
            for stand_in in self.stand_ins:
                stand_in.install()
            self._lent = True
            if any(module.training is not train for module in self._modules):
                network.train(train)
            for module in self._inplace:
                vars(module)["inplace"] = False
            try:
                yield network
            finally:
                self._lent = False
                self.drew = self.drew or not torch.equal(torch.get_rng_state(), seeded)

    def _take_snapshot(self) -> Snapshot:
        return Snapshot(self._network, [stand_in.parameter for stand_in in self.stand_ins])

    def _seed_everything(self) -> None:
        """Seed the global generators used by dropout and the like; the snapshot restores them."""
        torch.default_generator.manual_seed(self._seed)
        if self._device.type == "cuda":
            with torch.cuda.device(self._device):
                torch.cuda.manual_seed(self._seed)
        random.seed(self._seed)
        np.random.seed(self._seed % 2**32)


@contextmanager
def _in_mode(modules: Sequence[nn.Module], train: bool) -> Iterator[None]:
    modes = [(module, module.training) for module in modules]
    for module in modules:
        module.training = train
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
