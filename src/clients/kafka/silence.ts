/**
 * Which partitions were silent for longer than a fetch may wait: meanwhile their topic could have been made anew, and Kafka does
 * not tell. Each doubted partition reads its position and the record before it again, and the first answer to that is never
 * doubted: on a line so slow that every answer takes long, every second one still counts.
 *
 * Pure but for what it remembers.
 */
export class LogSilence {
  readonly #silenceMsMax: number;
  /** When each partition was last heard of; null while its next answer proves by itself which log it comes from. */
  readonly #heardMs = new Map<number, number | null>();

  constructor(silenceMsMax: number) {
    this.#silenceMsMax = silenceMsMax;
  }

  /** The partition reads from a position again. */
  begin(partition: number): void {
    this.#heardMs.set(partition, null);
  }

  forget(partition: number): void {
    this.#heardMs.delete(partition);
  }

  clear(): void {
    this.#heardMs.clear();
  }

  /** An answer to a fetch came: the partitions that are doubted by it, and how long each was silent. */
  heard(nowMs: number): {readonly partition: number; readonly silentMs: number}[] {
    return [...this.#heardMs].flatMap(([partition, heardMs]) => {
      this.#heardMs.set(partition, nowMs);
      const silentMs = heardMs === null ? 0 : nowMs - heardMs;
      return silentMs <= this.#silenceMsMax ? [] : [{partition, silentMs}];
    });
  }
}
