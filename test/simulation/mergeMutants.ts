/** Faults of the layout `partitioned`: in scripts, or in a rule of the worker. The simulation must find each of them. */
import {offsetIn, ReportFeed} from '../../src/apply/reportFeed.js';
import {applyChunk} from './fakeApply.js';
import {mergeOutboxes, readMerge, takeMerging} from './fakeMerge.js';
import type {Scripts} from './fakeRedis.js';
import type {Keyspace, ScriptFunction} from './keyspace.js';

export interface MergeMutant {
  readonly scripts?: Partial<Scripts>;
  /** Changes the worker. Returns a function that undoes it. */
  readonly change?: () => () => void;
  /** The first seed to try. Few runs meet some faults, and earlier seeds would only take time. */
  readonly from?: number;
}

export const MERGE_MUTANTS: Readonly<Record<string, MergeMutant>> = {
  'merge does not compare the merged offset': {
    scripts: {
      projectorMerge: (keys, key, args) =>
        mergeOutboxes(keys, key, withExpected(args, storedTexts(keys, key))),
    },
  },

  'merge compares the offset, but not the worker': {
    from: 400,
    scripts: {
      projectorMerge: (keys, key, args) => {
        const stored = storedTexts(keys, key);
        const expected = new Map(
          readMerge(args).moves.map(([partition, text]) => {
            const now = stored.get(partition) ?? '';
            return [partition, offsetOf(now) === offsetOf(text) ? now : text];
          }),
        );
        return mergeOutboxes(keys, key, withExpected(args, expected));
      },
    },
  },

  'merge writes counters and reports, but not the merged offsets': {
    scripts: {projectorMerge: keeping((key) => key.endsWith(':merged'))},
  },

  'merge writes the merged offsets, but not the totals': {
    scripts: {projectorMerge: keeping((key) => key.endsWith(':totals'))},
  },

  'merge moves the offset of one partition only': {
    scripts: {
      projectorMerge: (keys, key, args) => {
        const before = keys.hash(key);
        const reply = mergeOutboxes(keys, key, args);
        if (reply[0] !== 'applied') return reply;
        const others = readMerge(args).moves.slice(1);
        keys.changeHash(
          key,
          [],
          others.map(([partition]) => [partition, before.get(partition) ?? '0 ']),
        );
        return reply;
      },
    },
  },

  'take does not change the holder': {
    scripts: {
      projectorTake: (keys, key, args) => {
        const before = keys.get(key);
        const reply = takeMerging(keys, key, args);
        keys.put(key, before);
        return reply;
      },
    },
  },

  'take begins at offset 0': {
    scripts: {
      projectorTake: (keys, key, args) => {
        const [partition = '', holder = ''] = args;
        const reply = takeMerging(keys, key, args);
        keys.changeHash(key, [], [[partition, `0 ${holder}`]]);
        return [reply[0] ?? '', '0'];
      },
    },
  },

  'a chunk adds no entry to the outbox': {
    scripts: {projectorApply: keeping((key) => key.endsWith(':outbox'), applyChunk)},
  },

  'an entry is removed before it was merged': {
    scripts: {projectorApply: withRemoval((from) => ({merged: from, keptMs: '0'}))},
  },

  'an entry is removed as soon as it was merged': {
    from: 140,
    change: () => {
      const order = Object.getOwnPropertyDescriptor(ReportFeed.prototype, 'orderFor');
      ReportFeed.prototype.orderFor = function (expected, next) {
        return `${offsetIn(expected)} ${offsetIn(next)} ${this.merged} 0`;
      };
      return () => void Object.defineProperty(ReportFeed.prototype, 'orderFor', order ?? {});
    },
  },

  'a chunk goes beyond the merged offset': {
    change: () => {
      const boundary = Object.getOwnPropertyDescriptor(ReportFeed.prototype, 'boundary');
      Object.defineProperty(ReportFeed.prototype, 'boundary', {get: () => undefined, configurable: true});
      return () => void Object.defineProperty(ReportFeed.prototype, 'boundary', boundary ?? {});
    },
  },
};

function offsetOf(text: string): string {
  return text.split(' ')[0] ?? '';
}

function storedTexts(keys: Keyspace, mergedKey: string): ReadonlyMap<string, string> {
  return keys.get(mergedKey)?.type === 'hash' ? keys.hash(mergedKey) : new Map();
}

/** The arguments of merge.lua with other expected texts. */
function withExpected(args: readonly string[], expected: ReadonlyMap<string, string>): string[] {
  const [prefix = '', layout = '', json = ''] = args;
  const [, ...sums] = JSON.parse(json) as unknown[];
  const moves = readMerge(args).moves.flatMap(([partition, , next]) => [
    partition,
    expected.get(partition) ?? '',
    next,
  ]);
  return [prefix, layout, JSON.stringify([moves, ...sums])];
}

/** The script, without its writes to the keys that match. Keys that do not exist are written. */
function keeping(matches: (key: string) => boolean, script: ScriptFunction = mergeOutboxes): ScriptFunction {
  return (keys, key, args) => {
    const before = [...keys.dump()].filter(([name]) => matches(name));
    const reply = script(keys, key, args);
    for (const [name, value] of before) keys.put(name, value);
    return reply;
  };
}

/** apply.lua with another rule for the entries that it removes. */
function withRemoval(rule: (from: string) => {merged: string; keptMs: string}): ScriptFunction {
  return (keys, key, args) => {
    const [from = '', to = ''] = args[5]?.split(' ') ?? [];
    const {merged, keptMs} = rule(from);
    return applyChunk(keys, key, [...args.slice(0, 5), `${from} ${to} ${merged} ${keptMs}`]);
  };
}
