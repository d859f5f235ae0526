# Every target but `clean` and `help` first makes .venv and the page when they are stale.
PYTHON ?= $(firstword $(foreach v,3.11 3.12 3.13,$(shell command -v python$(v) 2>/dev/null)) python3)
UV := .tools/bin/uv
GEOPF := .venv/bin/geopf
STAMPS := .make

export UV_PYTHON_DOWNLOADS := never
export UV_NO_PROGRESS := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo serve test check bench clean lock
.DELETE_ON_ERROR:

help: ## Show this help.
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMPS)/venv $(STAMPS)/web $(STAMPS)/kernels ## Make .venv with the command geopf, and build the page.

$(STAMPS)/tools: requirements/tools.lock
	@mkdir -p $(STAMPS)
	$(PYTHON) -m venv .tools
	.tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/tools.lock
	@touch $@

$(STAMPS)/venv: $(STAMPS)/tools requirements/dev.lock pyproject.toml
	test -x .venv/bin/python || $(UV) venv --quiet --python $(PYTHON) .venv
	$(UV) pip sync --quiet --require-hashes --python .venv/bin/python requirements/dev.lock
	$(UV) pip install --quiet --no-deps --no-build-isolation --python .venv/bin/python --editable .
	@touch $@

# What numba keeps of a kernel knows nothing of the kernels it calls from other modules.
$(STAMPS)/kernels: $(wildcard kernels/*.py)
	rm -f kernels/__pycache__/*.nbi kernels/__pycache__/*.nbc
	@mkdir -p $(STAMPS)
	@touch $@

$(STAMPS)/web: $(STAMPS)/venv $(shell find web -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)
	.venv/bin/python -m deploy.web_build
	@touch $@

demo: setup ## Make the synthetic territory, publish it, and serve it (PORT=8080).
	$(GEOPF) demo $(if $(PORT),--port $(PORT))

serve: setup ## Serve what is published.
	$(GEOPF) serve $(if $(PORT),--port $(PORT))

check: setup ## Lint, types, imports, formatting.
	.venv/bin/ruff check --quiet
	.venv/bin/ruff format --check --quiet
	.venv/bin/mypy
	.venv/bin/lint-imports --no-cache
	.venv/bin/python -m pytest -q tests/test_house.py

test: check ## Run every check and every test.
	.venv/bin/python -m deploy.web_build --check
	.venv/bin/python -m pytest -n 2 --dist loadgroup
	NUMBA_DISABLE_JIT=1 .venv/bin/python -m pytest -q tests/kernels

bench: setup ## Measure ours and the peers (SCENARIO=raster).
	$(GEOPF) bench $(or $(SCENARIO),raster)

lock: $(STAMPS)/tools ## Write the lock files anew from pyproject.toml.
	$(UV) pip compile $(LOCK) requirements/tools.in -o requirements/tools.lock
	$(UV) pip compile $(LOCK) pyproject.toml -o requirements/runtime.lock
	$(UV) pip compile $(LOCK) pyproject.toml --extra bench --group dev -c requirements/runtime.lock -o requirements/dev.lock

LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	--no-header --no-annotate

clean: ## Remove all that make made; the data folder stays.
	rm -rf .venv .tools $(STAMPS) web/node_modules web/dist .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		tests/screenshots
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
