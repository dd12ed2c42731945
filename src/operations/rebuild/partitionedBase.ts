/**
 * The base of a new read model in the layout `partitioned`: the orders of each partition are written to its slot, by a writer of its own.
 *
 * C4: so the fence of each partition protects its orders (baseWriter.ts).
 */
import type {SourceOrder, SourcePage} from '../../upstream/sourceRows.js';
import {BaseWriter, type Base, type BaseWriterDeps, type PageOptions} from './baseWriter.js';

export class PartitionedBase implements Base {
  readonly #deps: BaseWriterDeps;
  readonly #partitionOf: (orderId: string) => number;
  readonly #writers = new Map<number, BaseWriter>();

  /** `partitionOf` throws if the partition of an order is not certain. */
  constructor(deps: BaseWriterDeps, partitionOf: (orderId: string) => number) {
    this.#deps = deps;
    this.#partitionOf = partitionOf;
  }

  async place(partition: number, nextOffset: bigint): Promise<void> {
    await this.#writer(partition).place(partition, nextOffset);
  }

  async write(page: SourcePage, options: PageOptions): Promise<void> {
    const parts = new Map<number, Map<string, SourceOrder>>();
    for (const [orderId, order] of page.orders) {
      const partition = this.#partitionOf(orderId);
      const part = parts.get(partition) ?? new Map<string, SourceOrder>();
      parts.set(partition, part.set(orderId, order));
    }
    await Promise.all(
      [...parts].map(async ([partition, orders]) => {
        await this.#writer(partition).write({...page, orders}, options);
      }),
    );
  }

  async finish(): Promise<void> {
    for (const writer of this.#writers.values()) await writer.finish();
  }

  #writer(partition: number): BaseWriter {
    const writer =
      this.#writers.get(partition) ?? new BaseWriter({...this.#deps, partition, writesSums: false});
    this.#writers.set(partition, writer);
    return writer;
  }
}
