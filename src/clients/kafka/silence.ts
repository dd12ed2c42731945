/**
 * Finds partitions without a fetch response for longer than a fetch may wait. It prevents this race (I10):
 *
 * 1. No fetch response arrives for several seconds.
 * 2. Meanwhile the topic is deleted and recreated, and grows past the position of the partition.
 * 3. The next fetch succeeds, because Kafka does not report that the topic is another one.
 * 4. The worker would apply records of the new topic after those of the old one.
 *
 * So the partition is doubted: it resumes, which compares the last applied record. The first response after a resume is never doubted.
 * Without this exception, a connection on which every response is slow would make no progress. With it, every second response counts.
 *
 * Pure, except for the times that it remembers.
 */
export class LogSilence {
  readonly #silenceMsMax: number;
  /** The time of the last fetch response for each partition. Null after a resume, because the next response proves the topic itself. */
  readonly #heardMs = new Map<number, number | null>();

  constructor(silenceMsMax: number) {
    this.#silenceMsMax = silenceMsMax;
  }

  /** The partition resumes. Its next response is not doubted. */
  begin(partition: number): void {
    this.#heardMs.set(partition, null);
  }

  forget(partition: number): void {
    this.#heardMs.delete(partition);
  }

  clear(): void {
    this.#heardMs.clear();
  }

  /** Records a fetch response. Returns the doubted partitions, and how long each had no response. */
  heard(nowMs: number): {readonly partition: number; readonly silentMs: number}[] {
    return [...this.#heardMs].flatMap(([partition, heardMs]) => {
      this.#heardMs.set(partition, nowMs);
      const silentMs = heardMs === null ? 0 : nowMs - heardMs;
      return silentMs <= this.#silenceMsMax ? [] : [{partition, silentMs}];
    });
  }
}
