# How fast the adapter is beside others of its kind.

.PHONY: bench-adapter
bench-adapter: $(VENV)/runtime ## Measure the adapter beside mcp-proxy and supergateway (ARGS=--help says how)
	@$(PYTHON) -m benchmarks.adapter $(ARGS)
