/** Which master has which hash slots, from the replies of the masters themselves. Pure. */
import {SLOT_COUNT} from './hashSlot.js';

/** The line of CLUSTER NODES about the node that has replied. */
export interface OwnLine {
  readonly id: string;
  /** It grows when the node takes over slots. */
  readonly epoch: string;
  readonly isMaster: boolean;
  /** Ranges of slots, for example `0-5460`, and slots that are moved, for example `[77->-1a2b]`. */
  readonly slots: readonly string[];
}

/** Reads the own line from a reply to CLUSTER NODES. Undefined if there is none. */
export function ownLine(reply: string): OwnLine | undefined {
  const line = reply.split('\n').find((text) => /\bmyself\b/.test(text.split(' ')[2] ?? ''));
  if (line === undefined) return undefined;
  const [id = '', , flags = '', , , , epoch = '', , ...slots] = line.split(' ');
  return {id, epoch, isMaster: flags.split(',').includes('master'), slots};
}

/** Returns one text for the assignment of slots. Returns undefined if slots are being moved, or if not each slot has one master. */
export function assignmentOf(lines: readonly (OwnLine | undefined)[]): string | undefined {
  let count = 0;
  const texts: string[] = [];
  for (const line of lines) {
    if (line?.isMaster !== true) return undefined;
    for (const range of line.slots) {
      const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? [];
      if (first === undefined) return undefined;
      count += Number(last) - Number(first) + 1;
    }
    texts.push([line.id, line.epoch, ...line.slots].join(' '));
  }
  return count === SLOT_COUNT ? texts.sort().join('\n') : undefined;
}
