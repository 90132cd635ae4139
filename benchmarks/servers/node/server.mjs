// The official SDK for Node.js as its guide has it: streamable HTTP with sessions. It knows the handshake era only.

import { randomUUID } from "node:crypto";
import { createServer } from "node:http";

import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { z } from "zod";

const port = Number(process.argv[process.argv.indexOf("--port") + 1]);
const sessions = new Map();

function createMcpServer() {
  const server = new McpServer({ name: "node", version: "0" });
  const sum = {
    description: "Return the sum.",
    inputSchema: { a: z.number().int(), b: z.number().int() },
    outputSchema: { result: z.number().int() },
  };
  server.registerTool("add", sum, async ({ a, b }) => ({
    content: [{ type: "text", text: String(a + b) }],
    structuredContent: { result: a + b },
  }));
  return server;
}

async function open() {
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (id) => sessions.set(id, transport),
  });
  transport.onclose = () => sessions.delete(transport.sessionId);
  await createMcpServer().connect(transport);
  return transport;
}

createServer(async (request, response) => {
  if (request.url === "/health") {
    response.end("healthy");
    return;
  }
  const transport = sessions.get(request.headers["mcp-session-id"]) ?? (await open());
  await transport.handleRequest(request, response);
}).listen(port, "127.0.0.1");
