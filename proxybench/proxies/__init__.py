"""Zero-cost proxies: scores of an untrained network (larger is better), computed from shared passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from predictors.registry import Registry, public_names

if TYPE_CHECKING:
    from proxybench.proxies.base import Proxy, Tap, proxy
    from proxybench.proxies.combinations import combine
    from proxybench.proxies.probe import Probe

_PUBLIC = {
    "Probe": "proxybench.proxies.probe",
    "Proxy": "proxybench.proxies.base",
    "Tap": "proxybench.proxies.base",
    "combine": "proxybench.proxies.combinations",
    "proxy": "proxybench.proxies.base",
}
__all__ = ["PROXIES", "Probe", "Proxy", "Tap", "available", "combine", "proxy"]

PROXIES = Registry(
    "proxy",
    {
        "auto_prox_a": "proxybench.proxies.auto_prox:auto_prox_a",
        "auto_prox_p": "proxybench.proxies.auto_prox:auto_prox_p",
        "az_complexity": "proxybench.proxies.az_nas:az_complexity",
        "az_expressivity": "proxybench.proxies.az_nas:az_expressivity",
        "az_progressivity": "proxybench.proxies.az_nas:az_progressivity",
        "az_trainability": "proxybench.proxies.az_nas:az_trainability",
        "convolutions": "proxybench.proxies.counts:convolutions",
        "depth": "proxybench.proxies.counts:depth",
        "dextr": "proxybench.proxies.dextr:dextr",
        "dss": "proxybench.proxies.dss:dss",
        "epe_nas": "proxybench.proxies.jacobian:epe_nas",
        "eznas_a": "proxybench.proxies.eznas:eznas_a",
        "fisher": "proxybench.proxies.gradients:fisher",
        "flops": "proxybench.proxies.counts:flops",
        "grad_norm": "proxybench.proxies.gradients:grad_norm",
        "gradsign": "proxybench.proxies.gradsign:gradsign",
        "grasp": "proxybench.proxies.gradients:grasp",
        "head_confidence": "proxybench.proxies.heads:head_confidence",
        "head_importance": "proxybench.proxies.heads:head_importance",
        "head_softmax_confidence": "proxybench.proxies.heads:head_softmax_confidence",
        "intrain": "proxybench.proxies.intrain:intrain",
        "jacobian_entropy": "proxybench.proxies.jacobian_entropy:jacobian_entropy",
        "jacov": "proxybench.proxies.jacobian:jacov",
        "l2_norm": "proxybench.proxies.weights:l2_norm",
        "l_swag": "proxybench.proxies.l_swag:l_swag",
        "linear_regions": "proxybench.proxies.linear_regions:linear_regions",
        "logsynflow": "proxybench.proxies.synflow:logsynflow",
        "lpzero": "proxybench.proxies.heads:lpzero",
        "meco": "proxybench.proxies.meco:meco",
        "near": "proxybench.proxies.near:near",
        "ntk_cond": "proxybench.proxies.ntk:ntk_cond",
        "ntk_trace": "proxybench.proxies.ntk:ntk_trace",
        "nwot": "proxybench.proxies.nwot:nwot",
        "params": "proxybench.proxies.counts:params",
        "plain": "proxybench.proxies.gradients:plain",
        "random": "proxybench.proxies.weights:random",
        "rbflex": "proxybench.proxies.rbflex:rbflex",
        "snip": "proxybench.proxies.gradients:snip",
        "swap": "proxybench.proxies.swap:swap",
        "synflow": "proxybench.proxies.synflow:synflow",
        "t_cet": "proxybench.proxies.t_cet:t_cet",
        "trainable_layers": "proxybench.proxies.counts:trainable_layers",
        "vkdnw": "proxybench.proxies.vkdnw:vkdnw",
        "vkdnw_entropy": "proxybench.proxies.vkdnw:vkdnw_entropy",
        "w_pca": "proxybench.proxies.w_pca:w_pca",
        "wrcor": "proxybench.proxies.wrcor:wrcor",
        "zen": "proxybench.proxies.zen:zen",
        "zico": "proxybench.proxies.zico:zico",
    },
)

LABELLED = frozenset(
    (
        "auto_prox_a",
        "auto_prox_p",
        "epe_nas",
        "eznas_a",
        "fisher",
        "grad_norm",
        "gradsign",
        "grasp",
        "intrain",
        "l_swag",
        "plain",
        "snip",
        "zico",
        "wrcor",
    )
)
"""Names of those that need the labels of a batch of images, known without importing torch; also of published scores."""


def available() -> list[str]:
    """Names of the proxies, sorted."""
    return sorted(PROXIES)


__getattr__ = public_names(__name__, _PUBLIC)
