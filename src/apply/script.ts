/**
 * The words between the worker and its scripts: their texts, the arguments and replies of apply.lua.
 *
 * Pure but for reading the scripts' files once at load.
 */
import {readFileSync} from 'node:fs';
import type {Script} from '../clients/redis.js';
import {ProjectorError} from '../errors.js';
import {requireSameLayout} from '../layout.js';
import type {OrderRow} from '../order.js';
import type {OrderPatch, Reduction} from '../patch.js';
import {createdOrders, lineText, type CreatedOrders} from './createdOrders.js';

const MISSING_RIGHT = readScript('rights.lua');

const APPLY_PARTS = ['apply.lua', 'plan.lua', 'write.lua'].map(readScript);

/** One script of four files: a name that is local in one of them holds in those after it. */
export const APPLY_SCRIPT: Script = {
  name: 'projectorApply',
  lua: [MISSING_RIGHT, ...APPLY_PARTS].join('\n'),
};

/** Asks for every right that the apply script needs: KEYS[1] is a position's key, ARGV[1] the key prefix. */
export const RIGHTS_SCRIPT: Script = {
  name: 'projectorRights',
  lua: `${MISSING_RIGHT}
local missing = missing_right(KEYS[1], ARGV[1], true)
return missing and redis.error_reply(missing) or 'ok'`,
};

/** Every reply of the script; a test compares these with the script's own text. */
export const REPLY = {
  applied: 'applied',
  refused: 'refused',
  layout: 'layout',
  spoiled: 'spoiled',
} as const;

/** How a patch treats the order's row; a test compares these with the script's own text. */
export const ROW_MODE = {keep: 'keep', upsert: 'upsert', replace: 'replace', clear: 'clear'} as const;

/** What became of a script that was answered. A missing answer is none of these: it is unknown (I4). */
export type ApplyOutcome =
  | {readonly kind: 'applied'}
  | {readonly kind: 'refused'; readonly stored: string}
  | {readonly kind: 'spoiled'; readonly orderId: string; readonly what: string};

export interface ApplyRequest {
  /** Position texts (position.ts). */
  readonly expected: string;
  readonly next: string;
  readonly reduction: Reduction;
  /** Records to set aside in the same step: name (quarantine/entry.ts) -> entry text. */
  readonly quarantine?: ReadonlyMap<string, string>;
  /** Names of quarantined records that this request settles. */
  readonly settled?: readonly string[];
}

export interface ScriptSettings {
  readonly prefix: string;
  /** What the data depends on (layout.ts); the script refuses a read model with another one. */
  readonly layout: string;
  readonly extraColumns: readonly string[];
}

const NOTHING: ReadonlyMap<string, string> = new Map();

/** ARGV of the script, in the order its header gives. */
export function scriptArguments(request: ApplyRequest, settings: ScriptSettings): string[] {
  const {patches, products} = request.reduction;
  const {prefix, layout, extraColumns} = settings;
  const {quarantine = NOTHING, settled = []} = request;
  const created = createdOrders(request.reduction);
  const args = [request.expected, request.next, prefix, layout, String(extraColumns.length), ...extraColumns];
  args.push(String(2 * products.size));
  for (const product of products) args.push(product, String(created.sold.get(product) ?? 0));
  pushCreated(args, created);
  args.push(String(quarantine.size));
  for (const [name, entry] of quarantine) args.push(name, entry);
  args.push(String(settled.length), ...settled);
  args.push(String(patches.size - created.orders.length));
  const createdIds = new Set(created.orders.map(({orderId}) => orderId));
  for (const [orderId, patch] of patches) {
    if (createdIds.has(orderId)) continue;
    args.push(orderId);
    pushPatch(args, patch);
  }
  return args;
}

function pushCreated(args: string[], {orders, spent, units, revenue}: CreatedOrders): void {
  args.push(String(2 * spent.size));
  for (const [user, amount] of spent) args.push(user, String(amount));
  args.push(String(units), String(revenue), String(orders.length));
  for (const {orderId, row, itemsCount, items, lines} of orders) {
    args.push(orderId);
    pushRow(args, row);
    args.push(String(itemsCount), items, String(lines.length));
    for (const [lineId, text] of lines) args.push(lineId, text);
  }
}

function pushRow(args: string[], {userId, totalAmount, extra}: OrderRow): void {
  args.push(userId, totalAmount);
  for (const value of extra) args.push(value === null ? '-' : `+${value}`);
}

function pushPatch(args: string[], patch: OrderPatch): void {
  const {row, lines} = patch;
  if (row === null) {
    args.push(patch.reset ? ROW_MODE.clear : ROW_MODE.keep);
  } else {
    args.push(patch.reset ? ROW_MODE.replace : ROW_MODE.upsert);
    pushRow(args, row);
  }
  args.push(String(lines.size));
  for (const [lineId, line] of lines) {
    args.push(lineId, line === null ? '' : lineText(line));
  }
}

/** Reads the script's reply. Throws as `requireSameLayout` does; `ours` is the layout that was sent. */
export function parseReply(reply: unknown, ours: string): ApplyOutcome {
  if (Array.isArray(reply)) {
    const [kind, detail, what] = reply as unknown[];
    if (kind === REPLY.applied) return {kind: 'applied'};
    if (kind === REPLY.refused && typeof detail === 'string') return {kind: 'refused', stored: detail};
    if (kind === REPLY.spoiled && typeof detail === 'string' && typeof what === 'string') {
      return {kind: 'spoiled', orderId: detail, what};
    }
    if (kind === REPLY.layout && typeof detail === 'string') {
      requireSameLayout(detail, ours);
    }
  }
  throw new ProjectorError('internal', 'the apply script gave a reply that this version does not know');
}

function readScript(name: string): string {
  return readFileSync(new URL(`./${name}`, import.meta.url), 'utf8');
}
