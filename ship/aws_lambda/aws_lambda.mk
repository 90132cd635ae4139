# AWS Lambda: this server as a zip that runs there, and the image that makes one of any Python server.

##@ AWS Lambda: a server as a zip, and an image that makes one of any

LAMBDA_IMAGE = $(shell $(call say,of().name.lower() + "-lambda-build:" + of().version.replace("+", "-")))
lambda_option = $(if $(call is_typed,$(1)),--$(2) $(call typed,$(1)))
# What a build is told, by name: there are credentials in it.
BUILD_TOLD = $$(env | sed -n 's/^\(\(ZIP\|S3\|AWS\|UV\)_[A-Z0-9_]*\|ARCHITECTURE\|MCP_ENTRYPOINT\)=.*/--env \1/p')

.PHONY: lambda
lambda: $(VENV)/dev ## Write dist/lambda.zip of this server (PYTHON_VERSION=3.13, ARCHITECTURE=arm64 and so on)
	@$(PYTHON) -m ship.aws_lambda pack $(call lambda_option,PYTHON_VERSION,python) \
		$(call lambda_option,ARCHITECTURE,architecture)

.PHONY: lambda-image
lambda-image: | $(PYTHON) ## Build the image that makes a zip of any server, NAME-lambda-build:VERSION
	@$(UNATTESTED) $(DOCKER) build $(BUILD_OPTIONS) --build-arg PYTHON_VERSION=$(PYTHON_VERSION) \
		--build-arg PIP_INDEX_URL --build-arg PIP_EXTRA_INDEX_URL \
		--file ship/aws_lambda/Dockerfile --tag $(LAMBDA_IMAGE) .

.PHONY: lambda-image-run
lambda-image-run: lambda-image ## Make one in it: ZIP_URL=https://... S3_BUCKET=... S3_KEY=... and AWS's credentials
	@exec $(DOCKER) run --rm --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
		$(BUILD_TOLD) $(LAMBDA_IMAGE) $(ARGS)

# What runs in that image and in the zip, and what the tests run it with. What the server itself is locked to comes first
# and is settled once more, because this runs before the recipe of `lock` does.
LAMBDA_LOCK := ship/aws_lambda/requirements
LAMBDA_TEST_LOCK := tests/ship/aws_lambda/requirements
lock_lambda = $(subst pyproject.toml,$(1).in,$(LOCK)) --constraints requirements.txt --output-file $(1).txt

.PHONY: lock-lambda
lock: lock-lambda
lock-lambda: $(VENV)/dev
	@$(LOCK) --output-file requirements.txt >/dev/null
	@$(call lock_lambda,$(LAMBDA_LOCK)) >/dev/null
	@$(call lock_lambda,$(LAMBDA_TEST_LOCK)) --constraints $(LAMBDA_LOCK).txt >/dev/null

# What AWS runs a function with, and what stands in for AWS: not in .venv, which shall see that nobody else needs it.
AWS_TOOLS := dist/aws

test-thorough test-container: $(AWS_TOOLS)/ready

$(AWS_TOOLS)/ready: $(LAMBDA_LOCK).txt $(LAMBDA_TEST_LOCK).txt | $(VENV)/dev
	@echo "Installing $(LAMBDA_TEST_LOCK).txt into $(AWS_TOOLS)" >&2
	@mkdir -p $(dir $(AWS_TOOLS))
	@{ $(PYTHON) -m uv venv --clear --python $(PYTHON) $(AWS_TOOLS) && \
		$(PYTHON) -m uv pip install --python $(AWS_TOOLS) --no-deps --require-hashes \
			--requirement $(LAMBDA_LOCK).txt --requirement $(LAMBDA_TEST_LOCK).txt; \
	} >$(VENV)/aws.log 2>&1 || $(call fail,cannot install $(LAMBDA_TEST_LOCK).txt: see $(VENV)/aws.log)
	@touch $@
