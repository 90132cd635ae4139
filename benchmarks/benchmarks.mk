# How fast this chassis is beside a bare FastMCP server and others, measured in one run.

##@ Benchmarks: the chassis beside a bare FastMCP server

.PHONY: bench
bench: $(VENV)/runtime ## Measure calls, workers, starts and growth: half an hour (ARGS=--help says how)
	@$(PYTHON) -m benchmarks $(ARGS)

.PHONY: bench-quick
bench-quick: $(VENV)/runtime ## Measure the most important in less than a minute
	@$(PYTHON) -m benchmarks --quick $(ARGS)
