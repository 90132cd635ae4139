# The images: what ships (Dockerfile.production) and what one develops in (Dockerfile).

##@ Ship as an image

DOCKER ?= docker
PYTHON_VERSION ?= 3.13
PYTHON_VERSIONS ?= 3.12 3.13 3.14
PLATFORMS ?= linux/amd64,linux/arm64
PUBLISH ?= 127.0.0.1:8000
REGISTRY ?=

say = $(PYTHON) -c 'from serving.identity import read_identity as of; print($(1))'
IMAGE = $(shell $(call say,of().name.lower() + ":" + of().version.replace("+", "-")))
REMOTE = $(addsuffix /,$(REGISTRY:%/=%))

BUILD_OPTIONS = --build-arg TITLE="$$($(call say,of().name))" --build-arg VERSION="$$($(call say,of().version))" \
	--build-arg DESCRIPTION="$$($(call say,of().description))" \
	--build-arg REVISION="$$(git describe --always --dirty --abbrev=40 --exclude '*' 2>/dev/null)" \
	$$([ -t 2 ] || echo --quiet)
# By this the MCP registry sees that an image belongs to who publishes it.
LABELLED = --build-arg MCP_NAME=$(call quote,$(MCP_NAME))

# What leaves this machine is built from what is committed, and so from nothing that git ignores.
COMMITTED ?=
FROM_GIT = $(if $(COMMITTED),git archive HEAD |)
BUILD_CONTEXT = $(if $(COMMITTED),-,.)
# What stays here goes without its provenance, in which the time of each build would make another image of the same one.
UNATTESTED = $(if $(COMMITTED),,BUILDX_NO_DEFAULT_ATTESTATIONS=1)
REFUSE_DIRTY = state=$$(git status --porcelain --untracked-files=all) && test -z "$$state" || \
	$(call fail,only what is committed is pushed: see git status)

# As a pod with Pod Security "restricted" would run it.
HARDENED := --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges --memory 256m --cpus 1

.PHONY: image
image: image-production image-dev ## Build both images

.PHONY: image-production
image-production: | $(PYTHON) ## Build the image that ships, NAME:VERSION of pyproject.toml (PYTHON_VERSION=3.14 and so on)
	@$(FROM_GIT) $(UNATTESTED) $(DOCKER) build $(BUILD_OPTIONS) $(LABELLED) \
		--build-arg PYTHON_VERSION=$(PYTHON_VERSION) --file Dockerfile.production --tag $(IMAGE) $(BUILD_CONTEXT)

.PHONY: image-dev
image-dev: | $(PYTHON) ## Build the image to develop in, NAME:VERSION-dev
	@$(DOCKER) build $(BUILD_OPTIONS) --build-arg PYTHON_VERSION=$(PYTHON_VERSION) --tag $(IMAGE)-dev .

.PHONY: image-run
image-run: image-production ## Run what ships, hardened, on PUBLISH=127.0.0.1:8000 (ARGS="--log-level debug" and so on)
	@echo "MCP on http://$(PUBLISH)/mcp, whatever address the container sees" >&2
	@exec $(DOCKER) run --rm --publish $(PUBLISH):8000 $(HARDENED) $(IMAGE) $(ARGS)

.PHONY: image-run-dev
image-run-dev: image-dev ## Run this folder in the image to develop in; it starts again whenever a file is saved
	@exec $(DOCKER) run --rm --publish $(PUBLISH):8000 --volume "$(CURDIR):/app:ro" --user "$$(id -u):$$(id -g)" \
		$(IMAGE)-dev

.PHONY: image-sbom
image-sbom: image-production $(VENV)/dev ## Write what is in it, and in which version, as CycloneDX, into dist/
	@mkdir -p dist
	@$(PYTHON) -m ship.image.sbom $(IMAGE) dist/$(subst :,-,$(IMAGE)).cdx.json

.PHONY: image-report
image-report: image-production ## Measure its size, start and memory beside the image that most guides show
	@$(PYTHON) -m ship.image.report $(IMAGE)

.PHONY: image-multiarch
image-multiarch: COMMITTED = $(REGISTRY)
image-multiarch: | $(PYTHON) ## Build for PLATFORMS and PYTHON_VERSIONS: into dist/, or to REGISTRY=ghcr.io/me
	@$(if $(REGISTRY),$(REFUSE_DIRTY),mkdir -p dist)
	@set -e; for version in $(PYTHON_VERSIONS); do \
		tag=$(IMAGE)-python$$version; \
		$(FROM_GIT) $(DOCKER) buildx build $(BUILD_OPTIONS) $(LABELLED) --build-arg PYTHON_VERSION=$$version \
			--platform $(PLATFORMS) --file Dockerfile.production --tag $(REMOTE)$$tag \
			$$([ $$version != $(PYTHON_VERSION) ] || echo --tag $(REMOTE)$(IMAGE)) \
			--output $(if $(REGISTRY),type=registry,"type=oci,dest=dist/$$(echo $$tag | tr : -).tar") $(BUILD_CONTEXT); \
	done

.PHONY: push
push: | $(PYTHON) ## Push what ships to REGISTRY=ghcr.io/me; only what is committed
	@test -n "$(REGISTRY)" || $(call fail,where to? (make push REGISTRY=ghcr.io/me))
	@$(REFUSE_DIRTY)
	@$(MAKE) image-production COMMITTED=yes
	@$(DOCKER) tag $(IMAGE) $(REMOTE)$(IMAGE)
	@$(DOCKER) push $(REMOTE)$(IMAGE)
