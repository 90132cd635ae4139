"""A stdio server of the handshake era, by hand and quick to start, that does what a child can do, and must not do.

`toy.py [BEHAVIOUR]`, for children that go wrong before they have begun.
"""

import inspect
import json
import os
import signal
import subprocess
import sys
import threading
import time
from itertools import count
from pathlib import Path

SLEEPER = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
PNG = "iVBORw0KGgo="
PICTURE = {"type": "image", "data": PNG, "mimeType": "image/png", "annotations": {"priority": 1}}

writing = threading.Lock()
numbers = count(1000)
answers: dict = {}
cancelled: list = []
watched: set = set()
grown: list = []
client: dict = {}


def send(**message):
    with writing:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()


def complain(line):
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def ask(method, params):
    number = next(numbers)
    answers[number] = threading.Event(), {}
    send(id=number, method=method, params=params)
    answers[number][0].wait()
    return answers[number][1]


def log(text, level="info"):
    send(method="notifications/message", params={"level": level, "logger": "toy", "data": {"text": text}})


def steps(meta, count):
    for step in range(1, count + 1):
        if "progressToken" in meta:
            params = {
                "progressToken": meta["progressToken"],
                "progress": step,
                "total": count,
                "message": f"step {step}",
            }
            send(method="notifications/progress", params=params)
        log(f"step {step}")
    return "done"


def hang(number):
    while number not in cancelled:
        time.sleep(0.01)
    return "cancelled"


def pause(seconds):
    time.sleep(seconds)
    return "done"


def block():
    os.kill(os.getpid(), signal.SIGSTOP)  # as a server that blocks its only thread


def form(question):
    schema = {"type": "object", "properties": {"value": {"type": "string"}}, "required": ["value"]}
    answer = ask("elicitation/create", {"message": question, "requestedSchema": schema})
    return json.dumps(answer.get("result") or answer.get("error"))


def crash():
    complain("about to crash")
    os._exit(7)


def garbage():
    sys.stdout.write('this is no protocol\n{"half": \n\n[]\n')
    sys.stdout.flush()
    os.write(1, b"\xff\xfe\n")
    return "and yet an answer"


def flood(lines):
    sys.stderr.write("".join(f"line {line}\n" for line in range(lines)))
    sys.stderr.flush()
    return "flooded"


def grow():
    name = f"grown_{len(grown)}"
    grown.append(name)
    for kind in ("tools", "prompts", "resources"):
        send(method=f"notifications/{kind}/list_changed")
    return name


def touch():
    for uri in watched:
        send(method="notifications/resources/updated", params={"uri": uri})
    return json.dumps(sorted(watched))


def spawn(detached):
    sleeper = subprocess.Popen([sys.executable, "-c", SLEEPER], start_new_session=detached, stdout=subprocess.DEVNULL)
    return str(sleeper.pid)


def text(value, **more):
    return {"content": [{"type": "text", "text": value or "done"}], **more}


CALLS: dict = {
    "echo": lambda _, __, message: text(f"Echo: {message}", structuredContent={"result": message}),
    "picture": lambda *_: {"content": [PICTURE]},
    "refuse": lambda *_: text("I would rather not", isError=True),
    "odd_text": lambda *_: text("caf\udce9", structuredContent={"count": float("nan")}),
    "nonsense": lambda *_: {"nonsense": True},
    "steps": lambda _, meta, count: text(steps(meta, count)),
    "hang": lambda number, _: text(hang(number)),
    "block": lambda *_: text(block()),
    "pause": lambda _, __, seconds: text(pause(seconds)),
    "form": lambda _, __, question: text(form(question)),
    "ask_late": lambda number, _: text(hang(number) and form("still there?")),
    "log_late": lambda number, _: text(hang(number) and log("late")),
    "sample": lambda *_: text(json.dumps(ask("sampling/createMessage", {"messages": [], "maxTokens": 9}))),
    "heavy": lambda _, __, size: text("x" * size),
    "grow": lambda *_: text(grow()),
    "touch": lambda *_: text(touch()),
    "garbage": lambda *_: text(garbage()),
    "flood": lambda _, __, lines: text(flood(lines)),
    "spawn": lambda _, __, detached: text(spawn(detached)),
    "crash": lambda *_: crash(),
    "environment": lambda *_: text(json.dumps(dict(os.environ))),
    "folder": lambda *_: text(json.dumps({"cwd": str(Path.cwd()), "argv": sys.argv[1:]})),
    "pid": lambda *_: text(str(os.getpid())),
    "cancelled": lambda *_: text(json.dumps(cancelled)),
    "client": lambda *_: text(json.dumps(client)),
    "meta": lambda _, meta: text(json.dumps(meta)),
}
"""Each takes the number of the call and its `_meta`, then its arguments."""


def call(number, params):
    name = params["name"]
    if name in grown:
        return text(f"I am {name}")
    if name not in CALLS:
        raise LookupError(f"no such tool: {name}")
    return CALLS[name](number, params.get("_meta", {}), **params.get("arguments", {}))


def tool(name):
    taken = list(inspect.signature(CALLS[name]).parameters)[2:] if name in CALLS else []
    schema = {"type": "object", "properties": {one: {} for one in taken}, "$defs": {"kept": {"type": "string"}}}
    return {"name": name, "description": f"It can {name}.", "inputSchema": schema, "_meta": {"toy": True}}


def handle(number, method, params):
    match method:
        case "initialize":
            client.update(params["capabilities"])
            if sys.argv[1:] == ["ask at start"]:
                log("just a moment")
                complain(ask("roots/list", {})["error"]["message"])
            capabilities = {
                "tools": {"listChanged": True},
                "resources": {"subscribe": True},
                "prompts": {},
                "completions": {},
                "logging": {},
            }
            who = {"name": "toy", "version": "1.2.3", "title": "A toy"}
            return {
                "protocolVersion": params["protocolVersion"],
                "capabilities": capabilities,
                "serverInfo": who,
                "instructions": "Play with it.",
            }
        case "ping":
            return {}
        case "tools/list":  # a page for each tool
            names = [*CALLS, *grown]
            index = int(params.get("cursor", "0"))
            more = {"nextCursor": str(index + 1)} if index + 1 < len(names) else {}
            odd = [{"name": "odd", "inputSchema": "none"}, {}, "odd"] if index == 0 else []
            return {"tools": [tool(names[index]), *odd], **more}
        case "tools/call":
            return call(number, params)
        case "resources/list":
            return {"resources": [{"uri": "toy://box", "name": "box", "mimeType": "text/markdown", "title": "The box"}]}
        case "resources/templates/list":
            return {"resourceTemplates": [{"uriTemplate": "toy://shelf/{number}", "name": "shelf"}]}
        case "resources/read":
            return {"contents": [contents(params["uri"])]}
        case "resources/subscribe" | "resources/unsubscribe":
            (watched.add if method == "resources/subscribe" else watched.discard)(params["uri"])
            return {}
        case "prompts/list":
            arguments = [{"name": "whom", "description": "who plays", "required": True}]
            return {"prompts": [{"name": "play", "description": "Let somebody play.", "arguments": arguments}]}
        case "prompts/get":
            content = {"type": "text", "text": f"Play, {params['arguments']['whom']}!"}
            return {"description": "a call", "messages": [{"role": "user", "content": content}]}
        case "completion/complete":
            found = [name for name in ("anna", "anton", "bert") if name.startswith(params["argument"]["value"])]
            return {"completion": {"values": found, "total": len(found), "hasMore": False}}
    raise NotImplementedError(f"no such method: {method}")


def contents(uri):
    if uri == "toy://picture":
        return {"uri": uri, "blob": PNG, "mimeType": "image/png"}
    if uri.startswith("toy://"):
        return {"uri": uri, "text": f"in {uri}", "mimeType": "text/markdown"}
    raise LookupError(f"no such resource: {uri}")


def answer(message):
    try:
        send(id=message["id"], result=handle(message["id"], message["method"], message.get("params", {})))
    except NotImplementedError as error:
        send(id=message["id"], error={"code": -32601, "message": str(error)})
    except (LookupError, TypeError) as error:
        send(id=message["id"], error={"code": -32602, "message": str(error).strip("'\"")})


def main():
    match sys.argv[1:]:
        case ["crash at start", *_]:
            complain("cannot find my toys")
            sys.exit(3)
        case ["exit 0 at once", *_]:
            sys.exit(0)
        case ["say nothing", *_]:
            time.sleep(600)
        case ["talk first"]:
            sys.stdout.write("Welcome to the toy server!\n")
        case ["close input"]:
            send(id=json.loads(sys.stdin.readline())["id"], result={"capabilities": {}})
            sys.stdin.readline()
            os.close(0)
            time.sleep(600)
        case ["close output"]:
            threading.Timer(0.2, os.close, (1,)).start()
        case ["ask without reading"]:
            send(id=json.loads(sys.stdin.readline())["id"], result={"capabilities": {}})
            while True:
                send(id="x" * 10_000, method="ping")
        case ["deaf"]:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        case ["crash again", file] if Path(file).exists():
            complain("not again")
            sys.exit(4)
    for line in sys.stdin:
        message = json.loads(line)
        if message.get("method") == "notifications/cancelled":
            cancelled.append(message["params"]["requestId"])
        elif "method" in message and "id" in message:
            threading.Thread(target=answer, args=(message,), daemon=True).start()
        elif message.get("id") in answers:
            answers[message["id"]][1].update(message)
            answers[message["id"]][0].set()
    if sys.argv[1:] == ["deaf"]:
        time.sleep(600)  # the end of its input is nothing to it


if __name__ == "__main__":
    main()
