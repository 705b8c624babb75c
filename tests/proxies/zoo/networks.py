"""All entries of the zoo by name."""

from __future__ import annotations

from zoo import attention, convolutional, generative, mobile, reparametrised, sequences, tokens, unusual
from zoo.entry import Entry

_FILES = (convolutional, mobile, attention, tokens, sequences, generative, reparametrised, unusual)
ZOO: dict[str, Entry] = {name: entry for file in _FILES for name, entry in file.ENTRIES.items()}
