# `make demo` and `make test` each set up all they need in .venv; nothing else has to be installed but Python >= 3.11.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
ON_ALL_CORES := -n auto --dist worksteal  # a process per core; one that has no tests left takes some of another's
# Byte code is kept, also where the environment says not to: else each process of the tests compiles every module again.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test docs site gallery slow fences sanitize device lint types oracle tables browser fuzz mutants script-mutants ci clean

demo: .venv/demo  ## train on built-in faces, rank, knock out, and write a page of pictures
	$(BIN)/nnpg demo

test: .venv/test  ## every fast test; none needs a GPU, real data or PyTorch
	NNPG_CUDA=emulated $(BIN)/python -m pytest $(ON_ALL_CORES)

docs: .venv/docs  ## the site, out/docs/index.html: every code cell is run, and what a page refers to must exist; needs Node and npm
	$(BIN)/python -m sphinx -q -W --keep-going -d out/docs-cache/doctrees docs out/docs

gallery: .venv/demo  ## one page of all results on record, out/gallery.html; no data needed, and nothing is run
	$(BIN)/python -m experiments gallery

# Not here: NumPy's backend, which has no fences; code for small registers, which slow tests run between fences; random
# networks, of which the search behind the tests checks more.
fences: .venv/test  ## the tests of the compiled programs with every array between fences: see kernels/README.md
	NNPG_CHECK=1 $(BIN)/python -m pytest $(ON_ALL_CORES) --slow -k "not numpy" --ignore tests/programs/test_random_networks.py \
	  tests/programs tests/kernels/test_numba.py tests/kernels/test_definition.py
	NNPG_CHECK=1 PYTHONPATH=tests $(BIN)/python -m fuzz.geometries

sanitize: .venv/test  ## the CUDA kernels on the CPU with g++'s sanitizers: an index error comes with its file and line
	NNPG_SANITIZE=1 NNPG_CUDA=emulated $(BIN)/python -m pytest tests/cuda

device: .venv/test  ## on a machine with an NVIDIA GPU: every test of the device, then compute-sanitizer over the tiny ones
	NNPG_CUDA=device $(BIN)/python -m pytest $(ON_ALL_CORES) --slow -m gpu
	for tool in memcheck racecheck synccheck initcheck; do \
	  NNPG_CUDA=device compute-sanitizer --tool $$tool --error-exitcode 1 $(BIN)/python -m pytest -m tiny || exit 1; done

cuda: .venv/cuda  ## compile every CUDA kernel, without a device, and compare what it needs with docs/cuda-resources.md
	PYTHONPATH=kernels:tests/cuda $(BIN)/python -m resources

cuda-table: .venv/cuda  ## write docs/cuda-resources.md anew
	PYTHONPATH=kernels:tests/cuda $(BIN)/python -m resources --write

gpu-costs: .venv/test  ## count what crosses between host and device in each public function; writes docs/gpu-costs.md
	PYTHONPATH=.:kernels:tests:tests/cuda:tests/gpu $(BIN)/python -m costs

slow: .venv/test  ## all other cases: every experiment, more random networks, figures, mutants
	NNPG_CUDA=emulated $(BIN)/python -m pytest $(ON_ALL_CORES) --slow -m slow

lint: .venv/lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python tests/explorer/script_types.py

types: .venv/lint
	$(BIN)/mypy

tables: .venv/test  ## the tables of README and docs are those of the records in results/
	$(BIN)/python -m experiments tables --check

oracle: .venv/oracle  ## the tests that hold every layer against PyTorch (a large download)
	NNPG_CUDA=emulated $(BIN)/python -m pytest -m oracle

browser: .venv/browser  ## the tests that run the explorer in Chromium, which the system must have
	NNPG_BROWSER=1 $(BIN)/python -m pytest -m browser tests/explorer tests/lecture

site: .venv/browser  ## every page that make docs has built, in Chromium and without the network: nothing fails, all is shown
	NNPG_BROWSER=1 $(BIN)/python -m pytest -m browser tests/docs

fuzz: .venv/test  ## minutes of searching for inputs that are answered wrongly; each search prints its counts
	PYTHONPATH=tests $(BIN)/python -m fuzz.model_files
	PYTHONPATH=tests $(BIN)/python -m fuzz.checkpoints
	PYTHONPATH=tests $(BIN)/python -m fuzz.kills
	PYTHONPATH=tests $(BIN)/python -m fuzz.geometries --fresh --count 1000
	NNPG_CHECK=1 PYTHONPATH=tests $(BIN)/python -m fuzz.geometries --fresh --count 1000
	PYTHONPATH=tests $(BIN)/python -m fuzz.data_files
	PYTHONPATH=tests $(BIN)/python -m fuzz.command_lines
	PYTHONPATH=tests $(BIN)/python -m fuzz.interrupts
	PYTHONPATH=tests $(BIN)/python -m fuzz.api_cases

mutants: .venv/test  ## break the code in every way; prints each change that no check notices
	NNPG_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 PYTHONPATH=tests $(BIN)/python -m mutation path
	NNPG_CHECK=1 NNPG_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 PYTHONPATH=tests $(BIN)/python -m mutation programs
	NNPG_CUDA=emulated $(BIN)/python -m pytest $(ON_ALL_CORES) --mutants -m mutants -o faulthandler_timeout=0

script-mutants: .venv/browser  ## the same for the explorer's engine, in Chromium
	NNPG_BROWSER=1 $(BIN)/python -m pytest --slow tests/explorer/test_script_mutants.py

ci: .venv/ci lint docs browser types cuda tables test fences slow site oracle  ## what .ci/run runs

clean:
	rm -rf .venv out tests/cuda/build

.venv/python:
	@test -n "$(PYTHON)" || { echo "nnpg needs Python 3.11 or newer: install it, or say where it is: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "could not make .venv: on Debian and Ubuntu, install python3-venv"; exit 1; }
	@touch $@

.venv/demo: .venv/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

.venv/test: .venv/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@

.venv/docs: .venv/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,docs]'
	@touch $@

.venv/lint: .venv/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[lint,table]'
	@touch $@

.venv/cuda: .venv/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[cuda-check]'
	@touch $@

.venv/browser: .venv/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,browser]'
	@touch $@

.venv/ci: .venv/python pyproject.toml  # all that .ci/run needs but PyTorch, with which more tests would run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,docs,lint,table,browser,cuda-check]'
	@touch .venv/test .venv/docs .venv/lint .venv/browser .venv/cuda $@

.venv/oracle: .venv/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,oracle]'
	@touch $@
