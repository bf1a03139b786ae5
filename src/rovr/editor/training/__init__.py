"""Training of the editor Γ on repairs it makes itself: roll out, learn, roll out again."""
