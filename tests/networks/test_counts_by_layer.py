"""FLOPs of every kind of layer of torch.nn, each by hand, however tensors lie in memory and whatever their values."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from proxybench.networks.counts import FlopRule, count_flops


class Calls(nn.Module):
    """A network whose forward pass is a function of the image and of its one module."""

    def __init__(self, forward: Callable[..., Tensor], module: nn.Module | None = None) -> None:
        super().__init__()
        self.module = module
        self._function = forward

    def forward(self, image: Tensor) -> Tensor:
        return self._function(image) if self.module is None else self._function(self.module, image)


def flops(network: nn.Module, shape: tuple[int, ...], rule: FlopRule = "suite-zero") -> int:
    return count_flops(network, shape, rule=rule).total


# Name to module, shape of one input, multiply-adds, biases of convolutions, biases of other layers, other operations.
WEIGHTS: dict[str, tuple[nn.Module, tuple[int, ...], int, int, int, int]] = {
    "Conv1d same": (nn.Conv1d(4, 6, 3, padding="same"), (4, 9), 9 * 6 * 4 * 3, 9 * 6, 0, 0),
    "Conv2d depthwise": (nn.Conv2d(4, 8, 3, padding=1, groups=4), (4, 5, 6), 30 * 8 * 9, 30 * 8, 0, 0),
    "Conv2d circular": (nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular"), (2, 5, 6), 30 * 3 * 18, 90, 0, 0),
    "Conv3d": (nn.Conv3d(2, 3, 2, stride=2), (2, 4, 4, 4), 8 * 3 * 16, 24, 0, 0),
    # Every input element meets each weight of its channel: 7 4 elements, 6 outputs, 3 taps; length (7 - 1) 2 + 3.
    "ConvTranspose1d": (nn.ConvTranspose1d(4, 6, 3, stride=2), (4, 7), 28 * 18, 15 * 6, 0, 0),
    "ConvTranspose2d": (nn.ConvTranspose2d(4, 6, 2, stride=2, groups=2), (4, 3, 3), 36 * 3 * 4, 36 * 6, 0, 0),
    "ConvTranspose3d": (nn.ConvTranspose3d(2, 3, 2, bias=False), (2, 2, 2, 2), 16 * 3 * 8, 0, 0, 0),
    "Linear": (nn.Linear(5, 3), (2, 7, 5), 14 * 15, 0, 14 * 3, 0),
    # 6 tokens; per token 4 gates of 5 units from 4 inputs and 5 states; biases for inputs and for states.
    "LSTM": (nn.LSTM(4, 5), (6, 4), 6 * (80 + 100), 0, 6 * 40, 6 * 25),
    "LSTM without bias": (nn.LSTM(4, 5, bias=False), (6, 4), 6 * 180, 0, 0, 6 * 25),
    # Both directions have 20 rows; the second layer sees 10 inputs.
    "LSTM of two layers, both directions": (
        *(nn.LSTM(4, 5, num_layers=2, bidirectional=True, batch_first=True), (6, 4)),
        *(6 * 2 * (80 + 100) + 6 * 2 * (200 + 100), 0, 6 * 4 * 40, 6 * 4 * 25),
    ),
    # The state is projected from 5 to 2 units: 20 2 for the state, 2 5 for the projection.
    "LSTM with projection": (nn.LSTM(4, 5, proj_size=2), (6, 4), 6 * (80 + 40 + 10), 0, 6 * 40, 6 * 25),
    "GRU": (nn.GRU(4, 5), (6, 4), 6 * 3 * (20 + 25), 0, 6 * 30, 6 * 15),
    "GRU, both directions": (nn.GRU(4, 5, bidirectional=True), (6, 4), 12 * 135, 0, 12 * 30, 12 * 15),
    "RNN": (nn.RNN(4, 5), (6, 4), 6 * 45, 0, 6 * 10, 6 * 5),
    "RNN with ReLU": (nn.RNN(4, 5, nonlinearity="relu"), (6, 4), 6 * 45, 0, 6 * 10, 6 * 5),
    "LSTMCell": (nn.LSTMCell(4, 5), (4,), 180, 0, 40, 25),
    "GRUCell": (nn.GRUCell(4, 5), (4,), 135, 0, 30, 15),
    "RNNCell": (nn.RNNCell(4, 5), (4,), 45, 0, 10, 5),
    "Bilinear": (
        *(Calls(lambda bilinear, x: bilinear(x, x), nn.Bilinear(3, 3, 6)), (7, 3)),
        *(7 * 6 * 9, 0, 7 * 6, 0),
    ),
    # 5 tokens of 8: packed projection, two products of 5 5 8, output projection; heads do not matter.
    "MultiheadAttention": (
        *(Calls(lambda m, x: m(x, x, x)[0], nn.MultiheadAttention(8, 2, batch_first=True)), (5, 8)),
        *(5 * 192 + 400 + 5 * 64, 0, 5 * 24 + 5 * 8, 0),
    ),
    "MultiheadAttention without weights": (
        *(Calls(lambda m, x: m(x, x, x, need_weights=False)[0], nn.MultiheadAttention(8, 4, bias=False)), (5, 8)),
        # Tokens first: one token in a batch of five, so each attends to itself alone.
        *(5 * 192 + 2 * 5 * 8 + 5 * 64, 0, 0, 0),
    ),
    # Attention as above; 8 to 16 to 8; two normalisations of 5 8; rectifier.
    "TransformerEncoderLayer": (
        *(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (5, 8)),
        *(5 * 192 + 400 + 5 * 64 + 2 * 5 * 128, 0, 5 * (24 + 8 + 16 + 8), 2 * 2 * 40 + 80),
    ),
    "TransformerEncoderLayer, tokens first": (
        *(
            Calls(lambda m, x: m(x.transpose(0, 1)).transpose(0, 1), nn.TransformerEncoderLayer(8, 2, 16, 0.1, "gelu")),
            (5, 8),
        ),
        *(5 * 192 + 400 + 5 * 64 + 2 * 5 * 128, 0, 5 * (24 + 8 + 16 + 8), 2 * 2 * 40 + 80),
    ),
    # Two attentions, the second with keys and values from 3 other tokens.
    "TransformerDecoderLayer": (
        *(Calls(lambda m, x: m(x, x[:, :3]), nn.TransformerDecoderLayer(8, 2, 16, batch_first=True)), (5, 8)),
        5 * 192 + 400 + 320 + 5 * 64 + 3 * 128 + 2 * 5 * 3 * 8 + 320 + 2 * 5 * 128,
        *(0, 5 * 32 + 5 * 8 + 3 * 16 + 5 * 8 + 5 * 24, 3 * 2 * 40 + 80),
    ),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_layers_with_weights(name: str) -> None:
    module, shape, multiply_adds, of_convolutions, of_others, elements = WEIGHTS[name]
    assert flops(module, shape, "nats-bench") == multiply_adds + of_convolutions + of_others
    assert flops(module, shape) == multiply_adds + of_convolutions + elements


MAP = (4, 6, 9)  # 216 elements
ACTIVATIONS: list[nn.Module] = [
    *(nn.ReLU(), nn.ReLU(inplace=True), nn.ReLU6(), nn.LeakyReLU(), nn.PReLU(), nn.PReLU(4), nn.RReLU(), nn.ELU()),
    *(nn.SELU(), nn.CELU(), nn.CELU(inplace=True), nn.GELU(), nn.GELU("tanh"), nn.SiLU(), nn.Mish(), nn.Hardswish()),
    *(nn.Sigmoid(), nn.LogSigmoid(), nn.Hardsigmoid(), nn.Tanh(), nn.Hardtanh(), nn.Tanhshrink(), nn.Softplus()),
    *(nn.Softsign(), nn.Softshrink(), nn.Hardshrink(), nn.Threshold(0.1, 0.0)),
]
NORMALISATIONS: list[tuple[nn.Module, int]] = [
    (nn.BatchNorm2d(4), 2),
    (nn.BatchNorm2d(4, affine=False, track_running_stats=False), 1),
    (nn.InstanceNorm2d(4), 1),
    (nn.InstanceNorm2d(4, affine=True), 2),
    (nn.GroupNorm(2, 4), 2),
    (nn.GroupNorm(2, 4, affine=False), 1),
    (nn.LayerNorm(9), 2),
    (nn.LayerNorm((6, 9), elementwise_affine=False), 1),
    (nn.RMSNorm(9), 2),
    (nn.RMSNorm([4, 6, 9], elementwise_affine=False), 1),
    (nn.LocalResponseNorm(3), 1),
]
POOLINGS: dict[str, tuple[nn.Module, tuple[int, ...], int]] = {
    "AvgPool1d": (nn.AvgPool1d(2), (4, 6), 12 * 2),
    "AvgPool2d": (nn.AvgPool2d(3, stride=1), MAP, 4 * 4 * 7 * 9),
    "AvgPool3d": (nn.AvgPool3d(2), (1, 4, 4, 4), 8 * 8),
    "MaxPool1d": (nn.MaxPool1d(3), (4, 6), 8 * 3),
    "MaxPool2d": (nn.MaxPool2d((2, 3)), MAP, 4 * 9 * 6),
    "MaxPool2d with places": (Calls(lambda m, x: m(x)[0], nn.MaxPool2d(2, return_indices=True)), MAP, 4 * 12 * 4),
    "MaxPool3d": (nn.MaxPool3d(2), (1, 4, 4, 4), 8 * 8),
    "LPPool1d": (nn.LPPool1d(2, 2), (4, 6), 12 * 2),
    "LPPool2d": (nn.LPPool2d(2, (2, 3)), MAP, 36 * 6),
    "LPPool3d": (nn.LPPool3d(2, 2), (1, 4, 4, 4), 8 * 8),
    "FractionalMaxPool2d": (nn.FractionalMaxPool2d(2, output_size=3), MAP, 36 * 4),
    "AdaptiveAvgPool1d": (nn.AdaptiveAvgPool1d(2), (4, 6), 4 * 2 * 4),
    "AdaptiveAvgPool2d": (nn.AdaptiveAvgPool2d((1, 3)), MAP, 4 * 7 * 3 * 4),
    "AdaptiveAvgPool2d, one size kept": (nn.AdaptiveAvgPool2d((None, 1)), MAP, 4 * 6 * 2 * 10),
    "AdaptiveAvgPool3d": (nn.AdaptiveAvgPool3d(1), (2, 4, 5, 6), 2 * 5 * 6 * 7),
    "AdaptiveMaxPool1d": (nn.AdaptiveMaxPool1d(1), (4, 6), 4 * 7),
    "AdaptiveMaxPool2d": (nn.AdaptiveMaxPool2d(1), MAP, 4 * 7 * 10),
    "AdaptiveMaxPool3d": (nn.AdaptiveMaxPool3d(1), (2, 4, 5, 6), 2 * 210),
    "mean over a map": (Calls(lambda x: x.mean((2, 3))), MAP, 4 * 7 * 10),
    "mean over a map, axes from the end": (Calls(lambda x: x.mean((-1, -2), keepdim=True)), MAP, 4 * 7 * 10),
    "mean over a volume": (Calls(lambda x: x.mean((2, 3, 4))), (2, 4, 5, 6), 2 * 210),
    "maximum over a map": (Calls(lambda x: x.amax((2, 3))), MAP, 4 * 7 * 10),
    "mean over one axis is none": (Calls(lambda x: x.mean(2)), MAP, 0),
    "mean over everything is none": (Calls(lambda x: x.mean()), MAP, 0),
}
FREE: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "Upsample": (nn.Upsample(scale_factor=2, mode="bilinear"), MAP),
    "PixelShuffle": (nn.PixelShuffle(2), MAP),
    "Fold": (nn.Fold((3, 3), 2), (8, 4)),
    "Unfold": (nn.Unfold(2), MAP),
    "Softmax": (nn.Softmax(1), MAP),
    "Dropout": (nn.Dropout(), MAP),
    "ZeroPad2d": (nn.ZeroPad2d(1), MAP),
    "Flatten": (nn.Flatten(), MAP),
    "sums and products": (Calls(lambda x: (x * x + 1).sqrt() - x.clamp(0, 6)), MAP),
    "Fourier transform": (Calls(lambda x: torch.fft.irfft2(torch.fft.rfft2(x))), MAP),
    "distances": (Calls(lambda x: torch.cdist(x.flatten(2), x.flatten(2))), (40, 6, 9)),
}


@pytest.mark.parametrize("module", ACTIVATIONS, ids=str)
def test_an_activation_is_one_for_each_element(module: nn.Module) -> None:
    assert flops(module, MAP) == 216
    assert flops(module, MAP, "nats-bench") == 0


def test_a_gated_linear_unit_is_one_for_each_output() -> None:
    assert flops(nn.GLU(1), MAP) == 108


@pytest.mark.parametrize(("module", "each"), NORMALISATIONS, ids=str)
def test_a_normalisation_is_two_for_each_element_or_one_without_weights(module: nn.Module, each: int) -> None:
    assert flops(module, MAP) == 216 * each
    assert flops(module, MAP, "nats-bench") == 0


@pytest.mark.parametrize("name", POOLINGS)
def test_poolings(name: str) -> None:
    module, shape, expected = POOLINGS[name]
    assert flops(module, shape) == expected
    assert flops(module, shape, "nats-bench") == 0


@pytest.mark.parametrize("name", FREE)
def test_what_counts_nothing(name: str) -> None:
    module, shape = FREE[name]
    assert flops(module, shape) == flops(module, shape, "nats-bench") == 0


TOKENS = (5, 8)
PRODUCTS: dict[str, tuple[Callable[[Tensor], Tensor], int]] = {
    "matmul": (lambda x: x @ x.mT, 200),
    "matmul, transposed": (lambda x: x.mT @ x, 320),
    "bmm": (lambda x: torch.bmm(x, x.mT), 200),
    "baddbmm": (lambda x: torch.baddbmm(torch.zeros(1, 5, 5), x, x.mT), 200),
    "addbmm": (lambda x: torch.addbmm(torch.zeros(5, 5), x, x.mT), 200),
    "mv": (lambda x: x[0] @ x[0, 0], 40),
    "dot": (lambda x: x[0, 0] @ x[0, 1], 8),
    "einsum of two": (lambda x: torch.einsum("bik,bjk->bij", x, x), 200),
    "einsum, transposed": (lambda x: torch.einsum("bki,bkj->bij", x.mT, x.mT), 200),
    "tensordot": (lambda x: torch.tensordot(x[0], x[0], dims=([1], [1])), 200),
    "multi_dot": (lambda x: torch.linalg.multi_dot([x[0], x[0].T, x[0]]), 400),
    "attention": (lambda x: functional.scaled_dot_product_attention(x, x, x[..., :3].contiguous()), 5 * 5 * 11),
    "causal attention": (lambda x: functional.scaled_dot_product_attention(x, x, x, is_causal=True), 400),
    # Three entries of a sparse matrix 5 x 5, each times 8 columns.
    "sparse product": (lambda x: torch.sparse.mm(torch.eye(5)[:3].to_sparse(), x[0]), 24),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_of_matrices(name: str) -> None:
    forward, expected = PRODUCTS[name]
    assert flops(Calls(forward), TOKENS, "nats-bench") == flops(Calls(forward), TOKENS) == expected


def test_a_linear_layer_as_a_product_with_a_vector_added_has_its_bias() -> None:
    # Hugging Face's Conv1D: 5 tokens, 8 inputs, 6 outputs.
    weight, bias = torch.ones(8, 6), torch.ones(6)
    network = Calls(lambda x: torch.addmm(bias, x.view(-1, 8), weight))
    assert flops(network, TOKENS, "nats-bench") == 5 * 48 + 5 * 6
    assert flops(network, TOKENS) == 5 * 48
    residual = Calls(lambda x: torch.addmm(torch.ones(5, 6), x.view(-1, 8), weight))
    assert flops(residual, TOKENS, "nats-bench") == 5 * 48


LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "contiguous": lambda x: x.flatten(2).mT.contiguous(),
    "transposed": lambda x: x.flatten(2).mT,
    "channels last": lambda x: x.permute(0, 2, 3, 1),
    "channels last in memory": lambda x: x.contiguous(memory_format=torch.channels_last).permute(0, 2, 3, 1),
    "tokens first": lambda x: x.flatten(2).permute(2, 0, 1),
    "every second row": lambda x: torch.cat([x, x], 2).permute(0, 2, 3, 1)[:, ::2],
    "expanded": lambda x: x[:, :, :1, :1].permute(0, 2, 3, 1).expand(-1, 4, 4, -1),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_in_memory_does_not_matter(layout: str) -> None:
    # 16 positions of 3 channels to 5; layer normalisation 2 3 each; GELU 5 each.
    network = Calls(lambda m, x: m(LAYOUTS[layout](x)), nn.Sequential(nn.LayerNorm(3), nn.Linear(3, 5), nn.GELU()))
    assert flops(network, (3, 4, 4), "nats-bench") == 16 * 15 + 16 * 5
    assert flops(network, (3, 4, 4)) == 16 * 15 + 16 * 6 + 16 * 5


class EarlyExit(nn.Module):
    """Applies its second convolution where the first one answers, and asks in one of several ways."""

    def __init__(self, answers: Callable[[Tensor], bool]) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.second = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self._answers = answers

    def forward(self, image: Tensor) -> Tensor:
        x = self.first(image)
        return self.second(x) if self._answers(x) else x


QUESTIONS: dict[str, Callable[[Tensor], bool]] = {
    "a branch": lambda x: bool(x.abs().mean() > 1e-3),
    "a number": lambda x: float(x.std()) > 0,
    "item": lambda x: x.amax().item() > 0,
    "a list": lambda x: sum(x.abs().flatten().tolist()) > 0,
    "an array": lambda x: x.abs().numpy().any(),
    "a mask": lambda x: len(x[x > 0]) > 0,
    "nonzero": lambda x: len(x.nonzero()) > 0,
    "a choice of experts": lambda x: len(x.flatten(1).softmax(1).gt(1e-9).nonzero()) == x.numel(),
    "comparison": lambda x: not torch.equal(x, torch.zeros_like(x)),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_branch_is_taken_as_for_an_image(question: str) -> None:
    network = EarlyExit(QUESTIONS[question])
    assert flops(network, (3, 8, 8), "nats-bench") == 64 * (8 * 27 + 8 * 72)


def test_a_network_that_checks_its_values_is_counted() -> None:
    def checked(module: nn.Module, x: Tensor) -> Tensor:
        x = module(x)
        x = x / x.std()
        if not torch.isfinite(x).all():
            raise FloatingPointError("not finite")
        return torch.linalg.cholesky(torch.cov(x.flatten(2)[0]))

    assert flops(Calls(checked, nn.Conv2d(2, 3, 3, bias=False)), (2, 8, 8), "nats-bench") >= 36 * 3 * 18


def test_a_loop_until_values_settle_ends() -> None:
    def halting(module: nn.Module, x: Tensor) -> Tensor:
        total = torch.zeros(())
        while total < 1:  # never, if values were zeros
            x = module(x)
            total = total + x.abs().sum() + 1
        return x

    assert flops(Calls(halting, nn.Conv2d(1, 1, 1, bias=False)), (1, 4, 4), "nats-bench") == 16


def test_the_image_of_the_caller_decides() -> None:
    tokens = Calls(lambda m, x: m(x), nn.Sequential(nn.Embedding(7, 8), nn.Linear(8, 7)))
    image = torch.tensor([[1, 5, 2]])
    assert count_flops(tokens, (3,), rule="nats-bench", image=image).total == 3 * (56 + 7)
    dark = EarlyExit(lambda x: bool(x.abs().sum() > 0))
    assert count_flops(dark, (3, 8, 8), image=torch.zeros(1, 3, 8, 8)).total == 64 * 8 * 27
    with pytest.raises(ValueError, match=r"image must be of shape \[1, 3, 8, 8\], not \[1, 8, 8\]"):
        count_flops(dark, (3, 8, 8), image=torch.zeros(1, 8, 8))


def test_a_network_that_takes_derivatives_in_its_forward_pass_is_counted() -> None:
    def energy(module: nn.Module, x: Tensor) -> Tensor:
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            return torch.autograd.grad(module(x).sum(), x)[0]

    convolution = nn.Conv2d(2, 3, 3, padding=1, bias=False)
    assert flops(Calls(energy, convolution), (2, 4, 4)) >= 16 * 3 * 18


class Swish(Function):
    """A function with a derivative of its own."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        return x * torch.sigmoid(x)


def test_functions_of_the_user_and_checkpoints_are_looked_into() -> None:
    network = Calls(lambda m, x: checkpoint(m, Swish.apply(x), use_reentrant=False), nn.Conv2d(2, 3, 3, padding=1))
    assert flops(network, (2, 4, 4)) == 32 + 16 * 3 * 18 + 48


def test_a_module_that_fails_and_is_replaced_does_not_take_the_rest() -> None:
    def tried(modules: nn.Module, x: Tensor) -> Tensor:
        try:
            return modules[0](x)
        except RuntimeError:
            return modules[1](x)

    network = Calls(tried, nn.ModuleList([nn.Linear(3, 3), nn.Linear(4, 2, bias=False)]))
    assert count_flops(network, (4,)).by_module == {"module.1": 8}


@pytest.mark.filterwarnings("ignore:torch.ao.quantization is deprecated", "ignore:.*reduce_range")
@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
@pytest.mark.parametrize("kind", ["static", "dynamic"])
def test_quantised_networks_count_as_others(kind: str) -> None:
    from torch.ao import quantization

    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5))
    expected = 36 * 4 * 27 + 144 + 144 * 5 + 5
    if kind == "dynamic":
        quantised = quantization.quantize_dynamic(network, {nn.Linear})
    else:
        wrapped = nn.Sequential(quantization.QuantStub(), *network, quantization.DeQuantStub()).eval()
        wrapped.qconfig = quantization.default_qconfig
        prepared = quantization.prepare(quantization.fuse_modules(wrapped, [["1", "2"]]))
        prepared(torch.randn(2, 3, 8, 8))
        quantised = quantization.convert(prepared)
    assert flops(quantised, (3, 8, 8), "nats-bench") == expected
    assert flops(quantised, (3, 8, 8)) == expected - 5 + 144


@pytest.mark.filterwarnings("ignore:.torch.jit.:DeprecationWarning")
def test_scripted_and_traced_modules_count_as_others() -> None:
    inner = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5)).eval()
    image = torch.zeros(1, 3, 8, 8)
    expected = 36 * 4 * 27 + 144 + 2 * 144 + 144 + 144 * 5
    for module in (inner, torch.jit.script(inner), torch.jit.trace(inner, image)):
        assert flops(module, (3, 8, 8)) == expected
        assert flops(nn.Sequential(module, nn.Linear(5, 2)), (3, 8, 8), "nats-bench") == expected - 432 + 5 + 12


@pytest.mark.parametrize(
    "surroundings", ["autocast", "inference", "default type", "default device", "bfloat16", "meta"]
)
def test_surroundings_do_not_matter(surroundings: str) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5))
    expected = count_flops(network, (3, 8, 8)).by_module
    contexts = {"autocast": lambda: torch.autocast("cpu", torch.bfloat16), "inference": torch.inference_mode}
    kinds = {"bfloat16": torch.bfloat16, "meta": "meta"}
    try:
        if surroundings == "default type":
            torch.set_default_dtype(torch.float64)
        if surroundings == "default device":
            torch.set_default_device("meta")
        with contexts.get(surroundings, nullcontext)():
            found = count_flops(network.to(kinds.get(surroundings)), (3, 8, 8)).by_module
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
    assert found == expected


def test_an_operation_that_is_not_of_torch_is_refused() -> None:
    with torch.library._scoped_library("proxybench_tests", "FRAGMENT") as library:
        library.define("double(Tensor x) -> Tensor")
        library.impl("double", lambda x: 2 * x, "CPU")
        with pytest.raises(ValueError, match="cannot count the operation proxybench_tests::double"):
            flops(Calls(lambda x: torch.ops.proxybench_tests.double(x)), (3,))


def test_drawing_numbers_in_the_forward_pass_leaves_the_random_state() -> None:
    network = Calls(lambda m, x: m(x + torch.randn_like(x)), nn.Linear(3, 2, bias=False))
    state = torch.get_rng_state()
    assert flops(network, (3,)) == 6
    assert torch.equal(torch.get_rng_state(), state)
