# make demo      a network's prediction taken apart, on real data    make lint    ruff and pyright
# make test      the tests, in minutes                               make bench   the benchmark table
# make test-all  the slow tests too                                  make clean   what was made is removed
# make tables    the tables of formulas and criteria in README.md and docs/, from the rules
#
# Everything happens in $(VENV), made on first use. An installation runs again only after pyproject.toml or
# constraints.txt changed. pip is left to its own configuration (pip.conf, PIP_* variables): choose an index
# there, for example one that offers CPU-only builds of torch. A torch that fits is never replaced.

PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2
ARGS ?=

python := $(VENV)/bin/python
install := $(python) -m pip install --quiet --constraint constraints.txt --editable

.PHONY: demo test test-all lint bench tables clean
.DELETE_ON_ERROR:

demo: $(VENV)/.installed-demo
	$(python) -m taylorattr demo $(ARGS)

# One thread per worker: the tests are many small computations, and JOBS workers share the cores. A worker that is done
# takes over tests of another: the examples, which take longest, stand together.
pytest := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(python) -m pytest -q --numprocesses $(JOBS) --dist worksteal

test: $(VENV)/.installed-test
	$(pytest) -m "not slow" $(ARGS)

test-all: $(VENV)/.installed-test
	$(pytest) $(ARGS)

lint: $(VENV)/.installed-dev
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	$(python) -m pyright --pythonpath $(python)

tables: $(VENV)/.installed-test
	$(python) docs/tables.py

bench: $(VENV)/.installed-test
	$(python) -m benchmarks $(ARGS)

$(python):
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed-%: pyproject.toml constraints.txt | $(python)
	$(install) '.[$*]'
	@touch $@

clean:
	rm -rf $(VENV) taylorattr-demo build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
