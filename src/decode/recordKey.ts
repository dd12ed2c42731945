/**
 * Checks that a record is in the partition of its order: its key must be the order id (S2).
 *
 * Otherwise the events of one order would be in several partitions, and no reader could restore their order.
 *
 * Pure: no clock, no I/O.
 */
import {LosslessNumber, parse as parseExact} from 'lossless-json';
import {idOfText} from '../domain/id.js';
import {isJsonObject, Undecodable} from './fields.js';

export function requireKey(key: Buffer | null, orderId: string): void {
  if (key === null) {
    throw new Undecodable(
      'the record has no key; its key must be the order id (set message.key.columns in the connector)',
    );
  }
  // This is the usual key, and comparing it is fast.
  if (key.toString('latin1') === orderId && !orderId.includes('%')) return;
  if (idInKey(key) === orderId) return;
  throw new Undecodable(
    "the record's key is not the order id (check message.key.columns and ExtractField$Key in the connector)",
    {isKeyTrusted: false},
  );
}

/** Returns the order id that a key contains, or null if it contains none. */
export function orderIdOf(key: Buffer | null): string | null {
  if (key === null) return null;
  return idInKey(key) ?? null;
}

/** Returns the id in a key of the form `5`, `"5"`, or `{"schema":..., "payload":5}`, or of a key that is a text without quotes. */
function idInKey(key: Buffer): string | undefined {
  const text = key.toString('utf8');
  if (text === '') return undefined;
  let parsed: unknown;
  try {
    parsed = parseExact(text);
  } catch {
    return idOfText(text);
  }
  const scalar = isJsonObject(parsed) ? parsed['payload'] : parsed;
  if (scalar instanceof LosslessNumber) return idOfText(scalar.value);
  return typeof scalar === 'string' && scalar !== '' ? idOfText(scalar) : undefined;
}
