"""Proxies that measure how similar the network's gradients with respect to different images are.

The gradient of an image is that of the batch's summed logits with respect to its pixels, in training mode: through the
batch statistics it includes the image's effect on the others. Of a text it is that with respect to the embeddings of
its tokens.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from proxybench.proxies.base import NoAnswer, Tap, proxy
from proxybench.proxies.batch_pass import batch_pass
from proxybench.proxies.probe import Probe

JITTER = 1e-5


def gradient_correlations(probe: Probe) -> Tensor:
    """Pearson correlations between the gradients of the images, over all their pixels, float64[n, n].

    Raises:
        NoAnswer: for a batch of one image, or if a gradient has no variance or is not finite.
    """
    if len(probe.images) < 2:
        raise NoAnswer("correlations need a batch of at least two images")
    gradients = probe.once(batch_pass).input_gradient.flatten(1).double()
    rows = gradients - gradients.mean(1, keepdim=True)
    norms = rows.norm(dim=1, keepdim=True)
    if not (norms > 1e-12 * gradients.norm(dim=1, keepdim=True)).all():
        raise NoAnswer("the logits' gradient with respect to an image is constant or not finite")
    rows = rows / norms
    correlations: Tensor = (rows @ rows.T).clamp_(-1, 1).cpu()
    return correlations


@proxy(
    "jacov",
    source="Mellor et al., Neural Architecture Search without Training, arXiv 2006.04647v1",
    formula="-sum over eigenvalues v of log(v + 1e-5) + 1/(v + 1e-5), of the correlations of the images' gradients",
    needs=["images", "gradients"],
    taps=[Tap.INPUT_GRADIENT],
)
def jacov(probe: Probe) -> float:
    """How close the images' gradients are to uncorrelated; at most -n for n images, so compare equal batches.

    The preprint's code and NAS-Bench-Suite-Zero use a general eigenvalue routine; this one is for symmetric matrices
    and gives the same real eigenvalues. NaN for a single image, or if an image does not reach the logits.
    """
    eigenvalues = torch.linalg.eigvalsh(probe.once(gradient_correlations)) + JITTER
    return -float((eigenvalues.log() + 1 / eigenvalues).sum())


def class_labels(probe: Probe) -> Tensor:
    """The labels as classes, int64[n] on the CPU.

    Raises:
        NoAnswer: if they are not one class per image, within the range of the network's logits.
    """
    labels, logits = probe.labels, probe.once(batch_pass).logits
    assert labels is not None
    if labels.dim() != 1 or labels.dtype != torch.int64 or logits.dim() != 2:
        kind = f"{str(labels.dtype).removeprefix('torch.')}{list(labels.shape)}"
        raise NoAnswer(f"it compares images of one class, and labels {kind} are not classes")
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise NoAnswer(f"it compares images of one class, and the labels are not below the {logits.shape[1]} logits")
    return labels.cpu()


@proxy(
    "epe_nas",
    source="Lopes, Alirezazadeh and Alexandre, EPE-NAS, ICANN 2021",
    formula="sum over classes c of |s_c|, s_c = sum over image pairs of c of log(|correlation of gradients| + 1e-5); "
    "over 100 logits: mean over classes c of the sum over classes d of |s_c/n_c - s_d/n_d|",
    needs=["images", "labels", "gradients"],
    taps=[Tap.INPUT_GRADIENT],
)
def epe_nas(probe: Probe) -> float:
    """How little the gradients of images of the same class have in common.

    Pairs are ordered and include an image with itself. With more than 100 logits, only classes with two images in the
    batch count. NaN if the labels are not classes (soft labels, regression, segmentation, booleans), if no class has
    two images (with more than 100 logits: fewer than two classes have), or if jacov is NaN. NAS-Bench-Suite-Zero's
    function then returns a constant: 1e-5 for each class of one image, or 0.
    """
    if probe.labels is None:
        raise ValueError("epe_nas needs labels; pass labels= to the Probe")
    labels = class_labels(probe)
    members = nn.functional.one_hot(labels).double()
    sizes = members.sum(0)
    logs = (probe.once(gradient_correlations).abs() + JITTER).log()
    sums = (members * (logs @ members)).sum(0)  # without a matrix of all pairs of classes, which may be words
    compared = sizes >= 2
    if probe.once(batch_pass).logits.shape[-1] <= 100:
        if not compared.any():
            raise NoAnswer("no class has two images in the batch")
        return float(sums.abs().sum())
    if compared.sum() < 2:
        raise NoAnswer("fewer than two classes have two images in the batch")
    means = (sums / sizes)[compared]
    return float((means[:, None] - means[None, :]).abs().sum() / len(means))
