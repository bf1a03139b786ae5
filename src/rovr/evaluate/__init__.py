"""Selectors × editors × damaged clips → one file of figures: ``rovr evaluate``; docs/evaluate.md says what is in it."""
