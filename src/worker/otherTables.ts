/**
 * Counts the records of tables that are not part of the source, and logs each table once. A mistyped ORDERS_TABLE makes a worker ignore
 * every record, although it looks healthy otherwise.
 */
export interface TableLogger {
  warn(fields: object, message: string): void;
}

/** Limit of tables that are counted separately. The records of further tables are counted under FURTHER. */
const TABLES_MAX = 50;
const FURTHER = '(other tables)';

export class OtherTables {
  readonly #logger: TableLogger;
  readonly #records = new Map<string, number>();

  constructor(logger: TableLogger) {
    this.#logger = logger;
  }

  /** The number of records by table, since the worker was started. */
  get records(): ReadonlyMap<string, number> {
    return this.#records;
  }

  add(records: ReadonlyMap<string, number>): void {
    for (const [table, count] of records) {
      const isKnown = this.#records.has(table);
      const name = isKnown || this.#records.size < TABLES_MAX ? table : FURTHER;
      this.#records.set(name, (this.#records.get(name) ?? 0) + count);
      if (!isKnown && name === table)
        this.#logger.warn(
          {table},
          'records ignored: the topic contains records of a table that is not part of the source (SOURCE_DATABASE, ORDERS_TABLE, ORDER_ITEMS_TABLE)',
        );
    }
  }
}
