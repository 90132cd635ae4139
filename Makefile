# `make` lists the verbs. Everything is installed below this folder, by hash: .venv for Python, tests/node for Node.js.

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
PYTHON := $(VENV)/bin/python
NODE_TOOLS := tests/node/node_modules
ARGS ?=
# What registries call this server: the README says it, and GitHub's workflows know the owner.
MCP_NAME ?= $(subst OWNER,$(or $(GITHUB_REPOSITORY_OWNER),OWNER),$(shell sed -n 's/.*mcp-name: \([^ ]*\).*/\1/p' README.md 2>/dev/null))

##@ Run

.PHONY: run
run: $(VENV)/runtime ## Serve MCP on http://127.0.0.1:8000/mcp (ARGS="--port 9000" and so on)
	@exec $(PYTHON) server.py $(ARGS)

.PHONY: dev
dev: $(VENV)/runtime ## The same, started again whenever a file is saved
	@MCP_LOG_LEVEL=$${MCP_LOG_LEVEL:-debug} exec $(PYTHON) -m watchfiles --filter python \
		'$(PYTHON) server.py $(ARGS)' server.py serving tools

.PHONY: stdio
stdio: $(VENV)/runtime ## Serve MCP over standard input and output
	@exec $(PYTHON) server.py --transport stdio $(ARGS)

##@ Test

.PHONY: test
test: $(VENV)/dev ## Run the tests (ARGS="-k name" and so on)
	@$(PYTHON) -m pytest --numprocesses auto --dist loadfile $(ARGS)

.PHONY: check
check: $(VENV)/dev ## Lint, check the format, check the types
	@$(PYTHON) -m ruff check
	@$(PYTHON) -m ruff format --check
	@$(PYTHON) -m mypy

.PHONY: format
format: $(VENV)/dev ## Fix what the linter and the formatter can
	@$(PYTHON) -m ruff check --fix --exit-zero --quiet
	@$(PYTHON) -m ruff format
	@$(PYTHON) -m ruff check

.PHONY: test-thorough
test-thorough: $(VENV)/dev $(NODE_TOOLS)/ready ## Run the slow tests: real clients, a browser, a fuzzer, uvx, other tools
	@$(PYTHON) -m pytest -m thorough --numprocesses auto --dist loadfile $(ARGS)

.PHONY: test-container
test-container: $(VENV)/dev ## Run the tests of the images; they need a container engine
	@$(PYTHON) -m pytest -m container $(ARGS)

##@ Look inside

# The Inspector gives a stdio server no environment and takes --transport for itself: hence -e.
INSPECTOR = PATH="$(CURDIR)/$(NODE_TOOLS)/.bin:$$PATH" mcp-inspector
THIS_SERVER = -e MCP_TRANSPORT=stdio -- "$(CURDIR)/$(PYTHON)" "$(CURDIR)/server.py"

.PHONY: inspect
inspect: $(VENV)/runtime $(NODE_TOOLS)/ready ## Open this server in the MCP Inspector
	@$(INSPECTOR) $(THIS_SERVER)

.PHONY: inspect-cli
inspect-cli: $(VENV)/runtime $(NODE_TOOLS)/ready ## List the tools with the Inspector (ARGS="--method resources/list" and so on)
	@$(INSPECTOR) --cli $(or $(ARGS),--method tools/list) $(THIS_SERVER)

# A folder brings its own verbs, and takes them along when it is deleted.
include $(wildcard tests/*/*.mk ship/*.mk ship/*/*.mk k8s/*.mk benchmarks/*.mk benchmarks/*/*.mk)

##@ Keep

.PHONY: lock
lock: $(VENV)/dev ## Lock the dependencies with hashes, for every Python and platform (ARGS=--upgrade for newer ones)
	@$(LOCK) --output-file requirements.txt >/dev/null
	@$(LOCK) --group dev --constraints requirements.txt --output-file requirements-dev.txt $(WITHOUT) >/dev/null

LOCK = $(PYTHON) -m uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-package pip --custom-compile-command 'make lock' $(ARGS)

# jsonschema checks addresses that are not ASCII with it where it is installed, and reads grammars for that whenever it is
# imported: two seconds for every client in the tests.
WITHOUT = --no-emit-package rfc3987-syntax

.PHONY: update
update: $(VENV)/dev ## Bring this copy up to the newest release of the template that it was made from
	@test -f .copier-answers.yml || $(call fail,only what was made with Copier can be updated: there is no .copier-answers.yml here)
	@$(PYTHON) -m copier update --skip-answered $$([ -t 0 ] || echo --defaults) $(ARGS)
	@git status --short

.PHONY: clean
clean: ## Remove everything that was installed or cached
	@rm -rf $(VENV) $(NODE_TOOLS) .hypothesis .mypy_cache .pytest_cache .ruff_cache dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help:
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# What the verbs stand on. Each stamp is newer than what it was installed from.

fail = { echo "make: $(1)" >&2; exit 1; }

# A value as one word of the shell's, whatever is in it; and what was typed behind the verb, as NAME=weather, which an
# environment variable of the same name does not replace.
quote = '$(subst ','\'',$(1))'
is_typed = $(filter command,$(firstword $(origin $(1))))
typed = $(call quote,$(if $(call is_typed,$(1)),$(value $(1))))

$(PYTHON):
	@for python in $(PYTHON3) python3 python3.14 python3.13 python3.12 python3.11; do \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
		rm -rf $(VENV); \
		"$$python" -m venv $(VENV) >/dev/null 2>&1 && exit 0; \
		rm -rf $(VENV); \
		$(call fail,$$python has no venv module: install it (Debian and Ubuntu: apt-get install python3-venv)); \
	done; $(call fail,Python 3.11 or newer is needed and none was found (PYTHON3=/path/to/python names one))

$(VENV)/runtime: requirements.txt | $(PYTHON)
	@$(call install,requirements.txt)

$(VENV)/dev: requirements-dev.txt | $(PYTHON)
	@$(call install,requirements-dev.txt)
	@touch $(VENV)/runtime

# Without --no-deps an older pip looks at what is newer than the lock, and stumbles over it.
define install
echo "Installing $(1) into $(VENV)" >&2; \
$(PYTHON) -m pip --disable-pip-version-check install $$([ -t 2 ] || echo --quiet) --retries 2 \
	--no-deps --require-hashes --requirement $(1) 2>$(VENV)/install.log >&2 || \
	if grep --quiet Retrying $(VENV)/install.log; \
		then $(call fail,cannot install $(1): no package index answers; is there a network? ($(VENV)/install.log says more)); \
		else $(call fail,cannot install $(1): $$(grep --after-context 1 ERROR $(VENV)/install.log | head -n 2 | tr '\n' ' ')); fi; \
touch $@
endef

# The Inspector needs Node.js 22.19 and the conformance suite 22: the lock brings one, so that every machine has the same.
$(NODE_TOOLS)/ready: tests/node/package-lock.json
	@command -v npm >/dev/null || $(call fail,npm is needed for this and was not found: install Node.js)
	@echo "Installing tests/node/package-lock.json" >&2
	@npm ci --prefix tests/node --loglevel error >$(VENV)/npm.log 2>&1 || $(call fail,npm ci failed: see $(VENV)/npm.log)
	@touch $@
