/**
 * Checks that a record is in the partition of its order: its key must be the order id (S2).
 *
 * Otherwise the events of one order would be in several partitions, and no reader could restore their order.
 *
 * Pure: no clock, no I/O.
 */
import {LosslessNumber, parse as parseExact} from 'lossless-json';
import {idOfText, isId} from '../domain/id.js';
import {isJsonObject, Undecodable} from './fields.js';

export function requireKey(key: Buffer | null, orderId: string): void {
  if (key === null) {
    throw new Undecodable(
      'the record has no key; its key must be the order id (set message.key.columns in the connector)',
    );
  }
  if (key.toString('latin1') === orderId || idInKey(key) === orderId) return;
  // A converter of texts writes the id as it is in MySQL.
  if (key.length > 0 && idOfText(key.toString('utf8')) === orderId) return;
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

/** Returns the id in a key of the form `5`, `"5"`, or `{"schema":..., "payload":5}`, or of a key that is the text of an id. */
function idInKey(key: Buffer): string | undefined {
  const text = key.toString('utf8');
  const scalar = scalarOf(text);
  if (scalar !== undefined && scalar !== '') return idOfText(scalar);
  return scalar === undefined && isId(text) && text !== 'null' ? text : undefined;
}

/** Returns the scalar in a key that is JSON. */
function scalarOf(text: string): string | undefined {
  let parsed: unknown;
  try {
    parsed = parseExact(text);
  } catch {
    return undefined;
  }
  const scalar = isJsonObject(parsed) ? parsed['payload'] : parsed;
  if (typeof scalar === 'string') return scalar;
  return scalar instanceof LosslessNumber ? scalar.value : undefined;
}
