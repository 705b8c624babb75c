"""The proxies that are defined for attention and tokens, and have no answer for a convolutional network."""

OF_TRANSFORMERS = {
    *("auto_prox_a", "auto_prox_p", "dss", "head_confidence", "head_importance", "head_softmax_confidence"),
    *("lpzero", "w_pca"),
}
