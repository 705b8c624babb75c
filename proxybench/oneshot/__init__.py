"""Accuracies estimated with the weights of a supernet, whose paths are the architectures of a space.

    shot = OneShot("nasbench201", method="spos", epochs=50).fit("cifar10:cifar-10-python.tar.gz")
    shot.estimate(archs)

One trainer serves all methods; a method is a small class that changes how paths or images are drawn, which copy of a
weight a path uses, or the loss. Everything is loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from predictors.registry import Registry, public_names

if TYPE_CHECKING:
    from proxybench.oneshot.estimates import Estimates
    from proxybench.oneshot.method import Method
    from proxybench.oneshot.one_shot import OneShot
    from proxybench.oneshot.supernet import Supernet

METHODS = Registry(
    "one-shot method",
    {
        "bignas": "proxybench.oneshot.methods.bignas:BigNAS",
        "bossnas": "proxybench.oneshot.methods.bossnas:BossNAS",
        "distinct": "proxybench.oneshot.methods.distinct:Distinct",
        "fairnas": "proxybench.oneshot.methods.fairnas:FairNAS",
        "fbnetv5": "proxybench.oneshot.methods.fbnetv5:FBNetV5",
        "few-shot": "proxybench.oneshot.methods.few_shot:FewShot",
        "gm": "proxybench.oneshot.methods.gradient_matching:GradientMatching",
        "instatune": "proxybench.oneshot.methods.instatune:InstaTune",
        "mixture": "proxybench.oneshot.methods.mixture:Mixture",
        "mos": "proxybench.oneshot.methods.mixture_of_supernets:MixtureOfSupernets",
        "pada": "proxybench.oneshot.methods.pada:PADA",
        "proxyless": "proxybench.oneshot.methods.proxyless:ProxylessNAS",
        "shiftnas": "proxybench.oneshot.methods.shiftnas:ShiftNAS",
        "single-path": "proxybench.oneshot.methods.single_path:SinglePathNAS",
        "spos": "proxybench.oneshot.method:Method",
    },
)

SUPERNETS = Registry(
    "space with a supernet",
    {
        "autoformer-tiny": "proxybench.oneshot.supernets.encoder_chain:autoformer_tiny",
        "darts": "proxybench.oneshot.supernets.darts:DARTSSupernet",
        "fbnet": "proxybench.oneshot.supernets.fbnet:FBNetSupernet",
        "mbconv-micro": "proxybench.oneshot.supernets.mbconv_micro:MBConvSupernet",
        "nasbench101": "proxybench.oneshot.supernets.nasbench101:NASBench101Supernet",
        "nasbench201": "proxybench.oneshot.supernets.four_node_cell:nasbench201",
        "nasbench-macro": "proxybench.oneshot.supernets.nasbench_macro:MacroSupernet",
        "natsbench-size": "proxybench.oneshot.supernets.natsbench_size:SizeSupernet",
        "resnet20-pooling": "proxybench.oneshot.supernets.resnet20_pooling:PoolingSupernet",
        "transnas101-micro": "proxybench.oneshot.supernets.four_node_cell:transnas_micro",
        "vit-micro": "proxybench.oneshot.supernets.encoder_chain:vit_micro",
    },
)

_PUBLIC = {
    "Estimates": "proxybench.oneshot.estimates",
    "Method": "proxybench.oneshot.method",
    "OneShot": "proxybench.oneshot.one_shot",
    "Supernet": "proxybench.oneshot.supernet",
}
__all__ = ["METHODS", "SUPERNETS", "Estimates", "Method", "OneShot", "Supernet"]

__getattr__ = public_names("proxybench.oneshot", _PUBLIC)


def __dir__() -> list[str]:
    return sorted(__all__)
