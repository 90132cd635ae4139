# The copy: a repository of its own, made of this one. What was made so has no such folder.

##@ Make it yours

.PHONY: new
new: $(VENV)/dev ## A server of your own: NAME=weather DEST=../weather (IMAGE=ghcr.io/me/weather EXTRAS=operators,conformance)
	@$(PYTHON) -m ship.copy --dest=$(call typed,DEST) --name=$(call typed,NAME) --image=$(call typed,IMAGE) \
		--description=$(call typed,DESCRIPTION) --author=$(call typed,AUTHOR) --extras=$(call typed,EXTRAS)
