"""Write a proxy.

A proxy is a function of a Probe; `check_proxy` checks that it leaves networks as they were and repeats itself.
"""

import torch

import proxybench as pb
from proxybench.proxies import Probe, proxy


@proxy("logit_spread", source="this example", formula="standard deviation of the logits over images", needs=["images"])
def logit_spread(probe: Probe) -> float:
    """Larger if the untrained network tells images apart."""
    with probe.borrowed() as network, torch.no_grad():
        return float(network(probe.images).std(dim=0).mean())


pb.check_proxy(logit_spread)
space = pb.get_space("nasbench201")
images = torch.randn(8, 3, 16, 16, generator=torch.Generator().manual_seed(0))
for arch in space.sample(3, 0):
    torch.manual_seed(0)
    net = space.build(arch, channels=8, cells=1)
    print(f"{pb.score(net, images, proxies=[logit_spread], seed=0)['logit_spread']:.3f}  {space.format(arch)}")
