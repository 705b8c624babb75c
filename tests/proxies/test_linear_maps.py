"""Weights are the parameters that a network multiplies its features with, whatever they are called."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from networks import batch
from torch import Tensor, nn
from torch.nn import functional
from transformer_proxies import OF_TRANSFORMERS

import proxybench as pb
from proxybench.proxies import PROXIES
from proxybench.proxies.probe import Probe

IMAGES, LABELS = batch()
SUMS = ["l2_norm", "snip", "grad_norm", "plain"]


class OwnProducts(nn.Module):
    """Weights under names and in containers of their own, each in another product, with scales, biases and tables."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(6, 3, 3, 3) * 0.3)
        self.mixed = nn.ParameterList([torch.randn(6, 5) * 0.5, torch.randn(4, 5) * 0.5])
        self.projections = nn.ParameterDict({"left": torch.randn(5, 5) * 0.5})
        self.inwards = nn.Parameter(torch.randn(4, 4) * 0.5)
        self.weight = nn.Parameter(torch.full((1, 6, 1, 1), 1.5))  # a scale, which is no layer in spite of its name
        self.offsets = nn.Parameter(torch.zeros(1, 5) + 0.1)

    def forward(self, images: Tensor) -> Tensor:
        x = functional.conv2d(images, self.kernel, padding=1).relu() * self.weight
        x = x.mean((2, 3)) @ self.mixed[0] + self.offsets
        x = torch.einsum("nc,dc->nd", x, self.projections["left"]).relu()
        return torch.addmm(torch.zeros(4), x @ self.mixed[1].T, self.inwards)


def gradients_of(network: nn.Module, weights: list[Tensor]) -> list[Tensor]:
    loss = functional.cross_entropy(network(IMAGES), LABELS)
    return list(torch.autograd.grad(loss, weights))


def sums_by_hand(weights: list[Tensor], gradients: list[Tensor]) -> dict[str, float]:
    pairs = [(weight.detach(), gradient) for weight, gradient in zip(weights, gradients, strict=True)]
    return {
        "l2_norm": sum(float(weight.norm()) for weight, _ in pairs),
        "snip": sum(float((weight * gradient).abs().sum()) for weight, gradient in pairs),
        "grad_norm": sum(float(gradient.norm()) for _, gradient in pairs),
        "plain": sum(float((weight.detach() * gradient).sum()) for weight, gradient in pairs),
    }


def test_weights_of_any_name_count_and_scales_and_offsets_do_not() -> None:
    torch.manual_seed(0)
    network = OwnProducts()
    weights = [network.kernel, network.mixed[0], network.mixed[1], network.projections["left"], network.inwards]
    expected = sums_by_hand(weights, gradients_of(network, weights))
    assert pb.score(network, IMAGES, LABELS, proxies=SUMS) == pytest.approx(expected, rel=1e-5)
    names = Probe(network, IMAGES, LABELS).operations
    assert sorted(names) == ["inwards", "kernel", "mixed.0", "mixed.1", "projections.left"]
    counts = pb.score(network, IMAGES, LABELS, proxies=["depth", "convolutions"])
    assert counts == {"depth": 5, "convolutions": 1}


class Plain(nn.Module):
    """What OwnProducts computes, of torch's modules."""

    def __init__(self, own: OwnProducts) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, padding=1, bias=False)
        self.layers = nn.ModuleList(nn.Linear(*sizes, bias=False) for sizes in ((6, 5), (5, 5), (5, 4), (4, 4)))
        self.scale, self.offsets = own.weight.detach().clone(), own.offsets.detach().clone()
        self.conv.weight.data = own.kernel.detach().clone()
        values = (own.mixed[0].T, own.projections["left"], own.mixed[1], own.inwards.T)
        for layer, value in zip(self.layers, values, strict=True):
            layer.weight.data = value.detach().clone()

    def forward(self, images: Tensor) -> Tensor:
        x = self.conv(images).relu() * self.scale
        x = self.layers[0](x.mean((2, 3))) + self.offsets
        return self.layers[3](self.layers[2](self.layers[1](x).relu()))


@pytest.mark.parametrize(
    "name", ["fisher", "t_cet", "synflow", "grasp", "gradsign", "zico", "ntk_trace", "eznas_a", "nwot"]
)
def test_a_product_counts_as_the_module_that_computes_it(name: str) -> None:
    torch.manual_seed(0)
    network = OwnProducts()
    expected = pb.score(Plain(network), IMAGES, LABELS, proxies=[name])
    assert pb.score(network, IMAGES, LABELS, proxies=[name]) == pytest.approx(expected, rel=1e-4)


class Recurrent(nn.Module):
    def __init__(self, kind: Callable[..., nn.RNNBase], **options: object) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.cell = kind(16, 5, batch_first=True, **options)
        self.last = nn.Linear(5 * (1 + self.cell.bidirectional), 4)

    def forward(self, images: Tensor) -> Tensor:
        steps = self.conv(images).relu().permute(0, 3, 1, 2).flatten(2)
        return self.last(self.cell(steps)[0][:, -1])


@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}], ids=["one", "two both ways"])
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_the_weights_of_a_recurrent_layer_count(kind: Callable[..., nn.RNNBase], options: dict[str, object]) -> None:
    torch.manual_seed(0)
    network = Recurrent(kind, **options)
    weights = [parameter for parameter in network.parameters() if parameter.dim() > 1]
    expected = sums_by_hand(weights, gradients_of(network, weights))
    found = pb.score(network, IMAGES, LABELS, proxies=[*SUMS, "fisher", "synflow", "convolutions"])
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-5), name
    assert "cannot be seen" in found.reasons["fisher"]
    assert found["convolutions"] == 1


def test_synflow_of_a_recurrent_layer_by_hand() -> None:
    torch.manual_seed(0)
    network = Recurrent(nn.LSTM).double()
    found = pb.score(network, IMAGES, proxies=["synflow"])["synflow"]
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_()
    weights = [parameter for parameter in network.parameters() if parameter.dim() > 1]
    output = network.eval()(torch.ones(1, 3, 8, 8, dtype=torch.float64)).sum()
    gradients = torch.autograd.grad(output, weights)
    by_hand = sum(
        float((weight.detach() * gradient).sum()) for weight, gradient in zip(weights, gradients, strict=True)
    )
    assert found == pytest.approx(by_hand, rel=1e-6)


class Tokens(nn.Module):
    """A language model: an embedding whose weight is, or is not, that of the last layer too."""

    def __init__(self, *, tied: bool) -> None:
        super().__init__()
        self.table = nn.Embedding(10, 6)
        self.mix = nn.Linear(6, 6)
        self.last = nn.Linear(6, 10, bias=False)
        self.tied = tied

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.mix(self.table(tokens)).relu().mean(1)
        return x @ self.table.weight.T if self.tied else self.last(x)


@pytest.mark.parametrize(("tied", "names"), [(False, ["mix", "last"]), (True, ["table", "mix", "last"])])
def test_an_embedding_is_a_layer_only_where_its_weight_is_also_multiplied_with(tied: bool, names: list[str]) -> None:
    tokens = torch.arange(40).reshape(8, 5) % 10
    assert list(Probe(Tokens(tied=tied), tokens).operations) == names


def test_tokens_have_the_scores_that_need_no_image() -> None:
    torch.manual_seed(0)
    tokens = torch.arange(40).reshape(8, 5).square() % 10
    found = pb.score(Tokens(tied=False), tokens, torch.arange(8))
    gradients = ("snip", "grad_norm", "grasp", "zico", "gradsign", "fisher", "ntk_trace", "jacov")
    for name in (*gradients, "swap", "params", "l2_norm"):
        assert math.isfinite(found[name]), name
    assert found["depth"] == 2
    for name in ("synflow", "meco", "linear_regions", "az_expressivity"):
        assert "integers" in found.reasons[name], name


def test_images_of_whole_numbers_are_refused_where_the_network_takes_none() -> None:
    with pytest.raises(ValueError, match=r"images must be float\[n, channels, height, width\]"):
        pb.score(OwnProducts(), (IMAGES * 10).long(), LABELS, proxies=["params"])


class ComplexConvolution(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, dtype=torch.complex64)
        self.last = nn.Linear(4, 4)

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self.conv(images.to(torch.complex64)).abs().relu().mean((2, 3)))


def test_a_complex_weight_is_two_real_ones() -> None:
    torch.manual_seed(0)
    network = ComplexConvolution()
    weights = [network.conv.weight, network.last.weight]
    gradients = gradients_of(network, weights)
    pairs = [torch.view_as_real(weights[0].detach()), weights[1]], [torch.view_as_real(gradients[0]), gradients[1]]
    found = pb.score(network, IMAGES, LABELS)
    for name, value in sums_by_hand(*pairs).items():
        assert found[name] == pytest.approx(value, rel=1e-5), name
    assert found["depth"] == 2
    assert {"synflow", "logsynflow", "t_cet", "meco"} <= set(found.reasons)
    assert not {"gradsign", "zico", "grasp", "fisher", "ntk_trace"} & set(found.reasons)


class Bilinear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pair = nn.Bilinear(3, 3, 6, bias=False)
        self.last = nn.Linear(6, 4, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        x = images.mean((2, 3))
        return self.last(self.pair(x, x).relu())


def test_only_kernels_of_convolutions_count_as_convolutions() -> None:
    assert pb.score(Bilinear(), IMAGES, proxies=["convolutions", "depth"]) == {"convolutions": 0, "depth": 2}
    upwards = nn.Sequential(nn.ConvTranspose2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(400, 4))
    assert pb.score(upwards, IMAGES, proxies=["convolutions", "depth"]) == {"convolutions": 1, "depth": 2}


def test_fisher_of_a_transposed_convolution_counts_each_weight_of_a_channel() -> None:
    # The kernel 1 of a transposed convolution is a linear map with the matrix transposed.
    torch.manual_seed(0)
    upwards, forwards = nn.ConvTranspose2d(3, 5, 1, bias=False), nn.Conv2d(3, 5, 1, bias=False)
    forwards.weight.data = upwards.weight.detach().transpose(0, 1).clone()
    head = nn.Linear(5, 4)

    def network(first: nn.Module) -> nn.Module:
        return nn.Sequential(first, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)

    expected = pb.score(network(forwards), IMAGES, LABELS, proxies=["fisher"])
    assert pb.score(network(upwards), IMAGES, LABELS, proxies=["fisher"]) == pytest.approx(expected, rel=1e-5)


class Local(nn.Module):
    """Weights of their own for every position, multiplied and summed by hand; a mask that is a parameter too."""

    def __init__(self) -> None:
        super().__init__()
        self.own = nn.Parameter(torch.randn(5, 3, 64) * 0.1)
        self.mask = nn.Parameter(torch.ones(5, 3, 64))
        self.gate = nn.Parameter(torch.ones(1, 5))
        self.last = nn.Linear(5, 4)

    def forward(self, images: Tensor) -> Tensor:
        x = (images.flatten(2).unsqueeze(1) * (self.own * self.mask)).sum((2, 3))
        return self.last(x.relu() * self.gate)


def test_a_product_that_is_summed_is_a_linear_map_and_a_mask_belongs_to_its_weight() -> None:
    assert list(Probe(Local(), IMAGES).operations) == ["own", "last"]


def test_every_proxy_takes_a_network_of_own_products() -> None:
    found = pb.score(OwnProducts(), IMAGES, LABELS)
    without_maps = {"zen", "meco", "az_expressivity", "az_progressivity", "az_trainability", "dextr"}
    assert set(found.reasons) <= {*without_maps, "logsynflow", *OF_TRANSFORMERS}
    assert set(found) == set(PROXIES)
