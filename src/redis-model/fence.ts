/**
 * A fence is the text that replaces a position during a cutover (operations/rebuild/cutover.ts) or a repair:
 *
 *   fence 1795590040123 5f3c9a10 v1 124 123 1795426801749 8b1a2c3d 5f3c9a10
 *   |     |             |        the position that the fence replaced; empty if there was none
 *   |     |             holder: the id of the process that set the fence
 *   |     expiry time by the clock of Redis, ms since 1970
 *   form of this text
 *
 * I15: No script of a worker expects this text, so the workers apply nothing while a fence replaces the position.
 * After the fence has expired, the next process that reads it restores the position (apply/release.lua).
 *
 * apply/fence.lua writes the fences of cutovers and repairs. In addition, an initial load uses fences that have expired from the
 * start as positions of its staging database (operations/rebuild/baseWriter.ts, C4), and a rebuild in place of a position while it applies a chunk in parts (apply/parts.ts).
 *
 * Pure: no clock, no I/O.
 */
export interface Fence {
  readonly untilMs: number;
  readonly holder: string;
  /** The text of the position that the fence replaced (position.ts). It is '' if there was none. */
  readonly position: string;
}

const FORM = /^fence (\d{1,15}) (\S+) ?(.*)$/;

/** Returns undefined if the text is not a fence. */
export function parseFence(text: string): Fence | undefined {
  const [, untilMs, holder, position] = FORM.exec(text) ?? [];
  if (untilMs === undefined || holder === undefined || position === undefined) return undefined;
  return {untilMs: Number(untilMs), holder, position};
}

/** Returns the position text that a fence replaced. It returns every other text unchanged. */
export function positionInFence(text: string): string {
  return parseFence(text)?.position ?? text;
}
