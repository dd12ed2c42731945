/**
 * The interface between the worker and its scripts: their texts, and the arguments and replies of apply.lua.
 *
 * Pure but for reading the files of the scripts once, when this module is loaded.
 */
import type {Script} from '../clients/redis/client.js';
import {assert} from '../runtime/assert.js';
import {ProjectorError} from '../runtime/errors.js';
import type {AuditRequest} from '../redis-model/audit.js';
import {requireSameLayout} from '../redis-model/layout.js';
import {readScript} from './luaScript.js';
import type {OrderRow} from '../domain/order.js';
import {HIDDEN, type OrderPatch, type Reduction} from '../domain/patch.js';
import {itemValues} from '../redis-model/storedItems.js';
import {createdOrders, CreatedSums, type CreatedOrder} from './createdOrders.js';

const textOf = (name: string): string => readScript(new URL(`./${name}`, import.meta.url));

const MISSING_RIGHT = textOf('rights.lua');

const APPLY_PARTS = [
  'lists.lua',
  'sums.lua',
  'created.lua',
  'apply.lua',
  'plan.lua',
  'outbox.lua',
  'write.lua',
].map(textOf);

/** One script of eight files. A local name of one file is visible in the files after it. */
export const APPLY_SCRIPT: Script = {
  name: 'projectorApply',
  lua: [MISSING_RIGHT, ...APPLY_PARTS].join('\n'),
};

/** Checks every right that the apply script needs. KEYS[1] is the key of a position, ARGV[1] the key prefix, ARGV[2] `outbox` or ''. */
export const RIGHTS_SCRIPT: Script = {
  name: 'projectorRights',
  lua: `${MISSING_RIGHT}
local missing = missing_right(KEYS[1], ARGV[1], true, ARGV[2] == 'outbox')
return missing and redis.error_reply(missing) or 'ok'`,
};

/** Puts a position back in place of a fence (redis-model/fence.ts). KEYS[1] is the key of the position. */
export const RELEASE_SCRIPT: Script = {name: 'projectorRelease', lua: textOf('release.lua')};

/** Sets fences. KEYS[1] is the lock that the process which sets them must hold. */
export const FENCE_SCRIPT: Script = {name: 'projectorFence', lua: textOf('fence.lua')};

/** Every reply of the script. A test compares these words with the text of the script. */
export const REPLY = {
  applied: 'applied',
  rejected: 'rejected',
  layout: 'layout',
  corrupt: 'corrupt',
  unaudited: 'unaudited',
} as const;

/** How a patch treats the row of the order. A test compares these words with the text of the script. */
export const ROW_MODE = {
  keep: 'keep',
  upsert: 'upsert',
  replace: 'replace',
  clear: 'clear',
  hide: 'hide',
} as const;

/** The result of a script to which Redis has replied. A missing reply is none of these: the result is unknown (I4). */
export type ApplyOutcome =
  /** `entry`: what the script added to the outbox (redis-model/outbox.ts). */
  | {readonly kind: 'applied'; readonly entry?: string}
  | {readonly kind: 'rejected'; readonly stored: string}
  | {readonly kind: 'corrupt'; readonly orderId: string; readonly what: string};

export interface ApplyRequest {
  /** Position texts (redis-model/position.ts). */
  readonly expected: string;
  readonly next: string;
  readonly reduction: Reduction;
  /** Records to quarantine in the same step: name (redis-model/quarantineEntry.ts) -> entry text. */
  readonly quarantine?: ReadonlyMap<string, string>;
  /** Names of quarantined records that this request settles. The script removes their entries. */
  readonly settled?: readonly string[];
  readonly audit?: AuditRequest | undefined;
  /** What happens to the differences of counters and reports (the last argument of apply.lua). Undefined: the script writes both itself. */
  readonly outbox?: string | undefined;
  /** Sums of orders that were written without them (load.lua). The reduction must be empty then. */
  readonly loaded?: CreatedSums;
}

export interface ScriptSettings {
  readonly prefix: string;
  /** What the data depends on (redis-model/layout.ts). The script rejects a read model with another layout. */
  readonly layout: string;
  readonly extraColumns: readonly string[];
  /** The decimals of the amounts of line items, if orders have no amount of their own. */
  readonly itemDecimals?: number | undefined;
  /** True for a read model that is being built. If it has no position, it was discarded, and nothing may be written (C4). */
  readonly isBeingBuilt?: boolean;
  /**
   * A chunk with more orders is applied in parts. `id` names this process, and contains no blanks. Undefined: a chunk is applied at once, which a
   * read model with readers needs (C3).
   */
  readonly inParts?: {readonly ordersMax: number; readonly id: string} | undefined;
  /**
   * True if the process that built this object has seen that an audit repairs the live database. Then the script does not check that. It
   * could not, because the lease of the audit is not in the staging database.
   */
  readonly isAudited?: boolean;
}

const NOTHING: ReadonlyMap<string, string> = new Map();

/** ARGV of the script, in the order that the head of apply.lua gives. */
export function scriptArguments(request: ApplyRequest, settings: ScriptSettings): string[] {
  const {patches, products} = request.reduction;
  const {prefix, layout, extraColumns, itemDecimals} = settings;
  const {quarantine = NOTHING, settled = [], loaded: sums = new CreatedSums()} = request;
  assert(
    request.loaded === undefined || patches.size === 0,
    'a request with the sums of a load contains no changes',
  );
  const created = createdOrders(request.reduction, itemDecimals, sums);
  sums.name(products);
  const isCreated = new Set(created.map(({orderId}) => orderId));
  const others: Text[] = [];
  for (const [orderId, patch] of patches) if (!isCreated.has(orderId)) pushPatch(others, orderId, patch);
  const chunk = [
    ...[extraColumns, [...sums.sold].flat(), [...sums.spent].flat()],
    [sums.units, sums.revenue.high, sums.revenue.low, sums.orders, created.length],
    ...[createdTexts(created), [...quarantine].flat(), settled],
    ...[patches.size - created.length, others, itemDecimals ?? -1],
    auditTexts(request, settings),
  ];
  const args = [request.expected, request.next, prefix, layout, jsonOf(chunk)];
  return request.outbox === undefined ? args : [...args, request.outbox];
}

/** Numbers are what the script sums up or counts. Everything else is text (I8). */
export type Text = string | number;

function auditTexts({audit}: ApplyRequest, {isAudited = false}: ScriptSettings): Text[] {
  return audit === undefined ? [] : [audit.text, audit.truncated === undefined || isAudited ? 0 : 1];
}

/** Part 5 of a chunk (apply.lua). */
export function createdTexts(orders: readonly CreatedOrder[]): Text[] {
  const texts: Text[] = [];
  for (const {orderId, row, itemsCount, items, storedItems} of orders) {
    texts.push(orderId);
    pushRow(texts, row);
    texts.push(String(itemsCount), items, storedItems);
  }
  return texts;
}

function pushRow(texts: Text[], {userId, totalAmount, extra}: OrderRow): void {
  texts.push(userId, totalAmount);
  for (const value of extra) texts.push(value === null ? '-' : `+${value}`);
}

function pushPatch(texts: Text[], orderId: string, patch: OrderPatch): void {
  const {row, items} = patch;
  texts.push(orderId);
  if (row === null || row === HIDDEN) {
    const withoutReset = row === null ? ROW_MODE.keep : ROW_MODE.hide;
    texts.push(patch.reset ? ROW_MODE.clear : withoutReset);
  } else {
    texts.push(patch.reset ? ROW_MODE.replace : ROW_MODE.upsert);
    pushRow(texts, row);
  }
  texts.push(2 * items.size);
  for (const [itemId, item] of items) {
    texts.push(itemId, item === null ? '' : itemValues(item));
  }
}

/** Matches half of a surrogate pair in JSON text, or a text that looks like one. */
const MAYBE_HALF = /\\ud[89ab]/;

/**
 * Replaces halves of surrogate pairs by U+FFFD, as any conversion of a text to UTF-8 does. The script could not parse them.
 */
export function jsonOf(chunk: unknown): string {
  const json = JSON.stringify(chunk);
  if (!MAYBE_HALF.test(json)) return json;
  return JSON.stringify(chunk, (_, value: unknown) =>
    typeof value === 'string' ? Buffer.from(value, 'utf8').toString('utf8') : value,
  );
}

/** The argument of apply.lua that drops the differences of counters and reports. */
export const NO_OUTBOX = 'none';

/** What was sent, as far as an error about it needs it. */
export interface Sent {
  readonly layout: string;
  readonly truncated?: string | undefined;
}

/** Parses the reply of the script. Throws as `requireSameLayout` does, and `table-truncated` if Redis holds no lease of a repairing audit. */
export function parseReply(reply: unknown, sent: Sent): ApplyOutcome {
  if (Array.isArray(reply)) {
    const [kind, detail, what] = reply as unknown[];
    if (kind === REPLY.applied)
      return typeof what === 'string' && what !== '' ? {kind: 'applied', entry: what} : {kind: 'applied'};
    if (kind === REPLY.rejected && typeof detail === 'string') return {kind: 'rejected', stored: detail};
    if (kind === REPLY.corrupt && typeof detail === 'string' && typeof what === 'string') {
      return {kind: 'corrupt', orderId: detail, what};
    }
    if (kind === REPLY.layout && typeof detail === 'string') {
      requireSameLayout(detail, sent.layout);
    }
    if (kind === REPLY.unaudited && sent.truncated !== undefined) {
      throw new ProjectorError(
        'table-truncated',
        `${sent.truncated}, and no \`projector audit --repair\` runs`,
      );
    }
  }
  throw new ProjectorError(
    'internal',
    'the apply script returned a reply that this version does not support',
  );
}
