"""Adapters to other libraries, imported one by one; none of them needs the other library to be installed."""
