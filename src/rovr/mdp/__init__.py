"""The decision process: its state, and in time its environment and reward."""
