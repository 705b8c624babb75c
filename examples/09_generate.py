"""Generate architectures.

Samples of the diffusion model of NAS-Bench-101 that are small enough: whatever misses the aim is drawn again.
"""

from proxybench.generation import generate, load_generator

model = load_generator("nasbench101")


def few_convolutions(archs):
    """Whether each cell has at most two 3 x 3 convolutions."""
    return [sum("conv3x3" in op for op in arch.ops) <= 2 for arch in archs]


found = generate(model, 5, seed=0, accept=few_convolutions)
for arch in found.archs:
    print(len(arch.ops), "nodes:", ", ".join(arch.ops[1:-1]))
