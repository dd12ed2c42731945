/**
 * A fence stands where a position stood while a rebuild switches Redis over (operations/rebuild/cutover.ts), or a repair is at work:
 *
 *   fence 1795590040123 5f3c9a10 v1 124 123 1795426801749 8b1a2c3d 5f3c9a10
 *   |     |             |        the position that it stands for; nothing when there was none
 *   |     |             holder: who has set it
 *   |     until this time of Redis' clock, ms since 1970
 *   form of this text
 *
 * I15: no script expects this text, so nothing is written while it stands. Whoever finds it after its time puts the position back
 * (apply/release.lua). It is written by apply/fence.lua alone.
 *
 * Pure: no clock, no I/O.
 */
export interface Fence {
  readonly untilMs: number;
  readonly holder: string;
  /** Position text (position.ts), '' for none. */
  readonly position: string;
}

const FORM = /^fence (\d{1,15}) (\S+) ?(.*)$/;

/** Undefined when the text is no fence. */
export function parseFence(text: string): Fence | undefined {
  const [, untilMs, holder, position] = FORM.exec(text) ?? [];
  if (untilMs === undefined || holder === undefined || position === undefined) return undefined;
  return {untilMs: Number(untilMs), holder, position};
}

/** The position text that a fence stands for; any other text as it is. */
export function positionBehind(text: string): string {
  return parseFence(text)?.position ?? text;
}
