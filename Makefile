# Each target is one line of intent; the file that it calls has the details.
SHELL := /bin/bash
.DEFAULT_GOAL := help
CORES ?= all
CONFIG ?= config/demo.yaml
RUN := workflow/bin/run
SIZE ?= 100000

# Without compiled files each of the hundreds of processes of a run compiles this package again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo real publish-demo verify readme docs release raw-lock test test-all lint format lock outdated containers check bundle bench clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# The stamp is written last, so that an installation that was cut off is made again.
VENV := .venv/.lock.sha256
$(VENV): envs/install envs/dev.lock envs/uv.lock pyproject.toml
	@envs/install dev .venv && touch $@

demo: $(VENV) ## rebuild everything on small data with a small model: raw files to PDF, in minutes
	@$(RUN) config/demo.yaml --cores $(CORES)

real: $(VENV) ## the same flow on real files in the folder COLLECTIVESFT_REAL_DATA
	@$(RUN) config/real.yaml --cores $(CORES)

publish-demo: $(VENV) ## push the demo's model to a Hub on this machine, fetch it back, verify and use it
	@workflow/bin/publish-demo

verify: $(VENV) ## compare a run with its manifest, a published one (PUBLISHED=owner/name@tag) and the paper's claims
	@.venv/bin/python workflow/bin/verify $(CONFIG) $(PUBLISHED)

.PHONY: artifact
artifact: $(VENV) ## run the commands of docs/artifact.md and say which claims hold (ROWS="1 4")
	@.venv/bin/python workflow/lib/artifact.py $(ROWS)

readme: $(VENV) ## put the tables and the figure of the last runs into README.md
	@.venv/bin/python workflow/lib/readme_tables.py

docs: $(VENV) ## write the schema, the tables of keys and the picture of the workflow from the code
	@PYTHONPATH=src .venv/bin/python workflow/lib/config_docs.py

release: $(VENV) ## write VERSION everywhere, with release notes; then workflow/bin/release --archive
	@.venv/bin/python workflow/bin/release $(VERSION)

RAW := results/paper/1_raw
raw-lock: $(VENV) ## record size and sha256 of the first real downloads (RAW=results/<run>/1_raw, ARGS="--accept datasets/<name>")
	@.venv/bin/python -m collectivesft raw lock --root $(RAW) --lock config/raw.lock.yaml $(ARGS)

# FILE names files or tests; SEED=1 shuffles the tests by that number.
FAST := -m "not slow and not apptainer and not slurm and not gpu and not browser"
MANY := -n auto --maxprocesses 4 --dist worksteal
test: $(VENV) ## all fast tests, offline (FILE="tests/one.py tests/two.py": only these)
	@.venv/bin/python -m pytest $(if $(SEED),-p randomly --randomly-seed=$(SEED)) $(FAST) $(or $(FILE),$(MANY))

test-all: $(VENV) ## every test that this machine can run
	@.venv/bin/python -m pytest

# SC2016: programs for awk and bash are in single quotes, as they should be.
lint: $(VENV) ## ruff, snakefmt, snakemake --lint, shellcheck, habits of prose
	@.venv/bin/shellcheck --exclude=SC2016 $$(grep -rlIsE '^#!.*sh$$' .ci containers envs findings tests/slurm workflow)
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/snakefmt --check Snakefile workflow && .venv/bin/snakemake --lint --configfile config/demo.yaml && .venv/bin/python workflow/lib/prose.py src workflow docs README.md config findings CONTRIBUTING.md benchmarks containers envs paper .ci

format: $(VENV) ## format all files
	@.venv/bin/ruff check --fix . ; .venv/bin/ruff format . && .venv/bin/snakefmt Snakefile workflow

lock: $(VENV) ## resolve envs/*.in into hash-pinned locks (ARGS=--check: only compare)
	@envs/lock $(ARGS)

outdated: $(VENV) ## list our pins that have a newer version, and try the findings about them (ARGS=--list: only list)
	@.venv/bin/python workflow/lib/outdated.py $(ARGS)

containers: ## build the Apptainer images that CONFIG needs (default config/demo.yaml)
	@CONFIG=$(CONFIG) containers/build $(IMAGES)

check: ## list the lacks of this machine for CONFIG (WITH="apptainer slurm": run in that way)
	@workflow/bin/check $(CONFIG) $(WITH)

.PHONY: site
site: ## the guides as a site in dist/site; with the last demo's PDF and report
	@envs/install docs .venv-docs && .venv-docs/bin/python workflow/lib/guides_site.py dist/site && echo "site     dist/site/index.html"

.PHONY: report
report: $(VENV) ## what CONFIG's run made, as one HTML file that needs no network
	@workflow/bin/make-report $(CONFIG)

bundle: ## all that CONFIG needs on a machine without internet, as the folder OUT
	@[ -x .venv/bin/snakemake ] || envs/install workflow .venv-workflow
	@workflow/bin/bundle $(CONFIG) $(or $(OUT),dist/bundle)

.PHONY: gpu
gpu: ## on a machine with a GPU: its tests and both benchmarks, within 25 minutes
	@python3 benchmarks/gpu.py

bench: $(VENV) ## measure the data side's speed and memory into benchmarks/results (SIZE=100000)
	@PYTHONPATH=src .venv/bin/python benchmarks/curation.py --size $(SIZE) --near-copies --work results/bench && PYTHONPATH=src .venv/bin/python benchmarks/conversion.py --questions 16000 --work results/bench

clean: ## delete results, keep the cache of downloads and base models
	@rm -rf results .snakemake
