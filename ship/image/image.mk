# The images: what ships (Dockerfile.production) and what one develops in (Dockerfile).

##@ Ship as an image

DOCKER ?= docker
PYTHON_VERSION ?= 3.13
PYTHON_VERSIONS ?= 3.12 3.13 3.14
PLATFORMS ?= linux/amd64,linux/arm64
PUBLISH ?= 127.0.0.1:8000
REGISTRY ?=

identity = $(shell $(PYTHON) -c 'from serving.identity import read_identity; print(read_identity().$(1))')
IMAGE = $(call identity,name):$(call identity,version)
REMOTE_IMAGE = $(REGISTRY)/$(IMAGE)

# Docker takes the value of a build argument that is only named from the environment, where nothing has to be quoted.
LABELS := TITLE DESCRIPTION VERSION REVISION
image% push: export TITLE = $(call identity,name)
image% push: export DESCRIPTION = $(call identity,description)
image% push: export VERSION = $(call identity,version)
image% push: export REVISION = $(shell git describe --always --dirty --abbrev=40 --exclude '*' 2>/dev/null)
BUILD_ARGUMENTS = $(LABELS:%=--build-arg %) $$([ -t 2 ] || echo --quiet)

# As a pod with Pod Security "restricted" would run it.
HARDENED := --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges --memory 256m --cpus 1

.PHONY: image
image: image-production image-dev ## Build both images

.PHONY: image-production
image-production: | $(PYTHON) ## Build the image that ships, NAME:VERSION of pyproject.toml (PYTHON_VERSION=3.14 and so on)
	@$(DOCKER) build $(BUILD_ARGUMENTS) --build-arg PYTHON_VERSION=$(PYTHON_VERSION) \
		--file Dockerfile.production --tag $(IMAGE) .

.PHONY: image-dev
image-dev: | $(PYTHON) ## Build the image to develop in, NAME:VERSION-dev
	@$(DOCKER) build $(BUILD_ARGUMENTS) --build-arg PYTHON_VERSION=$(PYTHON_VERSION) --tag $(IMAGE)-dev .

.PHONY: image-run
image-run: image-production ## Run what ships, hardened, on PUBLISH=127.0.0.1:8000 (ARGS="--log-level debug" and so on)
	@exec $(DOCKER) run --rm --publish $(PUBLISH):8000 $(HARDENED) $(IMAGE) $(ARGS)

.PHONY: image-run-dev
image-run-dev: image-dev ## Run this folder in the image to develop in; it starts again whenever a file is saved
	@exec $(DOCKER) run --rm --publish $(PUBLISH):8000 --volume "$(CURDIR):/app:ro" $(IMAGE)-dev

.PHONY: image-sbom
image-sbom: image-production $(VENV)/dev ## Write what is in it, and in which version, as CycloneDX, into dist/
	@mkdir -p dist
	@$(PYTHON) -m ship.image.sbom $(IMAGE) >dist/$(subst :,-,$(IMAGE)).cdx.json

.PHONY: image-report
image-report: image-production ## Measure its size, start and memory beside the image that most guides show
	@$(PYTHON) -m ship.image.report $(IMAGE)

.PHONY: image-multiarch
image-multiarch: | $(PYTHON) ## Build for PLATFORMS and PYTHON_VERSIONS: into dist/, or to REGISTRY=ghcr.io/me
	@$(if $(REGISTRY),$(REFUSE_DIRTY),mkdir -p dist)
	@set -e; for version in $(PYTHON_VERSIONS); do \
		tag=$(IMAGE)-python$$version; \
		$(DOCKER) buildx build $(BUILD_ARGUMENTS) --build-arg PYTHON_VERSION=$$version --platform $(PLATFORMS) \
			--file Dockerfile.production --tag $(REGISTRY:%=%/)$$tag \
			--output $(if $(REGISTRY),type=registry,"type=oci,dest=dist/$$(echo $$tag | tr : -).tar") .; \
	done

.PHONY: push
push: ## Push what ships to REGISTRY=ghcr.io/me; only what is committed
	@test -n "$(REGISTRY)" || $(call fail,where to? (make push REGISTRY=ghcr.io/me))
	@$(REFUSE_DIRTY)
	@$(MAKE) image-production
	@$(DOCKER) tag $(IMAGE) $(REMOTE_IMAGE)
	@$(DOCKER) push $(REMOTE_IMAGE)

REFUSE_DIRTY = test -z "$$(git status --porcelain)" || $(call fail,what is not committed would be pushed: see git status)
