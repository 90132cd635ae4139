"""Your tools: one file is one group of components. `_name.py` is a helper and is not looked at."""
