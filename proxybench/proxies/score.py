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
IGNORED = -100  # the label that torch's losses leave out of the mean


class NamedScores(dict[str, V]):
    """Scores by the names of their proxies, a dictionary that also knows why some of them are NaN.

    Attributes:
        reasons: name of each proxy without a value to a sentence that says why.
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
    """Zero-cost proxies of a network; it is given back bit for bit as it was.

    Passes that several proxies need run once. Larger is better. NaN means that the proxy has no value for this network
    and batch, and `reasons` of the result says why. An error inside one proxy costs the others nothing.

    Args:
        network: any torch module from images to logits, on any device; one inside nn.DataParallel or torch.compile is
            taken out.
        images: float[n, channels, height, width]; or whole numbers int32 or int64 [n, ...], such as tokens.
        labels: whole numbers [n], each below the number of logits; or whatever `loss` takes, n of them.
        proxies: names (`proxybench.proxies.available()`) or Proxy objects; None for all that the inputs allow.
        seed: of every random draw.
        nodes: whether to give one value for each of the network's operations instead of their sum; only proxies
            that sum over layers have these.
        loss: of (logits, labels), the mean over the batch; cross-entropy by default.

    Returns:
        Proxy name to its score; with `nodes` to float64[operations], where the operations are `network.operations`,
        or, for a module that has none, its layers in the order of `find_layers`. The attribute `reasons` of the
        dictionary maps each proxy whose score is NaN to a sentence.

    Raises:
        UnknownName: for a name that is no proxy's, with the nearest one; for a combination of proxies, with its parts.
        TypeError: when `network` is no module, or returns something else than logits.
        ValueError: for images or labels that do not fit, a proxy that needs labels where there are none, a network
            that is quantised or TorchScript, or, with `nodes`, proxies that do not sum over layers; names them.
    """
    chosen = choose(proxies, labelled=labels is not None, nodes=nodes)
    probe = prepare(network, images, labels, seed=seed, loss=loss)
    scores = probe.run(chosen)
    if nodes:
        return NamedScores(scores.nodes, scores.unanswered)
    return NamedScores(scores.values, scores.unanswered)


def choose(proxies: Wanted, *, labelled: bool, nodes: bool = False) -> list[Proxy]:
    """The proxies that are asked for, in that order. Arguments and errors as in `score`."""
    if proxies is None:
        everything: list[Proxy] = [PROXIES[name] for name in sorted(PROXIES)]
        return [one for one in everything if (labelled or "labels" not in one.needs) and (one.per_layer or not nodes)]
    chosen = [_find(one) for one in ([proxies] if isinstance(proxies, str | Proxy) else proxies)]
    names = [one.name for one in chosen]
    if len(set(names)) < len(names):
        raise ValueError(f"a proxy is asked for twice: {', '.join(names)}")
    whole = [one.name for one in chosen if not one.per_layer]
    if nodes and whole:
        raise ValueError(f"nodes=True needs proxies that sum over layers, which these do not: {', '.join(whole)}")
    return chosen


def _find(wanted: str | Proxy) -> Proxy:
    if isinstance(wanted, Proxy):
        return wanted
    if wanted in COMBINATIONS:
        raise UnknownName(
            f"{wanted!r} ranks networks among each other and is no score of one network; score its parts "
            f"({', '.join(COMBINATIONS[wanted].parts)}) and join them with proxybench.proxies.combine"
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
    """A probe of inputs that fit together. Arguments and errors as in `score`."""
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
        raise ValueError("images hold NaN or infinite values")
    return batch


def _no_images(batch: Tensor) -> ValueError:
    return ValueError(
        f"images must be float[n, channels, height, width], none of them 0, "
        f"not {str(batch.dtype).removeprefix('torch.')}{list(batch.shape)}"
    )


def _labels(labels: Tensor | ArrayLike) -> Tensor:
    """Labels as a tensor, whole numbers of any size as int64."""
    given = torch.as_tensor(labels)
    return given if given.is_floating_point() or given.dtype == torch.bool else given.long()


def _logits(probe: Probe) -> Tensor | None:
    """What the network makes of one image; None where it has no answer. Raises ValueError when it does not take it."""
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
        raise ValueError(f"labels must be {images}, one for each image, not of shape {list(labels.shape)}")
    if logits is None or logits.dim() < 2:
        return
    classes = logits.shape[1]
    if labels.is_floating_point() and labels.dim() == logits.dim():
        if labels.shape[1] != classes:
            raise ValueError(f"labels give shares of {labels.shape[1]} classes, the network has {classes} logits")
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
    """Hold the loss to its contract on one image. Raises ValueError when it is not one number of logits and labels."""
    assert probe.labels is not None
    if probe.device.type == "meta":
        return
    try:
        loss = probe.loss(logits.detach().clone(), probe.labels[:1])
    except Exception as error:
        if len(probe.images) > 1 and _needs_more_than_one(probe):
            return
        shapes = f"logits {list(logits.shape)} and labels {list(probe.labels[:1].shape)}"
        raise ValueError(f"the loss does not take {shapes} of one image: {error}") from error
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        found = f"a tensor of shape {list(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
        raise ValueError(f"the loss must give one number, the mean over the batch, not {found}")


def _needs_more_than_one(probe: Probe) -> bool:
    """Whether the loss works for the whole batch, though it does not for one image."""
    assert probe.labels is not None
    with probe.borrowed(train=False, weights=False) as network, torch.no_grad():
        logits = probe.forward(network, probe.images)
        try:
            probe.loss(logits, probe.labels)
        except Exception:
            return False
    return True
