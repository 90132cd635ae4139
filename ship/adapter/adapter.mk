# Any stdio server (an npm package, a PyPI package, a command) behind this chassis: run here, and its image.

##@ Adapter: any stdio server behind this chassis

NODE_VERSION ?= 22

ADAPTER_IMAGE = $(shell $(call say,of().name.lower() + "-adapter:" + of().version.replace("+", "-")))
# What was typed of these, as the settings that say it, each behind an option if there is one.
settings = $(foreach name,$(1),$(if $(call is_typed,$(name)),$(2)MCP_$(name)=$(call typed,$(name))))
PROGRAM := RUNTIME PACKAGE COMMAND ARGS
# Where packages come from, by name: there may be a password in it, and every process can read a command line.
SOURCES := $(addprefix --build-arg ,PIP_INDEX_URL PIP_EXTRA_INDEX_URL npm_config_registry)
BUILD_ADAPTER = $(UNATTESTED) $(DOCKER) build $(BUILD_OPTIONS) $(SOURCES) \
	--build-arg PYTHON_VERSION=$(PYTHON_VERSION) --build-arg NODE_VERSION=$(NODE_VERSION) \
	$(call settings,RUNTIME PACKAGE,--build-arg ) --file ship/adapter/Dockerfile --tag $(ADAPTER_IMAGE)
# What is installed at the start must run, too, and takes more than this server does.
ROOMY := --tmpfs /tmp:exec --memory 1g
# What the child is told, by name as well.
TOLD = $$(env | sed -n 's/^\(MCP_CHILD_ENV_[A-Za-z0-9_]*\)=.*/--env \1/p')

.PHONY: adapter
adapter: $(VENV)/runtime ## Run one: PACKAGE=name (RUNTIME=npm or python) or COMMAND="...", with ARGS="..." of its own
	@$(call settings,$(PROGRAM)) exec $(PYTHON) -m ship.adapter

# A quiet build would not say why a package cannot be installed.
.PHONY: adapter-image
adapter-image: | $(PYTHON) ## Build its image, NAME-adapter:VERSION; PACKAGE=name (RUNTIME=...) puts that into it
	@if [ -t 2 ]; then $(BUILD_ADAPTER) .; \
	else said=$$($(BUILD_ADAPTER) --quiet=false . 2>&1) || { echo "$$said" | tail -n 25 >&2; exit 1; }; fi

.PHONY: adapter-image-run
adapter-image-run: adapter-image ## Run that, hardened, on PUBLISH=127.0.0.1:8000; MCP_CHILD_ENV_X is X for the child
	@echo "MCP on http://$(PUBLISH)/mcp, whatever address the container sees" >&2
	@exec $(DOCKER) run --rm --publish $(PUBLISH):8000 $(HARDENED) $(ROOMY) $(TOLD) \
		$(call settings,$(PROGRAM),--env ) $(ADAPTER_IMAGE)
