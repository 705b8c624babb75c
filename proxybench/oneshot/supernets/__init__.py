"""The supernets of the spaces, one file per family; SUPERNETS of the package names them."""
