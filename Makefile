# Every target is self-sufficient on a machine with Python 3.11 or newer, pip and make: it sets up .venv when absent.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: leaderboard release-leaderboard test lint spelling type bench check docs check-docs clean
.DEFAULT_GOAL := check

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

# Results go to leaderboard/latest, which is not committed. Published tables that cannot be had (no network, no mirror) are
# left out with a note; their recorded results stay.
REPEATS ?= 1
leaderboard: $(READY)
	$(BIN)/proxybench leaderboard update --repeats $(REPEATS)

# The committed leaderboard: the same, recorded in leaderboard/ itself.
release-leaderboard: $(READY)
	$(BIN)/proxybench leaderboard update --folder leaderboard --repeats $(REPEATS)

WORKERS ?= 2
test: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

# Misspelt words in code, documentation and cards; [tool.codespell] in pyproject.toml names the few that are right.
spelling: $(READY)
	$(BIN)/codespell

type: $(READY)
	$(BIN)/mypy

bench: $(READY)
	for script in tests/bench/bench_*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

check: lint spelling type test docs

# The documentation, with its reference made from the code; a warning is an error.
docs: $(READY)
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html

# Every code block of the README and of docs/, the slow ones too, every example, every table of results, every link.
check-docs: docs spelling
	$(BIN)/python -m pytest -m "slow or not slow" tests/documentation

clean:
	rm -rf $(VENV) docs/_build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
