"""Layers with the activation after batch normalisation: convolution, squeeze-and-excitation, inverted residual."""

from __future__ import annotations

from torch import Tensor, nn


class ConvBNActivation(nn.Sequential):
    """Convolution without bias, batch normalisation, activation.

    [n, c_in, h, w] -> [n, c_out, ceil(h / stride), ceil(w / stride)].

    Args:
        c_in: input channels.
        c_out: output channels.
        kernel: odd kernel size; the padding keeps the resolution.
        stride: of the convolution.
        groups: of the convolution.
        activation: module class, or None for no activation.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: int,
        stride: int = 1,
        *,
        groups: int = 1,
        activation: type[nn.Module] | None = nn.ReLU,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(c_out)
        if activation is not None:
            self.activation = activation()


class SqueezeExcitation(nn.Module):
    """Channels scaled by a gate on two 1x1 convolutions (with bias) of their means; shape-preserving.

    Hu et al., "Squeeze-and-Excitation Networks", CVPR 2018, equations 2 to 4.

    Args:
        channels: of input and output.
        squeezed: channels between the two convolutions.
        activation: between the two convolutions.
        gate: after them, a sigmoid or an approximation of it.
    """

    def __init__(
        self,
        channels: int,
        squeezed: int,
        activation: type[nn.Module] = nn.ReLU,
        gate: type[nn.Module] = nn.Sigmoid,
    ) -> None:
        super().__init__()
        self.scale = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, squeezed, 1),
            activation(),
            nn.Conv2d(squeezed, channels, 1),
            gate(),
        )

    def forward(self, maps: Tensor) -> Tensor:
        scaled: Tensor = maps * self.scale(maps)
        return scaled


class InvertedResidual(nn.Module):
    """1x1 expansion, depthwise convolution, 1x1 projection without activation; added to the input if shapes agree.

    [n, c_in, h, w] -> [n, c_out, ceil(h / stride), ceil(w / stride)]. Sandler et al., "MobileNetV2", CVPR 2018,
    section 3.3; squeeze-and-excitation after the depthwise convolution as in Tan et al., "MnasNet", CVPR 2019.

    Args:
        c_in: input channels.
        c_out: output channels.
        expansion: the depthwise convolution has `expansion * c_in` channels; with 1 there is no expanding convolution.
        kernel: of the depthwise convolution, odd.
        stride: of the depthwise convolution.
        squeezed: channels inside squeeze-and-excitation, 0 for none.
        activation: module class.
        gate: of squeeze-and-excitation.
        inner: activation inside squeeze-and-excitation, by default the same as everywhere.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        *,
        expansion: int,
        kernel: int,
        stride: int = 1,
        squeezed: int = 0,
        activation: type[nn.Module] = nn.ReLU,
        gate: type[nn.Module] = nn.Sigmoid,
        inner: type[nn.Module] | None = None,
    ) -> None:
        super().__init__()
        wide = expansion * c_in
        layers: list[nn.Module] = []
        if expansion > 1:
            layers.append(ConvBNActivation(c_in, wide, 1, activation=activation))
        layers.append(ConvBNActivation(wide, wide, kernel, stride, groups=wide, activation=activation))
        if squeezed > 0:
            layers.append(SqueezeExcitation(wide, squeezed, inner or activation, gate))
        layers.append(ConvBNActivation(wide, c_out, 1, activation=None))
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and c_in == c_out

    def forward(self, maps: Tensor) -> Tensor:
        result: Tensor = self.layers(maps)
        return maps + result if self.residual else result
