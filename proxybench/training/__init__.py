"""Tables trained by this project: sampled architectures, several seeds each, on small real images."""
