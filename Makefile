# Two commands for people: `make art` and `make test`. The rest is for those who change Impasto.
PYTHON ?= python3
VENV := .venv
ORACLE := .venv-oracle
AUDIT := .venv-audit
# The strict editable mode lets mypy see the folders as one package. It links file by file, so that
# a new file is seen only after another installation: everything installed depends on SOURCES.
EDITABLE := --config-settings editable_mode=strict
SOURCES := pyproject.toml $(wildcard impasto/*.py engine/*.py export/*.py export/*/*.py models/*.py cli/*.py service/*.py service/page/* cluster/*.py)
# For `make oracle`. Where the registry's torch is one for CUDA (on Linux it is), name a CPU build:
# a wheel file, or a version with the options of pip that find it.
TORCH ?= torch==2.13.0

.PHONY: art test page oracle embedded styles tour gallery options fuzz audit clean

art: $(VENV)/art
	$(VENV)/bin/impasto stylize examples/photo_cat.jpg examples/style_strokes.jpg -o art.png
	@echo "Your picture is $(CURDIR)/art.png"

test: $(VENV)/test
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
# From another folder: in this one, ./impasto would hide the package that is installed.
	cd $(VENV) && bin/mypy --config-file ../pyproject.toml -p impasto
	$(VENV)/bin/pytest

# The service's page in a real browser, Debian's Chromium; none is downloaded by Playwright.
page: $(VENV)/test
	command -v chromium >/dev/null || { apt-get update && apt-get install -y chromium; }
	$(VENV)/bin/python -m pip install --quiet 'playwright>=1.50'
	$(VENV)/bin/pytest tests/page

# Comparisons with torch: the only place where a deep-learning framework is installed.
# torchvision comes without its dependencies, or it would replace the CPU build of torch.
oracle: $(ORACLE)/oracle
	$(ORACLE)/bin/pytest tests/oracle

# The embedded network, bit for bit (see models/README.md).
embedded: $(VENV)/art
	$(VENV)/bin/python tools/rebuild_embedded.py

styles: $(VENV)/art
	$(VENV)/bin/python examples/make_styles.py

# The pictures of docs/tour.md, by the commands under them.
tour: $(VENV)/art
	$(VENV)/bin/python tools/make_tour.py

# The sheet of docs/gallery.md: every control on the same pictures.
gallery: $(VENV)/art
	$(VENV)/bin/python tools/make_gallery.py --quality 60

# docs/options.md: every option, from the commands themselves.
options: $(VENV)/art
	$(VENV)/bin/python tools/make_options.py

# Thousands of damaged files for every reader, and writers killed at any time; the seeds are fixed
# (docs/faults.md).
fuzz: $(VENV)/test
	$(VENV)/bin/python -P tests/faults/fuzz.py --cases 2000
	$(VENV)/bin/python -P tests/faults/kills.py --times 200

# Known advisories against what is installed, in an environment of its own. Strict: of a package that
# could not be asked about, nobody knows that it has none.
audit: $(VENV)/art
	test -x $(AUDIT)/bin/pip-audit || { $(PYTHON) -m venv $(AUDIT) && $(AUDIT)/bin/python -m pip install --quiet pip-audit; }
	$(VENV)/bin/python -m pip freeze --exclude-editable > $(AUDIT)/installed.txt
	$(AUDIT)/bin/pip-audit --strict --requirement $(AUDIT)/installed.txt --no-deps --disable-pip

$(VENV)/art: $(SOURCES)
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet $(EDITABLE) --editable '.[cpu]'
	touch $@

# Whoever has this has all of the above.
$(VENV)/test: $(SOURCES)
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet $(EDITABLE) --editable '.[cpu,test]'
	touch $(VENV)/art $@

$(ORACLE)/oracle: $(SOURCES)
	test -x $(ORACLE)/bin/python || $(PYTHON) -m venv $(ORACLE)
	$(ORACLE)/bin/python -m pip install --quiet $(TORCH)
	$(ORACLE)/bin/python -m pip install --quiet --no-deps torchvision==0.28.0
	$(ORACLE)/bin/python -m pip install --quiet $(EDITABLE) --editable '.[cpu,test]'
	touch $@

clean:
	rm -rf $(VENV) $(ORACLE) $(AUDIT) build dist *.egg-info
