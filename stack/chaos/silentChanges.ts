/** Changes of MySQL that write no row event, or one that MySQL takes back. Only the audit finds them. */
import type {Connection, RowDataPacket} from 'mysql2/promise';
import type {Random} from '../random.js';

type Change = (mysql: Connection, orderId: string, random: Random) => Promise<void>;

/** Runs statements with a variable of the session, such as `sql_log_bin = 0`. */
const within = async (mysql: Connection, setting: string, sql: string): Promise<void> => {
  await mysql.query(`SET SESSION ${setting}`);
  try {
    await mysql.query(sql);
  } finally {
    await mysql.query(`SET SESSION ${setting.split(' ')[0] ?? ''} = DEFAULT`);
  }
};

const amount = (random: Random): string => `${random.int(1, 900)}.${random.int(10, 99)}`;

const CHANGES: Readonly<Record<string, Change>> = {
  'a session without binlog deletes an order': async (mysql, id) =>
    await within(mysql, 'sql_log_bin = 0', `DELETE FROM orders WHERE id = ${id}`),
  'a session without binlog changes an order and a line item': async (mysql, id, random) =>
    await within(
      mysql,
      'sql_log_bin = 0',
      `UPDATE orders SET total_amount = ${amount(random)} WHERE id = ${id};
       UPDATE order_items SET quantity = quantity + 1 WHERE order_id = ${id} LIMIT 1`,
    ),
  'a session without binlog inserts an order': async (mysql, _, random) =>
    await within(
      mysql,
      'sql_log_bin = 0',
      `INSERT INTO orders (user_id, total_amount) VALUES (1001, ${amount(random)});
       INSERT INTO order_items (order_id, product_id, quantity, unit_price) VALUES (LAST_INSERT_ID(), 1001, 2, 1)`,
    ),
  'a session writes statements instead of row events': async (mysql, id, random) =>
    await within(
      mysql,
      `binlog_format = 'STATEMENT'`,
      `UPDATE orders SET total_amount = ${amount(random)} WHERE id = ${id}; DELETE FROM order_items WHERE order_id = ${id} ORDER BY id LIMIT 1`,
    ),
  'REPLACE without checks of foreign keys keeps the line items': async (mysql, id, random) =>
    await within(
      mysql,
      'foreign_key_checks = 0',
      `REPLACE INTO orders (id, user_id, total_amount) VALUES (${id}, 1002, ${amount(random)})`,
    ),
  'a prepared XA transaction is rolled back': async (mysql, id) => {
    const xid = `'chaos-${id}'`;
    await mysql.query(`XA START ${xid}`);
    await mysql.query(`UPDATE orders SET total_amount = 1.23, user_id = 1003 WHERE id = ${id}`);
    await mysql.query(`XA END ${xid}; XA PREPARE ${xid}; XA ROLLBACK ${xid}`);
  },
  'a column loses a decimal and gets it back': async (mysql) => {
    for (const decimals of [1, 2])
      await mysql.query(`ALTER TABLE orders MODIFY total_amount DECIMAL(12,${decimals}) NOT NULL`);
  },
};

/** Makes each change once, on random orders, with `between` after each of them. `note` receives what was done. */
export async function makeSilentChanges(
  mysql: Connection,
  {random, note, between}: {random: Random; note: (what: string) => void; between: () => Promise<void>},
): Promise<void> {
  for (const [what, change] of Object.entries(CHANGES)) {
    const [rows] = await mysql.query<RowDataPacket[]>('SELECT id FROM orders WHERE id > 0 ORDER BY id');
    if (rows.length === 0) return;
    const {id} = random.pick(rows) as {id: number};
    note(`silent change: ${what}, order ${id}`);
    await change(mysql, String(id), random);
    await between();
  }
}
