# SPDX-License-Identifier: GPL-3.0-or-later
"""Tryton module: external ids that are unique, and invoice numbers that come from billing."""
