"""Outputs of layers and inputs of rectifiers are seen wherever they are computed, and nothing else changes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from networks import Shared, VisionTransformer, batch, odd
from torch import Tensor, nn
from torch.nn import functional

from proxybench.proxies import PROXIES
from proxybench.proxies.layers import find_layers
from proxybench.proxies.probe import Probe
from proxybench.proxies.recorder import layer_outputs
from proxybench.proxies.rectifiers import rectifier_inputs


def test_nothing_is_seen_outside() -> None:
    seen: list[Tensor] = []
    layer = nn.Linear(2, 2)
    with rectifier_inputs(seen.append), layer_outputs(find_layers(layer), lambda _, output: seen.append(output)):
        pass
    layer(torch.ones(1, 2)).relu()
    assert seen == []


def test_the_rectifier_of_an_encoder_layer_is_seen() -> None:
    shapes: list[torch.Size] = []
    encoder = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    with rectifier_inputs(lambda inputs: shapes.append(inputs.shape)):
        encoder(torch.ones(3, 5, 8))
    assert shapes == [torch.Size([3, 5, 16])]


def outputs(network: nn.Module, images: Tensor) -> tuple[dict[str, list[Tensor]], Tensor]:
    layers = find_layers(network)
    seen: dict[str, list[Tensor]] = {layer.name: [] for layer in layers}
    with layer_outputs(layers, lambda position, output: seen[layers[position].name].append(output)):
        return seen, network(images)


def test_outputs_of_layers_are_seen_at_every_call() -> None:
    seen, _ = outputs(Shared(), batch(2)[0])
    # the shared weight: its first owner twice, the second once
    assert {name: len(calls) for name, calls in seen.items()} == {"stem": 1, "first": 3, "last": 1}


def test_projections_of_attention_are_seen_with_the_images_first() -> None:
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(8, 2)
    x = torch.randn(5, 3, 8)  # tokens, images, channels
    layers = find_layers(attention)
    seen: list[Tensor] = []
    with layer_outputs(layers, lambda _, output: seen.append(output)):
        result, _ = attention(x, x, x)
    packed, projected = seen
    torch.testing.assert_close(packed, functional.linear(x, attention.in_proj_weight).transpose(0, 1))
    assert torch.equal(projected, result.transpose(0, 1))


@pytest.mark.parametrize("kind", ["self", "cross", "other widths", "unbatched", "bias of keys"])
def test_attention_gives_the_same_bits_while_it_is_watched(kind: str) -> None:
    torch.manual_seed(1)
    options = {"other widths": {"kdim": 4, "vdim": 6}, "bias of keys": {"add_bias_kv": True, "add_zero_attn": True}}
    attention = nn.MultiheadAttention(8, 2, **options.get(kind, {}))
    for parameter in attention.parameters():
        nn.init.normal_(parameter)
    shape = (5,) if kind == "unbatched" else (5, 3)
    query = torch.randn(*shape, 8)
    key = value = query
    if kind == "cross":
        key = value = torch.randn(7, 3, 8)
    if kind == "other widths":
        key, value = torch.randn(7, 3, 4), torch.randn(7, 3, 6)
    expected = attention(query, key, value)
    seen: list[Tensor] = []
    with layer_outputs(find_layers(attention), lambda _, output: seen.append(output)):
        found = attention(query, key, value)
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])
    assert len(seen) == {"cross": 3, "other widths": 4, "unbatched": 0}.get(kind, 2)


def test_the_packed_projection_of_cross_attention_has_zeros_in_the_channels_of_the_others() -> None:
    torch.manual_seed(2)
    attention = nn.MultiheadAttention(2, 1, bias=False)
    query, key = torch.randn(3, 1, 2), torch.randn(4, 1, 2)
    seen: list[Tensor] = []
    with layer_outputs(find_layers(attention), lambda _, output: seen.append(output)):
        attention(query, key, key)
    expected = functional.linear(key, attention.in_proj_weight[2:]).transpose(0, 1)
    torch.testing.assert_close(seen[1], functional.pad(expected, (2, 0)))


def test_fisher_of_attention_agrees_with_a_mask_on_each_channel() -> None:
    network, images, labels = VisionTransformer().double(), *batch(3)
    network.blocks[1].dropout.p = network.blocks[1].dropout1.p = network.blocks[1].dropout2.p = 0.0
    network.blocks[1].self_attn.dropout = 0.0
    found = Probe(network, images, labels).run([PROXIES["fisher"]])
    attention = network.blocks[0].attention
    place = found.operations.index("blocks.0.attention.in_proj_weight")
    # With images alone in their batches (the network has no batch normalisation), a mask on the output of the
    # projection is a factor on the rows of its weight and bias; the loss is a mean over 3 images.
    total = 0.0
    for image in range(3):
        weight, bias = attention.in_proj_weight, attention.in_proj_bias
        loss = functional.cross_entropy(network(images[image : image + 1].double()), labels[image : image + 1]) / 3
        by_weight, by_bias = torch.autograd.grad(loss, [weight, bias])
        sensitivity = ((weight * by_weight).sum(1) + bias * by_bias).detach()
        total += float((sensitivity**2).sum()) / 2 / 3
    assert found.nodes["fisher"][place] == pytest.approx(8 * total, rel=1e-9)  # each channel has 8 weights


def test_tokens_before_images_are_distinguished_from_images() -> None:
    network, images, labels = odd("tokens first")  # 4 tokens of 8 images
    found = Probe(network, images, labels).run([PROXIES["nwot"], PROXIES["fisher"]])
    assert found.unanswered == {}


class Tied(nn.Module):
    """A linear layer that shares its weight with an embedding, which looks it up and multiplies nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.last = nn.Embedding(7, 4), nn.Linear(4, 7)
        self.last.weight = self.embed.weight

    def forward(self, tokens: Tensor) -> Tensor:
        return self.last(self.embed(tokens).mean(1))


def test_of_a_weight_shared_with_an_embedding_each_product_is_seen_once() -> None:
    torch.manual_seed(0)
    network, tokens, labels = Tied(), torch.arange(15).view(3, 5) % 7, torch.arange(3)
    probe = Probe(network, tokens, labels)
    [layer] = probe.layers
    seen: list[Tensor] = []
    with layer_outputs(probe.layers, lambda _, output: seen.append(output)):
        logits = network(tokens)
    [output] = seen
    assert torch.equal(output, logits)
    logits.retain_grad()
    functional.cross_entropy(logits, labels).backward()
    assert logits.grad is not None
    expected = 0.5 * (logits * logits.grad).detach().square().mean(0).sum() * layer.weight.numel() / 7
    assert probe.run([PROXIES["fisher"]]).values["fisher"] == pytest.approx(float(expected), rel=1e-5)


class Functional(nn.Module):
    """Three layers, the middle one used in the way that `use` says."""

    def __init__(self, use: Callable[[nn.Linear, Tensor], Tensor]) -> None:
        super().__init__()
        self.conv, self.middle, self.last = nn.Conv2d(3, 4, 3), nn.Linear(4, 4), nn.Linear(4, 4)
        self._use = use

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self._use(self.middle, self.conv(images).relu().mean((2, 3))))


USES: dict[str, tuple[Callable[[nn.Linear, Tensor], Tensor], set[str]]] = {
    "by its module": (lambda middle, x: middle(x), set()),
    "not at all": (lambda middle, x: x, set()),
    "in an output that is then overwritten": (lambda middle, x: functional.relu_(middle(x)), set()),
    "by a function": (lambda middle, x: functional.linear(x, middle.weight), {"fisher", "t_cet"}),
    "scaled": (lambda middle, x: x @ (2 * middle.weight), {"fisher", "t_cet"}),
    "by both": (lambda middle, x: middle(x) @ middle.weight, {"fisher"}),
}


@pytest.mark.parametrize("name", USES)
def test_what_needs_outputs_has_no_answer_where_a_function_gives_one_that_is_not_seen(name: str) -> None:
    torch.manual_seed(0)
    use, unanswered = USES[name]
    images, labels = batch(4, (3, 8, 8))
    found = Probe(Functional(use), images, labels).run([PROXIES[one] for one in ("fisher", "t_cet", "snip")])
    assert set(found.unanswered) == unanswered
    assert all("'middle'" in reason for reason in found.unanswered.values())
