"""Compute attention, loss and optimiser steps faster."""
