# The cluster: from nothing to validated, and what one does with it then.

##@ Ship to Kubernetes

# A cluster is meant by who types its name.
IN_CLUSTER = $(PYTHON) -m k8s.verbs --cluster=$(call typed,CLUSTER) --context=$(call typed,CONTEXT) \
	--overlay=$(call typed,OVERLAY) --registry=$(call quote,$(REGISTRY)) $(if $(call is_typed,PORT),--port=$(call typed,PORT))

.PHONY: deploy
deploy: $(VENV)/runtime ## From nothing to validated: Minikube, CLUSTER=kind, or CONTEXT=name REGISTRY=ghcr.io/me
	@$(IN_CLUSTER) deploy $(ARGS)

.PHONY: redeploy
redeploy: $(VENV)/runtime ## A new image, new pods, validated
	@$(IN_CLUSTER) redeploy $(ARGS)

.PHONY: undeploy
undeploy: $(VENV)/runtime ## Remove all of it from the cluster
	@$(IN_CLUSTER) undeploy

.PHONY: validate
validate: $(VENV)/runtime ## Check what runs in the cluster, or any server with URL=http://127.0.0.1:8000
	@$(if $(call is_typed,URL),$(PYTHON) -m k8s.validate --url=$(call typed,URL),$(IN_CLUSTER) validate) $(ARGS)

.PHONY: rollout-test
rollout-test: $(VENV)/runtime ## Replace the pods under constant calls, and count those that fail
	@$(IN_CLUSTER) rollout-test $(ARGS)

.PHONY: logs
logs: $(VENV)/runtime ## Follow the log of all pods
	@exec $(IN_CLUSTER) logs $(ARGS)

.PHONY: port-forward
port-forward: $(VENV)/runtime ## Forward the Service to http://127.0.0.1:8000/mcp (PORT=9000)
	@exec $(IN_CLUSTER) port-forward

.PHONY: token
token: $(VENV)/runtime ## Print a token that may call the cluster's server
	@$(IN_CLUSTER) token

.PHONY: test-cluster
test-cluster: $(VENV)/dev ## Run the tests that need a real cluster, in which the server has been deployed
	@CONTEXT=$(call typed,CONTEXT) CLUSTER=$(call typed,CLUSTER) $(PYTHON) -m pytest -m cluster $(ARGS)
