# Bundles (.mcpb): this server as one, and the image that runs any.

##@ Bundles: this server as one file, and an image that runs any

NEWEST_PYTHON = $(lastword $(PYTHON_VERSIONS))
MCPB_IMAGE = $(shell $(call say,of().name.lower() + "-mcpb:" + of().version.replace("+", "-")))
# Its tags for a Python; the newest Python's is also what one gets without saying which.
mcpb_tags = $(MCPB_IMAGE)-python$(1) \
	$(if $(filter $(NEWEST_PYTHON),$(1)),$(MCPB_IMAGE) $(firstword $(subst :, ,$(MCPB_IMAGE))):latest)
build_mcpb = $(BUILD_OPTIONS) --build-arg PYTHON_VERSION=$(1) --build-arg NODE_VERSION=$(NODE_VERSION) \
	--build-arg PIP_INDEX_URL --build-arg PIP_EXTRA_INDEX_URL \
	--file ship/mcpb/Dockerfile $(addprefix --tag $(REMOTE),$(call mcpb_tags,$(1)))
option = $(if $(call is_typed,$(1)),--$(2) $(call typed,$(1)))
# What operators and users configure, by name: there may be a password in it.
CONFIGURED = $$(env | sed -n -e 's/^\(BUNDLE_[A-Z0-9_]*\)=.*/--env \1/p' \
	-e 's/^\(USER_CONFIG_[A-Za-z0-9_]*\)=.*/--env \1/p') $(TOLD)

.PHONY: bundle
bundle: $(VENV)/dev ## Write dist/NAME-VERSION.mcpb (TYPE=uv, or PYTHON_VERSION=3.13 PLATFORM=macos and so on)
	@$(PYTHON) -m ship.mcpb pack $(call option,TYPE,type) $(call option,PLATFORM,platform) \
		--python $(if $(call is_typed,PYTHON_VERSION),$(call typed,PYTHON_VERSION),$(NEWEST_PYTHON))

.PHONY: mcpb-image
mcpb-image: PYTHON_VERSION = $(NEWEST_PYTHON)
mcpb-image: REGISTRY =
mcpb-image: | $(PYTHON) ## Build the image, NAME-mcpb:VERSION-python3.14 and latest (PYTHON_VERSION=3.13 and so on)
	@$(UNATTESTED) $(DOCKER) build $(call build_mcpb,$(PYTHON_VERSION)) .

.PHONY: mcpb-image-run
mcpb-image-run: PYTHON_VERSION = $(NEWEST_PYTHON)
mcpb-image-run: mcpb-image ## Run a bundle in it, hardened: BUNDLE_URL=https://... and what else is configured
	@echo "MCP on http://$(PUBLISH)/mcp, whatever address the container sees" >&2
	@exec $(DOCKER) run --rm --publish $(PUBLISH):8000 $(HARDENED) $(ROOMY) $(CONFIGURED) \
		$(MCPB_IMAGE)-python$(PYTHON_VERSION) $(ARGS)

.PHONY: mcpb-image-multiarch
mcpb-image-multiarch: COMMITTED = $(REGISTRY)
mcpb-image-multiarch: | $(PYTHON) ## Build it for PLATFORMS and PYTHON_VERSIONS: into dist/, or to REGISTRY=ghcr.io/me
	@$(if $(REGISTRY),$(REFUSE_DIRTY),mkdir -p dist)
	@set -e; $(foreach version,$(PYTHON_VERSIONS),$(FROM_GIT) $(DOCKER) buildx build $(call build_mcpb,$(version)) \
		--platform $(PLATFORMS) --output $(if $(REGISTRY),type=registry,"type=oci,dest=dist/$$(echo \
		$(MCPB_IMAGE)-python$(version) | tr : -).tar") $(BUILD_CONTEXT);)

.PHONY: mcpb-push
mcpb-push: COMMITTED = yes
mcpb-push: | $(PYTHON) ## Push it, for each of PYTHON_VERSIONS, to REGISTRY=ghcr.io/me; only what is committed
	@test -n "$(REGISTRY)" || $(call fail,where to? (make mcpb-push REGISTRY=ghcr.io/me))
	@$(REFUSE_DIRTY)
	@set -e; $(foreach version,$(PYTHON_VERSIONS),$(FROM_GIT) $(DOCKER) build $(call build_mcpb,$(version)) -;)
	@set -e; $(foreach version,$(PYTHON_VERSIONS),$(foreach tag,$(call mcpb_tags,$(version)),$(DOCKER) push $(REMOTE)$(tag);))
