/**
 * The scripts that add outboxes to counters and reports, with their arguments and replies.
 *
 * Pure, except that it reads the files of the scripts once, when this module is loaded.
 */
import type {Script} from '../clients/redis/client.js';
import {requireSameLayout} from '../redis-model/layout.js';
import {sumOf, type OutboxEntry} from '../redis-model/outbox.js';
import {ProjectorError} from '../runtime/errors.js';
import {readScript} from './luaScript.js';

const textOf = (name: string): string => readScript(new URL(`./${name}`, import.meta.url));

export const MERGE_SCRIPT: Script = {
  name: 'projectorMerge',
  lua: ['rights.lua', 'lists.lua', 'sums.lua', 'merge.lua'].map(textOf).join('\n'),
};

/** Makes one worker the only one that merges a partition. */
export const TAKE_SCRIPT: Script = {name: 'projectorTake', lua: textOf('take.lua')};

/** Checks every right that both scripts need. KEYS[1] is the key of the merged offsets, ARGV[1] the prefix of the shared keys. */
export const MERGE_RIGHTS_SCRIPT: Script = {
  name: 'projectorMergeRights',
  lua: `${textOf('rights.lua')}
local missing = missing_merge_right(ARGV[1], KEYS[1], true)
return missing and redis.error_reply(missing) or 'ok'`,
};

/** Entries of one partition that are merged together, oldest first. */
export interface Merge {
  readonly partition: number;
  /** Identifies the worker that merges this partition. It contains no blanks. */
  readonly holder: string;
  readonly from: bigint;
  readonly to: bigint;
  readonly entries: readonly OutboxEntry[];
}

export interface MergeSettings {
  readonly sharedPrefix: string;
  readonly layout: string;
}

/** ARGV of the script, in the order that the head of merge.lua gives. */
export function mergeArguments(merges: readonly Merge[], {sharedPrefix, layout}: MergeSettings): string[] {
  const moves = merges.flatMap(({partition, holder, from, to}) => [
    String(partition),
    `${from} ${holder}`,
    `${to} ${holder}`,
  ]);
  const {products, users, totals} = sumOf(merges.flatMap(({entries}) => entries));
  const changedUsers = [...users].filter(([, difference]) => difference !== 0);
  return [sharedPrefix, layout, JSON.stringify([moves, [...products].flat(), changedUsers.flat(), totals])];
}

/** Returns undefined if everything was merged, else the rejected partition: another worker merges it, or Redis has lost writes. */
export function parseMergeReply(reply: unknown, layout: string): number | undefined {
  const [kind, detail] = Array.isArray(reply) ? (reply as unknown[]) : [];
  if (kind === 'applied') return undefined;
  if (kind === 'rejected') return Number(detail);
  throw unexpected(kind, detail, layout);
}

/** The offset up to which the reports contain the partition. */
export function parseTakeReply(reply: unknown, layout: string): bigint {
  const [kind, detail] = Array.isArray(reply) ? (reply as unknown[]) : [];
  if (kind === 'taken' && typeof detail === 'string') return BigInt(detail);
  throw unexpected(kind, detail, layout);
}

/** Throws `layout-changed` or `partitions-changed` itself if the script found another layout. */
function unexpected(kind: unknown, detail: unknown, layout: string): ProjectorError {
  if (kind === 'layout' && typeof detail === 'string') requireSameLayout(detail, layout);
  return new ProjectorError('internal', 'a merge script returned a reply that this version does not support');
}
