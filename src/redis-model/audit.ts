/**
 * What Redis holds of the audit (`projector audit`), in the hash `projector:audit`.
 *
 *   requested   why an audit is necessary: `ALTER TABLE at shop.order-events[3] offset 512`. The apply script writes it, together with the
 *               position after the record that asks for it
 *   answered    the request that the last complete pass answers. If it differs from `requested`, an audit is due at once
 *   last        the last complete pass, as JSON
 *   current     the pass that is under way, as JSON
 *
 * Pure: no clock, no I/O.
 */
export const AUDIT_FIELDS = {
  requested: 'requested',
  answered: 'answered',
  last: 'last',
  current: 'current',
} as const;
