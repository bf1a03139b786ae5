"""Clips to train and measure on, and the ways to damage them."""
