/** Shows the progress of an initial load, with the time left as soon as MySQL has counted the orders. */
import type {MysqlClient} from '../../clients/mysql.js';
import type {LoadedRows} from '../../operations/rebuild/initialLoad.js';
import {bar, grouped, Progress} from '../../operations/rebuild/progress.js';
import {countSourceOrders} from '../../upstream/sourceRows.js';
import type {SourceTables} from '../../upstream/sourceTables.js';
import type {ProgressLine} from '../terminal/progressLine.js';
import {counted} from '../../runtime/counted.js';

export class LoadProgress {
  readonly #line: ProgressLine;
  readonly #mysql: MysqlClient;
  readonly #speed = new Progress('orders');
  #allOrders: number | undefined;

  /** `mysql` is a connection for this object alone, because MySQL can take minutes to count. */
  constructor(line: ProgressLine, mysql: MysqlClient) {
    this.#line = line;
    this.#mysql = mysql;
  }

  /** Counts the orders. If that fails, the time left is not shown. */
  async count(tables: SourceTables): Promise<void> {
    try {
      await this.#mysql.connect();
      this.#allOrders = await this.#mysql.consistentSnapshot(
        async (ask) => await countSourceOrders(ask, tables),
      );
    } catch {
      // The load itself reports that MySQL is not available.
    } finally {
      this.end();
    }
  }

  show({orders}: LoadedRows, nowMs: number): void {
    const all = this.#allOrders;
    if (all === undefined) {
      this.#line.show(`reading MySQL: ${counted(grouped(BigInt(orders)), 'order')}`);
      return;
    }
    // Line items without an order are loaded as orders too.
    const reached = {doneRecords: BigInt(Math.min(orders, all)), totalRecords: BigInt(all)};
    const text = this.#speed.line(reached, nowMs).trimStart();
    this.#line.show(`reading MySQL: ${text}`, (columns) => bar(reached, columns));
  }

  end(): void {
    this.#mysql.close();
  }
}
