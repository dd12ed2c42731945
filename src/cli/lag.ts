/** `projector lag`: how far Redis is behind the log. */
import type {ConfigWith} from '../config.js';
import {EXIT} from '../errorPolicy.js';
import {readLag} from '../observe/lag.js';
import {withLog} from './connections.js';
import {table, type Output} from './output.js';

export async function lag(
  options: {readonly json: boolean},
  {config, output}: {config: ConfigWith<'brokers' | 'redisUrl'>; output: Output},
): Promise<number> {
  const rows = await withLog(
    config,
    async ({topic, positions, partitionCount}) => await readLag(topic, positions, partitionCount),
  );
  const total = rows.reduce((sum, row) => sum + row.lagRecords, 0n);
  if (options.json) {
    const printable = rows.map((row) => ({
      partition: row.partition,
      position: row.position?.toString() ?? null,
      end: row.end.toString(),
      lagRecords: row.lagRecords.toString(),
    }));
    output.line(JSON.stringify({topic: config.topic, lagRecords: total.toString(), partitions: printable}));
    return EXIT.ok;
  }
  const cells = rows.map((row) => [
    String(row.partition),
    row.position?.toString() ?? 'none',
    String(row.end),
    String(row.lagRecords),
  ]);
  for (const line of table(['partition', 'position', 'end', 'lag'], cells)) output.line(line);
  output.line(`${total} records behind on ${config.topic}`);
  return EXIT.ok;
}
