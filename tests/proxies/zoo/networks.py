"""All entries of the zoo by name."""

from __future__ import annotations

from zoo import attention, convolutional, generative, sequences, unusual
from zoo.entry import Entry

ZOO: dict[str, Entry] = {
    **convolutional.ENTRIES,
    **attention.ENTRIES,
    **sequences.ENTRIES,
    **generative.ENTRIES,
    **unusual.ENTRIES,
}
