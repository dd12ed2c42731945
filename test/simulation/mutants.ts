/** Apply scripts with a fault. The simulation must find each of them, or it would prove nothing. */
import {applyChunk} from './fakeApply.js';
import type {Keyspace, ScriptFunction} from './keyspace.js';
import {readArguments} from './scriptInput.js';

export const MUTANTS: Readonly<Record<string, ScriptFunction>> = {
  'the stored position is not compared': (keys, key, args) =>
    applyChunk(keys, key, [keys.string(key) ?? '', ...args.slice(1)]),

  'counters are moved before the position is compared': (keys, key, args) => {
    const reply = applyChunk(keys, key, args);
    if (reply[0] !== 'rejected') return reply;
    const {prefix, patches} = readArguments(args);
    for (const [, line] of patches.flatMap(({lines}) => lines)) {
      const [product, quantity] = line.split(':');
      if (quantity !== undefined) raise(keys, `${prefix}product:${product ?? ''}:sold`, BigInt(quantity));
    }
    return reply;
  },

  'the position is written, but the data are not': (keys, key, args) => {
    const before = keys.dump();
    const reply = applyChunk(keys, key, args);
    const position = keys.get(key);
    if (reply[0] !== 'applied' || before.size === 0) return reply;
    keys.restore(before);
    keys.put(key, position);
    return reply;
  },

  'the data are written, but the position sometimes is not': (keys, key, args) => {
    const before = keys.get(key);
    const reply = applyChunk(keys, key, args);
    if (reply[0] === 'applied' && nextOf(args[1] ?? '') % 5n === 0n) keys.put(key, before);
    return reply;
  },

  'the last order of a chunk is not written': (keys, key, args) => {
    const {patches} = readArguments(args);
    const last = patches.at(-1);
    const orderKey = last === undefined ? '' : `${args[2] ?? ''}order:${last.id}`;
    const before = keys.get(orderKey);
    const reply = applyChunk(keys, key, args);
    if (reply[0] === 'applied' && patches.length > 1) keys.put(orderKey, before);
    return reply;
  },

  'the entries of quarantined records are lost': (keys, key, args) => {
    const quarantine = `${args[2] ?? ''}projector:quarantine`;
    const before = keys.get(quarantine);
    const reply = applyChunk(keys, key, args);
    keys.put(quarantine, before);
    return reply;
  },

  'a foreign value is overwritten': (keys, key, args) => {
    const {prefix, patches} = readArguments(args);
    for (const {id} of patches) {
      for (const [name, type] of [
        [`${prefix}order:${id}`, 'hash'],
        [`${prefix}order_lines:${id}`, 'string'],
      ] as const) {
        if ((keys.get(name)?.type ?? type) !== type) keys.put(name, undefined);
      }
    }
    return applyChunk(keys, key, args);
  },
};

/** The next offset of a position text, or 0 if the text has none. */
function nextOf(position: string): bigint {
  const [, next = '0'] = position.split(' ');
  return /^\d+$/.test(next) ? BigInt(next) : 0n;
}

function raise(keys: Keyspace, key: string, delta: bigint): void {
  const text = keys.get(key)?.type === 'string' ? keys.string(key) : null;
  if (text !== null && /^-?\d+$/.test(text)) keys.setString(key, String(BigInt(text) + delta));
}
