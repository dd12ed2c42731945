/** Parses the value of `projector offsets reset --to`. */
import {ProjectorError} from '../../runtime/errors.js';

export type ResetPlace =
  | {readonly kind: 'earliest'}
  | {readonly kind: 'offset'; readonly offset: bigint}
  | {readonly kind: 'time'; readonly timeMs: number};

/** Accepts `earliest`, an offset, or a time such as 2026-11-25T07:00:00Z. Throws `usage` for any other text. */
export function parsePlace(text: string): ResetPlace {
  if (text === 'earliest') return {kind: 'earliest'};
  if (/^\d{1,18}$/.test(text)) return {kind: 'offset', offset: BigInt(text)};
  const timeMs = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(timeMs)) {
    throw new ProjectorError(
      'usage',
      '--to must be `earliest`, an offset, or a time such as 2026-11-25T07:00:00Z',
    );
  }
  return {kind: 'time', timeMs};
}
