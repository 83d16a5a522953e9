"""Scores of all moves of some instances to some nodes.

They are off in the last digits, since they come from changes: see ``changes``.
"""

from __future__ import annotations

import numpy as np

from ganeti_tw.htools.arrays import Bools, Floats
from ganeti_tw.htools.changes import TOTAL, Changes
from ganeti_tw.htools.checks import Checks
from ganeti_tw.htools.moves import Kind
from ganeti_tw.htools.rows import RESERVED_WEIGHT
from ganeti_tw.htools.score import LOCATION, N1, WEIGHTS

KINDS = (Kind.REPLACE_SECONDARY, Kind.REPLACE_AND_FAILOVER, Kind.REPLACE_PRIMARY, Kind.FAILOVER_AND_REPLACE)
_R, _RF, _FRF, _FR = range(4)


class Block(Checks, Changes):
    """Infinite where a move is not allowed."""

    def mirrored_scores(self, *, failovers: bool = True) -> Floats:
        """One row for each instance: the failover, then for each target the four kinds in turn."""
        limits, nodes, targets = self.limits, self.nodes, self.targets
        p, s = self.primary, self.secondary
        result = np.full((len(self.rows), 1 + len(KINDS) * len(targets)), np.inf)
        online_s = nodes.online[s]
        via_secondary = online_s & limits.instance_moves
        self.p_to_s = nodes.migration[p, s]
        self.s_takes_over = self._secondary_becomes_primary()
        if failovers and via_secondary.any():
            result[:, 0] = np.where(via_secondary, self._failover(), np.inf)
        if not limits.disk_moves or not len(targets):
            return result
        elsewhere = (targets[None, :] != p[:, None]) & (targets[None, :] != s[:, None])
        result[:, 1 + _R :: len(KINDS)] = self._replace_secondary(elsewhere)
        if not limits.instance_moves:
            return result
        unrestricted = ~nodes.online[p] if limits.restricted_migration else np.ones(len(p), dtype=np.bool_)
        self.takes_primary = self._takes_primary()
        self.p_to_t = nodes.migration[p][:, targets]
        if unrestricted.any():
            result[:, 1 + _RF :: len(KINDS)] = self._replace_and_failover(elsewhere & unrestricted[:, None])
            allowed = elsewhere & (unrestricted & via_secondary)[:, None]
            if not limits.restricted_migration:
                result[:, 1 + _FRF :: len(KINDS)] = self._replace_primary(allowed)
            result[:, 1 + _FR :: len(KINDS)] = self._failover_and_replace(allowed)
        return result

    def external_scores(self) -> Floats:
        """As :meth:`mirrored_scores`, where the first kind stands for the failover to any node."""
        nodes, targets, p = self.nodes, self.targets, self.primary
        allowed = (targets[None, :] != p[:, None]) & nodes.migration[p][:, targets]
        fits, hard = self._takes_primary()
        allowed &= hard & (fits | self.force_primary[:, None])
        nothing = np.zeros_like(self.as_primary)
        score = self._spreads(-self.as_primary, nothing, self.as_primary, self.columns.of_primaries)
        score += self._reserved_spread(None, None)
        score += self.present.fixed + self._leaving_primary()[:, None] + self._entering_primary()
        score += self._offline_change(p_role=None, s_role=None)[:, None]
        score += self._moved_primary(keep_location=True)
        result = np.full((len(self.rows), 1 + len(KINDS) * len(targets)), np.inf)
        result[:, 1 :: len(KINDS)] = np.where(allowed, score, np.inf)
        return result

    def _failover(self) -> Floats:
        nodes, p, s = self.nodes, self.primary, self.secondary
        new_p = np.maximum(nodes.reserved[p], nodes.peers[p, s] + self.reserved)
        unused_p = nodes.unused[p] + self.used_memory
        was_bad = unused_p <= nodes.reserved[p]
        hard = ((nodes.disk_left[p] > 0) | ~nodes.online[p] | (self.real == 0)) & self._spindles_stay(p)
        soft = self._keeps_disk(p) & self._room_for_reserve(
            p, unused_p, was_bad, nodes.peers[p, s], nodes.planned_memory[p] + self.memory
        )
        allowed = self.p_to_s & self.s_takes_over & hard & (soft | self.force_primary)
        role = self.as_secondary - self.as_primary
        change, square = self._ends(role, -role)
        score = np.full(len(p), self.present.fixed)
        now = self.present
        spreads = (now.squares[:-1, None] + square) / now.count - (change / now.count) ** 2
        score += self.columns.weights @ np.sqrt(np.maximum(spreads, 0.0))
        d_p, q_p = self._reserved_change(p, new_p)
        d_s, q_s = self._reserved_change(s, self.left_s)
        variance = (now.squares[-1] + q_p + q_s) / now.count - ((d_p + d_s) / now.count) ** 2
        score += RESERVED_WEIGHT * np.sqrt(np.maximum(variance, 0.0)) + TOTAL * (d_p + d_s)
        score += WEIGHTS[N1] * (
            self._flagged(p, unused_p <= new_p, 0.0)
            + self._flagged(s, nodes.unused[s] - self.used_memory <= self.left_s, 0.0)
        )
        score += self._offline_change(p_role="secondary", s_role="primary")
        score += self._moved_to(s, self.location)
        return np.where(allowed, score, np.inf)

    def _replace_secondary(self, elsewhere: Bools) -> Floats:
        nodes, p, s = self.nodes, self.primary, self.secondary
        hard_p = (nodes.unused[p] > 0) & (nodes.disk_left[p] > 0) | (self.real == 0)
        hard_p &= self._spindles_stay(p)
        new_t, fits = self._as_secondary_of(p)
        allowed = elsewhere & hard_p[:, None] & self._target_disk_hard() & (fits | self.force_secondary[:, None])
        nothing = np.zeros_like(self.as_primary)
        score = self._spreads(nothing, -self.as_secondary, self.as_secondary, self.columns.of_secondaries)
        score += self._reserved_spread(new_t, (s, self.left_s))
        gone = self._flagged(s, nodes.unused[s] <= self.left_s, -1.0)
        score += (
            self.present.fixed
            + WEIGHTS[N1] * (gone[:, None] + self._flagged_target(nodes.unused[self.targets], new_t))
            + self._offline_change(p_role="primary", s_role=None)[:, None]
            + self._new_location(self.primary[:, None], self.targets[None, :], self.location)
        )
        return np.where(allowed, score, np.inf)

    def _replace_and_failover(self, elsewhere: Bools) -> Floats:
        nodes, p, s, targets = self.nodes, self.primary, self.secondary, self.targets
        fits, hard = self.takes_primary
        peers = nodes.peers[p][:, targets]
        new_p = np.maximum(nodes.reserved[p][:, None], peers + self.reserved[:, None])
        unused_p = nodes.unused[p] + self.used_memory
        was_bad = unused_p <= nodes.reserved[p]
        hard_p = ((nodes.disk_left[p] > 0) | (self.real == 0)) & self._spindles_stay(p)
        room = self._room_for_reserve(
            p[:, None],
            unused_p[:, None],
            was_bad[:, None],
            peers,
            (nodes.planned_memory[p] + self.memory)[:, None],
            column=True,
        )
        soft = self._keeps_disk(p)[:, None] & room
        allowed = elsewhere & self.p_to_t & hard & hard_p[:, None] & (soft | self.force_secondary[:, None])
        allowed &= fits | self.limits.ignore_soft_errors
        score = self._spreads(
            self.as_secondary - self.as_primary, -self.as_secondary, self.as_primary, self.columns.of_primaries
        )
        score += self._reserved_spread(None, (s, self.left_s), other=(p, new_p))
        gone = self._flagged(s, nodes.unused[s] <= self.left_s, -1.0)
        stays = self._flagged_matrix(p, unused_p[:, None] <= new_p)
        score += (
            self.present.fixed
            + WEIGHTS[N1] * (gone[:, None] + stays)
            + self._entering_primary()
            + self._offline_change(p_role="secondary", s_role=None)[:, None]
            + self._moved_primary(partner=p)
        )
        return np.where(allowed, score, np.inf)

    def _replace_primary(self, elsewhere: Bools) -> Floats:
        nodes, s, targets = self.nodes, self.secondary, self.targets
        fits, hard = self.takes_primary
        peers = nodes.peers[s][:, targets]
        new_s = np.maximum(self.left_s[:, None], peers + self.reserved[:, None])
        was_bad = nodes.unused[s] <= self.left_s
        hard_s = ((nodes.disk_left[s] > 0) | (self.real == 0)) & self._spindles_stay(s)
        room = self._room_for_reserve(
            s[:, None],
            nodes.unused[s][:, None],
            was_bad[:, None],
            peers,
            nodes.planned_memory[s][:, None],
            column=True,
        )
        soft = self._keeps_disk(s)[:, None] & room & fits
        allowed = elsewhere & (self.p_to_s & self.s_takes_over & hard_s)[:, None] & hard
        allowed &= nodes.migration[s][:, targets] & (soft | self.force_primary[:, None])
        score = self._spreads(
            -self.as_primary, np.zeros_like(self.as_primary), self.as_primary, self.columns.of_primaries
        )
        score += self._reserved_spread(None, None, other=(s, new_s))
        stays = self._flagged_matrix(s, nodes.unused[s][:, None] <= new_s)
        score += (
            self.present.fixed
            + WEIGHTS[N1] * stays
            + self._leaving_primary()[:, None]
            + self._entering_primary()
            + self._offline_change(p_role=None, s_role="secondary")[:, None]
            + self._moved_primary(partner=s)
        )
        return np.where(allowed, score, np.inf)

    def _failover_and_replace(self, elsewhere: Bools) -> Floats:
        nodes, s = self.nodes, self.secondary
        new_t, fits = self._as_secondary_of(s)
        allowed = elsewhere & (self.p_to_s & self.s_takes_over)[:, None]
        allowed &= self._target_disk_hard() & (fits | self.force_primary[:, None])
        score = self._spreads(
            -self.as_primary, self.as_primary - self.as_secondary, self.as_secondary, self.columns.of_secondaries
        )
        score += self._reserved_spread(new_t, (s, self.left_s))
        taken = self._flagged(s, nodes.unused[s] - self.used_memory <= self.left_s, 0.0)
        score += (
            self.present.fixed
            + WEIGHTS[N1] * (taken[:, None] + self._flagged_target(nodes.unused[self.targets], new_t))
            + self._leaving_primary()[:, None]
            + self._offline_change(p_role=None, s_role="primary")[:, None]
            + self._moved_to(s, None)[:, None]
            + WEIGHTS[LOCATION] * self.real[:, None] * nodes.online[s][:, None] * nodes.common[s][:, self.targets]
        )
        return np.where(allowed, score, np.inf)
