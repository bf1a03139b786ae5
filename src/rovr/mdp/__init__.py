"""The decision process: its state, its environment and its reward."""
