"""A package, since two of its files have namesakes one folder up."""
