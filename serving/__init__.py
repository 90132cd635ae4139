"""The chassis: everything that stands between a FastMCP object and the world.

It knows nothing of `tools` or `server`; they hand it a FastMCP object and settings.
"""
