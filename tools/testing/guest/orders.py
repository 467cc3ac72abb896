# SPDX-License-Identifier: GPL-2.0-only
"""The orders in which four devices are created, and a sample of them."""

import itertools

ORDERS = tuple(itertools.permutations(range(4)))
SAMPLES = 6


def name(order):
    """Return an order as a word."""
    return "".join(map(str, order))


def sample(seed):
    """Return some orders: each device is the first of one of them.

    As many consecutive seeds as there are samples have all orders.
    """
    return ORDERS[seed % SAMPLES::SAMPLES]
