"""`score`: zero-cost proxies of any torch module, by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, TypeVar, overload

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from predictors.errors import UnknownName
from proxybench.proxies import PROXIES
from proxybench.proxies.ambience import neutral_settings
from proxybench.proxies.base import NoAnswer, Proxy
from proxybench.proxies.combinations import COMBINATIONS
from proxybench.proxies.probe import Loss, Probe, logits_of_one_image

__all__ = ["NamedScores", "choose", "prepare", "score"]

Wanted = str | Proxy | Iterable[str | Proxy] | None
V = TypeVar("V")
IGNORED = -100  # the label that torch's losses exclude from the mean


class NamedScores(dict[str, V]):
    """Scores by proxy name: a dictionary that also knows why some of them are NaN.

    Attributes:
        reasons: maps each proxy without a value to a sentence that says why.
    """

    def __init__(self, values: Mapping[str, V], reasons: Mapping[str, str]) -> None:
        super().__init__(values)
        self.reasons = dict(reasons)


@overload
def score(
    network: nn.Module,
    images: Tensor | ArrayLike,
    labels: Tensor | ArrayLike | None = None,
    *,
    proxies: Wanted = None,
    seed: int = 0,
    nodes: Literal[False] = False,
    loss: Loss | None = None,
) -> NamedScores[float]: ...


@overload
def score(
    network: nn.Module,
    images: Tensor | ArrayLike,
    labels: Tensor | ArrayLike | None = None,
    *,
    proxies: Wanted = None,
    seed: int = 0,
    nodes: Literal[True],
    loss: Loss | None = None,
) -> NamedScores[NDArray[np.float64]]: ...


def score(
    network: nn.Module,
    images: Tensor | ArrayLike,
    labels: Tensor | ArrayLike | None = None,
    *,
    proxies: Wanted = None,
    seed: int = 0,
    nodes: bool = False,
    loss: Loss | None = None,
) -> NamedScores[float] | NamedScores[NDArray[np.float64]]:
    """Compute zero-cost proxies of a network, which is restored bit for bit afterwards.

    Passes needed by several proxies run once. Larger is better. NaN means that the proxy is undefined for this network
    and batch; `reasons` of the result says why. An error inside one proxy does not affect the others.

    Args:
        network: any torch module from images to logits, on any device; nn.DataParallel and torch.compile are unwrapped.
        images: float[n, channels, height, width]; or int32 or int64 [n, ...], such as tokens.
        labels: integers [n], each below the number of logits; or whatever `loss` takes, n of them.
        proxies: names (see `proxybench.proxies.available()`) or Proxy objects; None for all that the inputs allow.
        seed: for every random draw.
        nodes: whether to return one value for each of the network's operations instead of their sum; only available
            for proxies that sum over layers.
        loss: function of (logits, labels), the mean over the batch; cross-entropy by default.

    Returns:
        Proxy name to score; with `nodes`, to float64[operations], where the operations are `network.operations` or,
        for a module without that attribute, its layers in the order of `find_layers`. The attribute `reasons` of the
        dictionary maps each proxy whose score is NaN to a sentence.

    Raises:
        UnknownName: for an unknown proxy name (suggests the nearest) or a combination of proxies (lists its parts).
        TypeError: if `network` is not a module, or does not return logits.
        ValueError: if images or labels do not fit, labels that a proxy needs are missing, the network is quantised or
            TorchScript or, with `nodes`, proxies do not sum over layers (names them).
    """
    chosen = choose(proxies, labelled=labels is not None, nodes=nodes)
    probe = prepare(network, images, labels, seed=seed, loss=loss)
    scores = probe.run(chosen)
    if nodes:
        return NamedScores(scores.nodes, scores.unanswered)
    return NamedScores(scores.values, scores.unanswered)


def choose(proxies: Wanted, *, labelled: bool, nodes: bool = False) -> list[Proxy]:
    """The requested proxies, in that order. Arguments and errors as in `score`."""
    if proxies is None:
        everything: list[Proxy] = [PROXIES[name] for name in sorted(PROXIES)]
        return [one for one in everything if (labelled or "labels" not in one.needs) and (one.per_layer or not nodes)]
    chosen = [_find(one) for one in ([proxies] if isinstance(proxies, str | Proxy) else proxies)]
    names = [one.name for one in chosen]
    if len(set(names)) < len(names):
        raise ValueError(f"a proxy is requested twice: {', '.join(names)}")
    whole = [one.name for one in chosen if not one.per_layer]
    if nodes and whole:
        raise ValueError(f"nodes=True needs proxies that sum over layers, which these do not: {', '.join(whole)}")
    return chosen


def _find(wanted: str | Proxy) -> Proxy:
    if isinstance(wanted, Proxy):
        return wanted
    if wanted in COMBINATIONS:
        raise UnknownName(
            f"{wanted!r} ranks networks relative to each other and is not a score of one network; score its parts "
            f"({', '.join(COMBINATIONS[wanted].parts)}) and combine them with proxybench.proxies.combine"
        )
    found: Proxy = PROXIES[wanted]
    return found


def prepare(
    network: nn.Module,
    images: Tensor | ArrayLike,
    labels: Tensor | ArrayLike | None = None,
    *,
    seed: int = 0,
    loss: Loss | None = None,
) -> Probe:
    """A probe of inputs that are known to fit together. Arguments and errors as in `score`."""
    if not isinstance(network, nn.Module):
        raise TypeError(f"network must be a torch.nn.Module, not {type(network).__name__}")
    if any(is_lazy(parameter) for parameter in network.parameters()):
        raise ValueError("the network has lazy layers without weights; pass it one batch first")
    with neutral_settings():
        batch = _images(images)
        targets = None if labels is None else _labels(labels)
    probe = Probe(network, batch, targets, seed=seed, loss=nn.functional.cross_entropy if loss is None else loss)
    if not batch.is_floating_point() and probe.images.is_floating_point():
        raise _no_images(batch)
    with neutral_settings(probe.dtype):
        logits = _logits(probe)
        if targets is not None:
            _check_labels(targets, len(batch), logits if loss is None else None)
            if logits is not None:
                _check_loss(probe, logits)
    return probe


def _images(images: Tensor | ArrayLike) -> Tensor:
    batch = torch.as_tensor(images)
    if batch.dtype in (torch.int32, torch.int64) and batch.dim() >= 2 and batch.numel():
        return batch
    if not batch.is_floating_point() or batch.dim() != 4 or not batch.numel():
        raise _no_images(batch)
    if batch.device.type != "meta" and not torch.isfinite(batch).all():
        raise ValueError("images contain NaN or infinite values")
    return batch


def _no_images(batch: Tensor) -> ValueError:
    return ValueError(
        f"images must be float[n, channels, height, width], without empty dimensions, "
        f"not {str(batch.dtype).removeprefix('torch.')}{list(batch.shape)}"
    )


def _labels(labels: Tensor | ArrayLike) -> Tensor:
    """Labels as a tensor, integers of any width as int64."""
    given = torch.as_tensor(labels)
    return given if given.is_floating_point() or given.dtype == torch.bool else given.long()


def _logits(probe: Probe) -> Tensor | None:
    """The network's logits for one image; None if undefined. Raises ValueError if the network rejects the image."""
    try:
        return probe.once(logits_of_one_image, timed=False)
    except NoAnswer:
        return None
    except (TypeError, MemoryError, torch.cuda.OutOfMemoryError):
        raise
    except Exception as error:
        shape = list(probe.images.shape[1:])
        raise ValueError(f"the network does not take images of shape {shape}: {error}") from error


def _check_labels(labels: Tensor, images: int, logits: Tensor | None) -> None:
    if labels.dim() == 0 or len(labels) != images:
        raise ValueError(f"there must be {images} labels, one for each image, but their shape is {list(labels.shape)}")
    if logits is None or logits.dim() < 2:
        return
    classes = logits.shape[1]
    if labels.is_floating_point() and labels.dim() == logits.dim():
        if labels.shape[1] != classes:
            raise ValueError(f"labels give shares of {labels.shape[1]} classes, but the network has {classes} logits")
        return
    shape = [images, *logits.shape[2:]]
    if labels.dtype != torch.int64 or list(labels.shape) != shape:
        raise ValueError(f"labels must be whole numbers {shape}, not {str(labels.dtype)[6:]}{list(labels.shape)}")
    if labels.device.type == "meta":
        return
    lowest, highest = int(labels.min()), int(labels.max())
    if logits.dim() > 2 and lowest == IGNORED:
        return
    if lowest < 0 or highest >= classes:
        raise ValueError(f"labels must be from 0 to {classes - 1} (the network's logits), not {lowest} to {highest}")


def _check_loss(probe: Probe, logits: Tensor) -> None:
    """Check the loss on one image. Raises ValueError if it does not map logits and labels to one number."""
    assert probe.labels is not None
    if probe.device.type == "meta":
        return
    try:
        loss = probe.loss(logits.detach().clone(), probe.labels[:1])
    except Exception as error:
        if len(probe.images) > 1 and _needs_more_than_one(probe):
            return
        shapes = f"logits {list(logits.shape)} and labels {list(probe.labels[:1].shape)}"
        raise ValueError(f"the loss does not accept {shapes} of one image: {error}") from error
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        found = f"a tensor of shape {list(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
        raise ValueError(f"the loss must return one number, the mean over the batch, not {found}")


def _needs_more_than_one(probe: Probe) -> bool:
    """Whether the loss works for the whole batch although it fails for one image."""
    assert probe.labels is not None
    with probe.borrowed(train=False, weights=False) as network, torch.no_grad():
        logits = probe.forward(network, probe.images)
        try:
            probe.loss(logits, probe.labels)
        except Exception:
            return False
    return True
