# The whole of Cockpit on one machine. Needs make and Python 3.11 to 3.13, nothing else.
#
#   make run      install, start everything, show where to log in; Ctrl-C stops it
#   make stop     stop it from elsewhere, with the embedded servers
#   make reset    remove all data (asks; FORCE=1 does not)
#   make test     the tests, two processes; ARGS="tests/core -k ledger" chooses
#   make check    formatting, lint, types, templates, spelling, Django's checks; ONLY=types chooses
#   make fuzz     schemathesis against the REST API, as everybody; EXAMPLES=100 for each operation
#   make fix      mend what can be mended by a machine
#   make lock     resolve requirements*.in again into the hashed requirements*.txt
#
# In the environment: DATABASE_URL and REDIS_URL take the place of the embedded servers;
# COCKPIT_WEB_PORT, COCKPIT_GATEWAY_PORT and COCKPIT_BIND say where it listens, COCKPIT_DATA where
# data goes. PYTHON=/path/to/python3.13 chooses the Python that makes the virtual environment.

# The first Python of a version that the lock was tried on; else any, which then says what it is.
# Tried by running it, because a version manager's stand-in may exist without working.
FIND_PYTHON = \
	for name in python3 python3.13 python3.12 python3.11 python; do \
		if $$name -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; \
		then echo $$name; exit; fi; \
	done; \
	for name in python3.14 python3; do \
		if $$name -c 'import sys' 2>/dev/null; then echo $$name; exit; fi; \
	done
PYTHON ?= $(shell $(FIND_PYTHON))
PY := .venv/bin/python
ANY_PY = $(if $(wildcard $(PY)),$(PY),$(PYTHON))
BOOTSTRAP = @found="$(PYTHON)"; if [ -z "$$found" ]; then \
	echo "Cockpit: no Python found. Install Python 3.11, 3.12 or 3.13, or name one: make PYTHON=/path/to/python3 $@" >&2; \
	exit 1; fi; "$$found" bootstrap.py
FORCING = $(if $(filter 1 yes true,$(FORCE)),--force)

.PHONY: run stop reset install dev test check fuzz fix lock

run: install
	@exec $(PY) -m cockpit.embedded up --with-parent

# These two need nothing installed, so that they also work when the installing went wrong.
stop:
	@$(ANY_PY) -m cockpit.embedded stop $(FORCING)

reset:
	@$(ANY_PY) -m cockpit.embedded reset $(FORCING)

install:
	$(BOOTSTRAP)

dev:
	$(BOOTSTRAP) --dev

# The servers of the tests stop with the last run that uses them.
test: dev
	@code=0; $(PY) -m pytest $(or $(ARGS),-n 2 --dist loadfile) || code=$$?; $(PY) -m cockpit.embedded stop-test; exit $$code

fuzz: dev
	@code=0; COCKPIT_FUZZ_EXAMPLES=$(or $(EXAMPLES),100) $(PY) -m pytest -n 2 tests/api_fuzz $(ARGS) || code=$$?; $(PY) -m cockpit.embedded stop-test; exit $$code

check: dev
	@code=0; $(PY) .ci/check.py $(ONLY) || code=$$?; $(PY) -m cockpit.embedded stop-test; exit $$code

fix: dev
	@$(PY) -m ruff check --fix-only --quiet .
	@$(PY) -m ruff format .
	@$(PY) -m djlint --reformat --quiet templates || true

LOCK = --universal --python-version 3.11 --generate-hashes --no-emit-index-url

# Keeps the pins that still fit; ARGS=--upgrade takes newer ones, ARGS="-P litellm" of one package.
lock: dev
	$(PY) -m uv pip compile requirements.in $(LOCK) --quiet $(ARGS) -o requirements.txt
	$(PY) -m uv pip compile requirements-dev.in $(LOCK) --quiet $(ARGS) -o requirements-dev.txt
