"""What each method changes, one file per method; METHODS of the package names them."""
