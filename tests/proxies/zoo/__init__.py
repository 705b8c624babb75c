"""Small networks in the shapes that people use, each with what is true of it by hand."""
