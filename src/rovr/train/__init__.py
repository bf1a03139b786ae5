"""Training of the agents; training of the editor is beside the editor."""
