# Everything runs from here on a machine with python3 and make.  `make setup` brings the rest.

VENV := .venv
PY := $(VENV)/bin/python
DONE := .cache/setup.done

.PHONY: setup demo test test-long check fix bench serve lock shapes clean

setup: $(DONE)

# Done again only when what is locked or the script itself has changed.
$(DONE): scripts/setup requirements/dev.txt requirements/encryption-clients.txt requirements/deploy.txt pyproject.toml tests/js/package-lock.json
	@scripts/setup
	@mkdir -p .cache && touch $@

demo: setup
	@$(PY) scripts/demo.py

test: setup
	$(PY) -m pytest -n auto --dist loadgroup -m "not long"

test-long: setup
	$(PY) -m pytest -n auto --dist loadgroup --timeout 3600

check: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(PY) -m pytest -q tests/test_arrows.py

fix: setup
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

bench: setup
	@$(PY) -m bench

serve: setup
	@$(VENV)/bin/strongroom dev

# Written again from botocore's models; a test says when they are behind.
shapes: setup
	$(PY) scripts/shapes.py
	$(PY) scripts/divergences.py

lock: setup
	scripts/lock

clean:
	rm -rf $(VENV) .cache tests/js/node_modules
