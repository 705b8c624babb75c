"""Tables that this project trains itself: sampled architectures, several seeds of each, on small real images."""
