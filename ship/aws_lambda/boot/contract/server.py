"""The server as its author declares it: by lists, or tool by tool."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias, overload

from ship.aws_lambda.boot.contract.authorization import set_oauth_handler
from ship.aws_lambda.boot.contract.calls import Handler, checked
from ship.aws_lambda.boot.contract.events import set_callback_handler
from ship.aws_lambda.boot.contract.registry import registry

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server

Options: TypeAlias = Mapping[str, Any]
Decorator: TypeAlias = Callable[[Handler], Handler]

NO_VERSION: Final = "0.0.0"


@dataclass(frozen=True)
class Item:
    """A tool, resource or prompt that was registered by itself: its entry in the list, and its function."""

    entry: dict[str, Any]
    handler: Handler


@dataclass
class Items:
    """What was registered by itself, by name."""

    tools: dict[str, Item] = field(default_factory=dict)
    resources: dict[str, Item] = field(default_factory=dict)
    templates: dict[str, Item] = field(default_factory=dict)
    prompts: dict[str, Item] = field(default_factory=dict)


class SimpleServer:
    """An MCP server of plain functions that answer with plain data; each may be sync or async."""

    def __init__(self, name: str, version: str, instructions: str | None = None) -> None:
        self.name, self.version, self.instructions = name, version, instructions
        self.items = Items()
        self.lists: dict[str, Handler] = {}
        """The functions that answer for a whole method, by the method's name."""

    def list_tools(self) -> Decorator:
        """Take a function without arguments that returns the list of tools."""
        return self._answering("tools/list")

    def call_tool(self) -> Decorator:
        """Take a function of a tool's name and its arguments that returns content, or any JSON value."""
        return self._answering("tools/call")

    def list_resources(self) -> Decorator:
        """Take a function without arguments that returns the list of resources."""
        return self._answering("resources/list")

    def list_resource_templates(self) -> Decorator:
        """Take a function without arguments that returns the list of resource templates."""
        return self._answering("resources/templates/list")

    def read_resource(self) -> Decorator:
        """Take a function of a URI that returns contents, a text, or bytes."""
        return self._answering("resources/read")

    def list_prompts(self) -> Decorator:
        """Take a function without arguments that returns the list of prompts."""
        return self._answering("prompts/list")

    def get_prompt(self) -> Decorator:
        """Take a function of a prompt's name and its arguments that returns messages, or a text."""
        return self._answering("prompts/get")

    @overload
    def register_tool(self, name: str, options: Options) -> Decorator: ...
    @overload
    def register_tool(self, name: str, options: Options, handler: Handler) -> Handler: ...
    def register_tool(self, name: str, options: Options, handler: Handler | None = None) -> Handler:
        """Add a tool, whose function gets the arguments as one dict; without one, return a decorator for it."""
        return _adding(self.items.tools, name, {**options, "name": name}, handler)

    @overload
    def register_resource(self, name: str, uri: str, options: Options) -> Decorator: ...
    @overload
    def register_resource(self, name: str, uri: str, options: Options, handler: Handler) -> Handler: ...
    def register_resource(self, name: str, uri: str, options: Options, handler: Handler | None = None) -> Handler:
        """Add a resource, or with a {variable} in its URI a template; its function gets the URI.

        Raises:
            ValueError: the URI is a template that cannot be matched.
        """
        from mcp import UriTemplate

        if UriTemplate.is_template(uri):
            try:
                UriTemplate.parse(uri)
            except ValueError as error:
                raise ValueError(f"{uri}: expected a template that can be matched: {error}") from None
            return _adding(self.items.templates, uri, {**options, "name": name, "uriTemplate": uri}, handler)
        return _adding(self.items.resources, uri, {**options, "name": name, "uri": uri}, handler)

    @overload
    def register_prompt(self, name: str, options: Options) -> Decorator: ...
    @overload
    def register_prompt(self, name: str, options: Options, handler: Handler) -> Handler: ...
    def register_prompt(self, name: str, options: Options, handler: Handler | None = None) -> Handler:
        """Add a prompt, whose function gets the arguments as one dict; without one, return a decorator for it."""
        return _adding(self.items.prompts, name, {**options, "name": name}, handler)

    set_oauth_handler = staticmethod(set_oauth_handler)
    set_callback_handler = staticmethod(set_callback_handler)

    def lowlevel(self) -> "Server[Any]":
        """Build the SDK's server of what is registered by now; it has the capabilities for that, and no others."""
        from ship.aws_lambda.boot.contract.lowlevel import build

        return build(self)

    def _answering(self, method: str) -> Decorator:
        def take(handler: Handler) -> Handler:
            self.lists[method] = checked(handler, method)
            return handler

        return take


def create_server(name: str | Options, version: str = NO_VERSION, instructions: str | None = None) -> SimpleServer:
    """Create the server; the last one that is created is the one that answers.

    The name, version and instructions may also come as one dict.

    Raises:
        TypeError: there is no name, or one of them is not a string.
    """
    said = dict(name) if isinstance(name, Mapping) else {"name": name, "version": version, "instructions": instructions}
    said = {"version": NO_VERSION, "instructions": None} | said
    if not isinstance(said.get("name"), str) or not said["name"]:
        raise TypeError("name: expected a string that is not empty")
    if not isinstance(said["version"], str):
        raise TypeError("version: expected a string")
    if not isinstance(said["instructions"], str | None):
        raise TypeError("instructions: expected a string")
    server = SimpleServer(said["name"], said["version"], said["instructions"])
    registry.take_server(server)
    return server


def start_server(server: SimpleServer) -> None:
    """Do nothing, for servers that call it: the function answers as soon as it is invoked."""


def _adding(items: dict[str, Item], key: str, entry: dict[str, Any], handler: Handler | None) -> Handler:
    def take(function: Handler) -> Handler:
        items[key] = Item(entry, checked(function, str(entry["name"])))
        return function

    return take if handler is None else take(handler)
