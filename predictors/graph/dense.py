"""torch-geometric's layers for dense batches, without the import-time warning under newer versions of torch."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message=".*torch.jit.script.* is deprecated", category=DeprecationWarning)
    from torch_geometric.nn.dense import (
        DenseGATConv,
        DenseGCNConv,
        DenseGINConv,
    )

__all__ = ["DenseGATConv", "DenseGCNConv", "DenseGINConv"]
