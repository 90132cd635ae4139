# What the MCP registry is told; .github/workflows/release.yml publishes it.

##@ Ship to the MCP registry

REPOSITORY = $(addprefix https://github.com/,$(GITHUB_REPOSITORY))

.PHONY: server-json
server-json: $(VENV)/runtime ## Write dist/server.json (REGISTRY=ghcr.io/me, URL=https://..., BUNDLE= and BUNDLE_URL=)
	@mkdir -p dist
	@$(PYTHON) -m ship.registry --name=$(call quote,$(MCP_NAME)) --repository=$(call quote,$(REPOSITORY)) \
		--image=$(call quote,$(if $(REGISTRY),$(REMOTE)$(IMAGE))) --url=$(call typed,URL) \
		--bundle=$(call typed,BUNDLE) --bundle-url=$(call typed,BUNDLE_URL) --output dist/server.json
