"""Capacity planning: what a plan can carry, needs and costs, found by simulation."""
