"""Importers: one file per source, which turns raw files into a Fragment."""
