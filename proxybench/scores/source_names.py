"""The ends of names of scores that two sources have: this project, and the publishers of a table."""

from __future__ import annotations

OWN = "@proxybench"
PUBLISHED = "@published"
