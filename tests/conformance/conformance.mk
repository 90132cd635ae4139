# The official conformance suites, against a server with everything that they ask for.

##@ Test against the official suites

.PHONY: conformance
conformance: $(VENV)/dev $(NODE_TOOLS)/ready ## Run the official conformance suites, of both protocol eras
	@$(PYTHON) -m tests.conformance.run $(ARGS)
