# What an MCP client is told of this server: printed, or written to where the client keeps it.

##@ Connect a client

.PHONY: connect
connect: $(VENV)/runtime ## Print what clients are told, or CLIENT=cursor (URL=https://host/mcp; WRITE=yes writes it)
	@$(PYTHON) -m ship.connect --client=$(call typed,CLIENT) --url=$(call typed,URL) --write=$(call typed,WRITE)
