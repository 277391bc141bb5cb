# Two commands for people: `make art` and `make test`. The rest is for those who change Impasto.
PYTHON ?= python3
VENV := .venv
ORACLE := .venv-oracle
# The strict editable mode lets mypy see the folders as one package; re-install after adding a file.
EDITABLE := --config-settings editable_mode=strict

.PHONY: art test oracle embedded styles clean

art: $(VENV)/art
	$(VENV)/bin/impasto stylize examples/photo_cat.jpg examples/style_strokes.jpg -o art.png
	@echo "Your picture is $(CURDIR)/art.png"

test: $(VENV)/test
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy -p impasto
	$(VENV)/bin/pytest

# Comparisons with torch: the only place where a deep-learning framework is installed.
# torchvision comes without its dependencies, or it would replace the CPU build of torch.
oracle: $(ORACLE)/oracle
	$(ORACLE)/bin/pytest tests/oracle

# The embedded network, bit for bit (see models/README.md).
embedded: $(VENV)/art
	$(VENV)/bin/python models/rebuild.py

styles: $(VENV)/art
	$(VENV)/bin/python examples/make_styles.py

$(VENV)/art: pyproject.toml
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet $(EDITABLE) --editable '.[cpu]'
	touch $@

$(VENV)/test: $(VENV)/art $(wildcard impasto/*.py engine/*.py export/*.py export/*/*.py models/*.py cli/*.py)
	$(VENV)/bin/python -m pip install --quiet $(EDITABLE) --editable '.[cpu,test]'
	touch $@

$(ORACLE)/oracle: pyproject.toml $(wildcard impasto/*.py engine/*.py export/*.py export/*/*.py models/*.py cli/*.py)
	test -x $(ORACLE)/bin/python || $(PYTHON) -m venv $(ORACLE)
	$(ORACLE)/bin/python -m pip install --quiet torch==2.13.0
	$(ORACLE)/bin/python -m pip install --quiet --no-deps torchvision==0.28.0
	$(ORACLE)/bin/python -m pip install --quiet $(EDITABLE) --editable '.[cpu,test]'
	touch $@

clean:
	rm -rf $(VENV) $(ORACLE) build dist *.egg-info
