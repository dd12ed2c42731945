/**
 * The script that writes the orders of an initial load, with its arguments and replies.
 *
 * Pure but for reading the files of the script once, when this module is loaded.
 */
import type {Script} from '../clients/redis/client.js';
import {ProjectorError} from '../runtime/errors.js';
import type {CreatedOrder} from './createdOrders.js';
import {readScript} from './luaScript.js';
import {createdTexts, jsonOf, type ScriptSettings} from './script.js';

/** One script of three files. */
export const LOAD_SCRIPT: Script = {
  name: 'projectorLoad',
  lua: ['lists.lua', 'created.lua', 'load.lua']
    .map((name) => readScript(new URL(`./${name}`, import.meta.url)))
    .join('\n'),
};

export interface LoadRequest {
  /** The text in place of the position of partition 0. With another text there, the script writes nothing (C4). */
  readonly expected: string;
  readonly orders: readonly CreatedOrder[];
}

/** ARGV of the script, in the order that the head of load.lua gives. */
export function loadArguments(
  {expected, orders}: LoadRequest,
  {prefix, extraColumns}: ScriptSettings,
): string[] {
  return [expected, prefix, jsonOf([extraColumns, orders.length, createdTexts(orders)])];
}

/** Whether the script has written the orders. */
export function isLoaded(reply: unknown): boolean {
  const kind = Array.isArray(reply) ? (reply as unknown[])[0] : undefined;
  if (kind === 'loaded') return true;
  if (kind === 'rejected') return false;
  throw new ProjectorError('internal', 'the load script returned a reply that this version does not support');
}
